//! What `serve` prints to paste.

use std::net::SocketAddr;
use std::path::Path;

use etcd_inspect::Command;

use super::ServeArgs;
use crate::ui::Ui;

/// Prints a command for each client.
pub(super) fn print(
    args: &ServeArgs,
    kubeconfig: &Path,
    address: SocketAddr,
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
        let etcdctl = Command::new("etcdctl").arg(format!("--endpoints={address}"));
        let etcdctl = etcdctl.args(["get", "/", "--prefix", "--keys-only", "--limit=9"]);
        ui.line(etcdctl.on(None))?;
    }
    if args.scratch {
        ui.line(apiserver(args, address))?;
    }
    ui.out().flush()?;
    if !args.listen.ip().is_loopback() {
        ui.warn(format!(
            "{address} can be reached from other machines: whoever has the token reads everything, unencrypted"
        ))?;
    }
    ui.note(match args.scratch {
        true => "writes are taken, in memory, and lost at the end; Ctrl-C ends it",
        false => "read-only; Ctrl-C ends it",
    })?;
    Ok(())
}

/// A real kube-apiserver over it: the keys of service accounts are new ones, the token of its administrator is `reader`.
fn apiserver(args: &ServeArgs, address: SocketAddr) -> String {
    let key = Command::new("openssl").args(["genrsa", "-out", "serve-sa.key", "2048"]);
    let mut server = Command::new("kube-apiserver").arg(format!("--etcd-servers=http://{address}"));
    if let Some(prefix) = args.layout.etcd_prefix.first() {
        server = server.arg(format!("--etcd-prefix={prefix}"));
    }
    if let Some(config) = args.keys.encryption_config.last() {
        server = server.arg("--encryption-provider-config").path(config);
    }
    let server = server.args([
        "--bind-address=127.0.0.1",
        "--secure-port=6443",
        "--cert-dir=serve-certs",
        "--service-account-issuer=https://serve",
        "--service-account-key-file=serve-sa.key",
        "--service-account-signing-key-file=serve-sa.key",
        "--token-auth-file=serve-tokens.csv",
        "--authorization-mode=RBAC",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--disable-admission-plugins=ServiceAccount",
        "--endpoint-reconciler-type=none",
    ]);
    let tokens = "echo reader,admin,1,system:masters > serve-tokens.csv";
    format!("{} && {tokens} && {}", key.on(None), server.on(None))
}
