//! The kubeconfig that is written for kubectl, k9s and other clients.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};

/// A context: a name for evidence at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// `m1@-10m`.
    pub name: String,
    /// The path of its API: empty, or `/source/m2/at/1200`.
    pub path: String,
}

/// A kube-apiserver that the user starts, which listens on the loopback interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiServer {
    /// The name of its context.
    pub name: String,
    /// The port of its flag.
    pub port: u16,
    /// The token of its administrator.
    pub token: String,
}

impl ApiServer {
    /// Adds its cluster, context and user to a kubeconfig. Its certificate is not verified: it is made when it starts.
    pub fn add_to(&self, document: &mut Value) {
        let name = &self.name;
        let server = format!("https://127.0.0.1:{}", self.port);
        for (list, entry) in [
            (
                "clusters",
                json!({ "name": name, "cluster": { "server": server, "insecure-skip-tls-verify": true } }),
            ),
            (
                "contexts",
                json!({ "name": name, "context": { "cluster": name, "user": name } }),
            ),
            (
                "users",
                json!({ "name": name, "user": { "token": self.token } }),
            ),
        ] {
            if let Some(entries) = document.get_mut(list).and_then(Value::as_array_mut) {
                entries.push(entry);
            }
        }
    }
}

impl Context {
    /// Of a source, which is the first or has its name in the path, at a moment of it.
    pub fn new(name: impl Into<String>, source: Option<&str>, moment: Option<&str>) -> Self {
        let mut path = source.map(|source| format!("/source/{}", encoded(source)));
        if let Some(moment) = moment {
            path = Some(format!(
                "{}/at/{}",
                path.unwrap_or_default(),
                encoded(moment)
            ));
        }
        Self {
            name: name.into(),
            path: path.unwrap_or_default(),
        }
    }
}

fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// The document, which is YAML because JSON is; the first context is the current one.
///
/// A token is also the password in the URL: over plain HTTP client-go sends nothing of `users`, and hides passwords in its messages.
pub fn document(address: SocketAddr, contexts: &[Context], token: Option<&str>) -> Value {
    let named =
        |context: &Context, kind: &str, value: Value| json!({ "name": context.name, kind: value });
    let password = token.map(|token| format!("reader:{}@", encoded(token)));
    let password = password.unwrap_or_default();
    let clusters = contexts.iter().map(|context| {
        let server = format!("http://{password}{address}{}", context.path);
        named(context, "cluster", json!({ "server": server }))
    });
    let entries = contexts.iter().map(|context| {
        named(
            context,
            "context",
            json!({ "cluster": context.name, "user": "reader" }),
        )
    });
    let user = match token {
        Some(token) => json!({ "token": token }),
        None => json!({}),
    };
    json!({
        "apiVersion": "v1", "kind": "Config",
        "clusters": clusters.collect::<Vec<_>>(),
        "contexts": entries.collect::<Vec<_>>(),
        "current-context": contexts.first().map(|context| context.name.as_str()),
        "users": [{ "name": "reader", "user": user }],
    })
}

/// Writes it so that only its owner can read it; a file that is there already is replaced.
///
/// # Errors
/// The file cannot be written.
pub fn write(path: &Path, document: &Value) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.tmp", std::process::id()));
    let beside = Path::new(&beside);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(beside).and_then(|mut file| {
        serde_json::to_writer_pretty(&mut file, document)?;
        file.write_all(b"\n")?;
        std::fs::rename(beside, path)
    });
    if written.is_err() {
        let _ = std::fs::remove_file(beside);
    }
    written
}
