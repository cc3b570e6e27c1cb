//! What `serve` prints to paste.

use std::net::SocketAddr;
use std::path::Path;

use etcd_inspect::Command;

use super::ServeArgs;
use super::apiserver::Planned;
use crate::ui::Ui;

/// Prints a command for each client.
pub(super) fn print(
    args: &ServeArgs,
    kubeconfig: &Path,
    address: SocketAddr,
    apiserver: Option<&Planned>,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    let with = |program: &str| Command::new(program).arg("--kubeconfig").path(kubeconfig);
    let kubectl = with("kubectl").args(["get", "pods", "-A"]);
    let k9s = with("k9s").arg("--readonly");
    let mut curl = Command::new("curl").arg("-s");
    if let Some(token) = &args.token {
        curl = curl.arg("-H").arg(format!("Authorization: Bearer {token}"));
    }
    let curl = curl.arg(format!("http://{address}/api/v1/namespaces"));
    for command in [kubectl, k9s, curl] {
        ui.line(command.on(None))?;
    }
    if args.etcd {
        let mut etcdctl = Command::new("etcdctl").arg(format!("--endpoints={address}"));
        if let Some(token) = &args.token {
            etcdctl = etcdctl.arg(format!("--user=reader:{token}"));
        }
        let etcdctl = etcdctl.args(["get", "/", "--prefix", "--keys-only", "--limit=9"]);
        ui.line(etcdctl.on(None))?;
    }
    if let Some(planned) = apiserver {
        ui.line(planned.start(args, address)?)?;
        let asked = with("kubectl").arg("--context").arg(&planned.server.name);
        ui.line(asked.args(["get", "pods", "-A"]).on(None))?;
    }
    ui.out().flush()?;
    if !args.listen.ip().is_loopback() {
        ui.warn(format!(
            "{} can be reached from other machines: whoever has the token reads everything, unencrypted; the kubeconfig contains it",
            args.listen
        ))?;
        if address.ip().is_loopback() {
            ui.note(format!(
                "no route from here leads to other machines: there, put an address of this one in place of {}",
                address.ip()
            ))?;
        }
    }
    if args.etcd {
        ui.note("clients of etcd's API, also kube-apiserver, see secrets as they are stored")?;
    }
    ui.note(match args.scratch {
        true => "writes are taken, in memory, and lost at the end; Ctrl-C ends it",
        false => "read-only; Ctrl-C ends it",
    })?;
    Ok(())
}
