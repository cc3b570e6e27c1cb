//! The command that starts a real kube-apiserver over `serve --etcd --scratch`.

use std::net::SocketAddr;
use std::path::PathBuf;

use etcd_inspect::Command;
use etcd_inspect_serve::Source;
use etcd_inspect_serve::apiserver::{ApiServerFacts, free_port};
use etcd_inspect_serve::kubeconfig::{ApiServer, Context};

use super::ServeArgs;

/// The token of its administrator: it listens on the loopback interface, and what it serves is lost at the end.
const TOKEN: &str = "reader";

/// A kube-apiserver that a user may start.
#[derive(Debug)]
pub(super) struct Planned {
    /// Where it will listen.
    pub(super) server: ApiServer,
    facts: ApiServerFacts,
}

impl Planned {
    /// For a source, beside contexts that have other names.
    pub(super) fn new(source: &Source, contexts: &[Context]) -> Self {
        let is_free = |name: &str| contexts.iter().all(|context| context.name != name);
        let name = match is_free("kube-apiserver") {
            true => "kube-apiserver".to_owned(),
            false => format!("kube-apiserver-of-{}", source.name),
        };
        Self {
            server: ApiServer {
                name,
                port: free_port(),
                token: TOKEN.to_owned(),
            },
            facts: ApiServerFacts::read(source),
        }
    }

    /// The line to paste. Keys and certificates are new ones, in a new directory.
    pub(super) fn start(&self, args: &ServeArgs, address: SocketAddr) -> std::io::Result<String> {
        let key = Command::new("openssl").args(["genrsa", "-out", "sa.key", "2048"]);
        let mut server =
            Command::new("kube-apiserver").arg(format!("--etcd-servers=http://{address}"));
        let given = args.layout.etcd_prefix.first();
        if let Some(prefix) = given.or(self.facts.prefix.as_ref()) {
            server = server.arg(format!("--etcd-prefix={prefix}"));
        }
        if let Some(config) = args.keys.encryption_config.last() {
            let config: PathBuf = std::path::absolute(config)?;
            server = server.arg("--encryption-provider-config").path(&config);
        }
        let server = server
            .arg("--bind-address=127.0.0.1")
            .arg(format!("--secure-port={}", self.server.port))
            .args([
                "--cert-dir=certs",
                "--service-account-issuer=https://serve",
                "--service-account-key-file=sa.key",
                "--service-account-signing-key-file=sa.key",
                "--token-auth-file=tokens.csv",
                "--authorization-mode=RBAC",
            ])
            .arg(format!(
                "--service-cluster-ip-range={}",
                self.facts.service_range
            ))
            // Objects are stored in alpha and beta versions too.
            .args([
                "--runtime-config=api/all=true",
                "--disable-admission-plugins=ServiceAccount",
                "--endpoint-reconciler-type=none",
            ]);
        let tokens = format!("echo {TOKEN},admin,1,system:masters > tokens.csv");
        let (key, server) = (key.on(None), server.on(None));
        Ok(format!(
            "(cd \"$(mktemp -d)\" && {key} && {tokens} && {server})"
        ))
    }
}
