//! `etcd-inspect serve` as a child, over evidence that has to stay as it is.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use testkit::Seal;

/// A server; ends when it is dropped.
pub struct Server {
    child: Child,
    seal: Option<Seal>,
    _dir: tempfile::TempDir,
    pub kubeconfig: PathBuf,
    /// `127.0.0.1:4711`.
    pub address: String,
    /// The lines to paste.
    pub printed: Vec<String>,
    /// How it has to end.
    pub exit: i32,
}

/// An answer over HTTP.
pub struct Reply {
    pub code: u16,
    pub head: String,
    pub body: String,
    /// The body as it was sent.
    pub bytes: Vec<u8>,
}

impl Reply {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

impl Server {
    /// Serves a data directory, with more flags.
    pub fn start(evidence: &Path, flags: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let kubeconfig = dir.path().join("kubeconfig");
        let seal = Seal::read(evidence);
        let mut child = Command::new(env!("CARGO_BIN_EXE_etcd-inspect"))
            .arg("serve")
            .arg(evidence)
            .arg("--kubeconfig")
            .arg(&kubeconfig)
            .args(flags)
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let out = BufReader::new(child.stdout.take().expect("a pipe"));
        let lines = match flags {
            flags if flags.contains(&"--scratch") => 6,
            flags if flags.contains(&"--etcd") => 4,
            _ => 3,
        };
        let printed: Vec<String> = out
            .lines()
            .take(lines)
            .map(|line| line.expect("a line"))
            .collect();
        let curl = printed.get(2).expect("three lines to paste");
        let at = curl.find("http://").expect("an address") + "http://".len();
        let address = curl[at..].split('/').next().expect("an address").to_owned();
        Self {
            child,
            seal: Some(seal),
            _dir: dir,
            kubeconfig,
            address,
            printed,
            exit: 0,
        }
    }

    /// A request as it is, in one connection of its own.
    pub fn send(&self, request: &str) -> Reply {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream
            .set_read_timeout(Some(Duration::from_secs(120)))
            .expect("a time");
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("it answers");
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let (head, body) = match end {
            Some(end) => (&bytes[..end], &bytes[end + 4..]),
            None => (&bytes[..], &[][..]),
        };
        let head = String::from_utf8_lossy(head).into_owned();
        let chunked = head
            .to_ascii_lowercase()
            .contains("transfer-encoding: chunked");
        let code = head
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .unwrap_or(0);
        let bytes = match chunked {
            true => dechunked(body),
            false => body.to_vec(),
        };
        Reply {
            code,
            head,
            body: String::from_utf8_lossy(&bytes).into_owned(),
            bytes,
        }
    }

    /// A GET with more headers.
    pub fn ask(&self, path: &str, headers: &[&str]) -> Reply {
        let headers: String = headers
            .iter()
            .map(|header| format!("{header}\r\n"))
            .collect();
        let host = &self.address;
        self.send(&format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n"
        ))
    }

    /// The JSON document at a path.
    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        let reply = self.ask(path, &["Accept: application/json"]);
        assert_eq!(reply.code, 200, "{path}: {}", reply.body);
        reply.json()
    }

    /// Runs kubectl, or the one that `$KUBECTL` names; `None` if there is none.
    pub fn kubectl(&self, arguments: &[&str]) -> Option<Output> {
        let program = std::env::var_os("KUBECTL").unwrap_or_else(|| "kubectl".into());
        let output = Command::new(program)
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .arg("--cache-dir")
            .arg(self._dir.path().join("cache"))
            .args(arguments)
            .stdin(Stdio::null())
            .output();
        if output.is_err() {
            eprintln!("no kubectl is here: nothing was asked with it (Debian: kubernetes-client)");
        }
        output.ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let status = self.child.wait();
        if std::thread::panicking() {
            return;
        }
        assert_eq!(
            status.ok().and_then(|status| status.code()),
            Some(self.exit),
            "it ends cleanly"
        );
        if let Some(seal) = self.seal.take() {
            seal.assert_unchanged();
        }
    }
}

fn dechunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = body.windows(2).position(|two| two == b"\r\n") {
        let size = String::from_utf8_lossy(&body[..end]);
        let rest = &body[end + 2..];
        let Ok(size) = usize::from_str_radix(&size, 16) else {
            break;
        };
        let Some(chunk) = rest.get(..size).filter(|chunk| !chunk.is_empty()) else {
            break;
        };
        whole.extend_from_slice(chunk);
        body = rest.get(size + 2..).unwrap_or_default();
    }
    whole
}
