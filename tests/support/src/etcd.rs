//! Real etcd as oracle: the binaries that `fixtures/recipes/etcd-from-debian` fetched (or that are installed), servers on
//! loopback and free ports that are stopped by their own process id, and `etcdctl`.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The programs of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    /// `3.5.30`.
    pub version: String,
    dir: PathBuf,
}

impl Binaries {
    /// Every version found on this machine, oldest first: `$ETCD_FROM_DEBIAN` or `~/.cache/etcd-inspect/etcd`, then `/usr/bin`.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let cache = std::env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))
            .map(|cache| cache.join("etcd-inspect/etcd"));
        let home = std::env::var_os("ETCD_FROM_DEBIAN")
            .map(PathBuf::from)
            .or(cache);
        let mut dirs: Vec<PathBuf> = home
            .and_then(|home| fs::read_dir(home).ok())
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
            .collect();
        dirs.push(PathBuf::from("/usr/bin"));
        let mut found: Vec<Self> = Vec::new();
        for dir in dirs
            .into_iter()
            .filter(|dir| dir.join("etcd").is_file() && dir.join("etcdctl").is_file())
        {
            let Ok(output) = Command::new(dir.join("etcd"))
                .arg("--version")
                .stdin(Stdio::null())
                .output()
            else {
                continue;
            };
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let Some(version) = text
                .lines()
                .find_map(|line| line.strip_prefix("etcd Version: "))
            else {
                continue;
            };
            if !found.iter().any(|other| other.version == version) {
                found.push(Self {
                    version: version.trim().to_owned(),
                    dir,
                });
            }
        }
        found.sort_by_key(|binaries| numbers(&binaries.version));
        found
    }

    /// The newest version of a minor release (`3.5`), or exactly that one (`3.5.16`), if there is one here.
    #[must_use]
    pub fn newest(minor: &str) -> Option<Self> {
        Self::all().into_iter().rfind(|binaries| {
            binaries.version == minor || binaries.version.starts_with(&format!("{minor}."))
        })
    }

    /// The folder of the programs, for a `PATH`.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What restores a backup: `etcdutl` where there is one (3.5), else `etcdctl`.
    #[must_use]
    pub fn restorer(&self) -> PathBuf {
        let utl = self.dir.join("etcdutl");
        if utl.is_file() {
            utl
        } else {
            self.dir.join("etcdctl")
        }
    }

    /// Runs [`restorer`](Self::restorer).
    #[must_use]
    pub fn utl(&self, arguments: &[&str]) -> Output {
        Command::new(self.restorer())
            .args(arguments)
            .env("ETCDCTL_API", "3")
            .stdin(Stdio::null())
            .output()
            .expect("etcdutl runs")
    }
}

fn numbers(version: &str) -> Vec<u64> {
    version
        .split('.')
        .map(|part| part.parse().unwrap_or(0))
        .collect()
}

/// A server that did not come to serve.
#[derive(Debug)]
pub struct NotServing {
    /// Exit code; `None` while it still runs (it hangs) or when a signal ended it.
    pub exit: Option<i32>,
    /// Whether it was still running.
    pub running: bool,
    /// What it logged.
    pub log: String,
}

/// A running server; killed when dropped.
#[derive(Debug)]
pub struct Server {
    binaries: Binaries,
    child: Child,
    client: u16,
    log: PathBuf,
    user: Option<String>,
    token: Option<String>,
}

impl Server {
    /// Starts etcd on a data directory and waits until it is healthy.
    ///
    /// # Errors
    /// When it exits, or does not serve within the time given.
    pub fn start(
        binaries: &Binaries,
        data_dir: &Path,
        flags: &[&str],
        patience: Duration,
    ) -> Result<Self, NotServing> {
        Self::start_within(binaries, data_dir, flags, patience, None)
    }

    /// As [`start`](Self::start), with a limit on the memory that the process may ask for.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_within(
        binaries: &Binaries,
        data_dir: &Path,
        flags: &[&str],
        patience: Duration,
        memory_bytes: Option<u64>,
    ) -> Result<Self, NotServing> {
        let [client, peer] = free_ports();
        let (client_url, peer_url) = (
            format!("http://127.0.0.1:{client}"),
            format!("http://127.0.0.1:{peer}"),
        );
        let cluster = format!("m1={peer_url}");
        let log = data_dir.with_extension("log");
        let out = File::create(&log).expect("a log file beside the data directory");
        let program = binaries.dir.join("etcd");
        let mut command = match memory_bytes {
            None => Command::new(program),
            Some(bytes) => {
                let mut limited = Command::new("prlimit");
                limited.arg(format!("--data={bytes}")).arg(program);
                limited
            }
        };
        let mut child = command
            .args([
                "--name",
                "m1",
                "--listen-client-urls",
                &client_url,
                "--advertise-client-urls",
                &client_url,
            ])
            .args([
                "--listen-peer-urls",
                &peer_url,
                "--initial-advertise-peer-urls",
                &peer_url,
                "--initial-cluster",
                &cluster,
            ])
            .arg("--data-dir")
            .arg(data_dir)
            .args(flags)
            .stdin(Stdio::null())
            .stdout(out.try_clone().expect("a second handle"))
            .stderr(out)
            .spawn()
            .expect("etcd starts");
        let end = Instant::now() + patience;
        loop {
            if let Some(status) = child.try_wait().expect("a child of ours") {
                return Err(NotServing {
                    exit: status.code(),
                    running: false,
                    log: fs::read_to_string(&log).unwrap_or_default(),
                });
            }
            if healthy(client) {
                return Ok(Self {
                    binaries: binaries.clone(),
                    child,
                    client,
                    log,
                    user: None,
                    token: None,
                });
            }
            if Instant::now() > end {
                let _ = child.kill();
                let _ = child.wait();
                return Err(NotServing {
                    exit: None,
                    running: true,
                    log: fs::read_to_string(&log).unwrap_or_default(),
                });
            }
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// Credentials (`name:password`) for every later [`ctl`](Self::ctl).
    pub fn log_in(&mut self, user: &str) {
        self.user = Some(user.to_owned());
    }

    /// A token for every later [`post`](Self::post).
    ///
    /// # Panics
    /// When the server does not take the password.
    #[track_caller]
    pub fn log_in_by_token(&mut self, name: &str, password: &str) {
        self.token = None;
        let body = serde_json::json!({ "name": name, "password": password });
        let answer = self.post("/v3/auth/authenticate", &body);
        self.token = Some(answer["token"].as_str().expect("a token").to_owned());
    }

    /// Where clients reach it.
    #[must_use]
    pub fn client_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.client)
    }

    /// Runs `etcdctl` against this server.
    #[must_use]
    pub fn output(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut command = Command::new(self.binaries.dir.join("etcdctl"));
        command
            .arg(format!("--endpoints={}", self.client_url()))
            .env("ETCDCTL_API", "3");
        if let Some(user) = &self.user {
            command.arg(format!("--user={user}"));
        }
        let mut child = command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("etcdctl runs");
        child
            .stdin
            .take()
            .expect("a pipe")
            .write_all(input)
            .expect("etcdctl reads");
        child.wait_with_output().expect("etcdctl ends")
    }

    /// Runs `etcdctl` and gives what it printed.
    ///
    /// # Panics
    /// When it fails.
    #[track_caller]
    pub fn ctl(&self, arguments: &[&str]) -> String {
        self.ctl_with(arguments, b"")
    }

    /// Runs `etcdctl` with something on its standard input: a value, or a transaction.
    ///
    /// # Panics
    /// When it fails.
    #[track_caller]
    pub fn ctl_with(&self, arguments: &[&str], input: &[u8]) -> String {
        let output = self.output(arguments, input);
        assert!(
            output.status.success(),
            "etcdctl {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs `etcdctl … -w json`.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Value {
        let text = self.ctl(&[arguments, &["-w", "json"]].concat());
        serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("etcdctl {arguments:?}: {error} in {text}"))
    }

    /// A POST to the JSON gateway, for what `etcdctl` cannot say (binary keys).
    #[must_use]
    pub fn post(&self, path: &str, body: &Value) -> Value {
        let patience = Duration::from_secs(10);
        let answer = self.sent(path, body, patience).expect("an answer");
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{path}: {error} in {answer}"))
    }

    /// As [`post`](Self::post), `None` if no answer comes within the time given.
    #[must_use]
    pub fn try_post(&self, path: &str, body: &Value, patience: Duration) -> Option<Value> {
        let answer = self.sent(path, body, patience)?;
        serde_json::from_str(&answer).ok()
    }

    fn sent(&self, path: &str, body: &Value, patience: Duration) -> Option<String> {
        let token = self.token.as_deref();
        http(
            self.client,
            ("POST", path),
            &body.to_string(),
            token,
            patience,
        )
    }

    /// What it logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, as a power cut would.
    pub fn kill(mut self) {
        self.child.kill().expect("a child of ours");
        self.child.wait().expect("it ends");
    }

    /// SIGTERM, and waits for the clean end.
    pub fn stop(mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a child of ours");
        self.child.wait().expect("it ends");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn free_ports() -> [u16; 2] {
    let listeners = [0, 0].map(|port| TcpListener::bind(("127.0.0.1", port)).expect("a free port"));
    listeners.map(|listener| listener.local_addr().expect("an address").port())
}

fn healthy(port: u16) -> bool {
    http(port, ("GET", "/health"), "", None, Duration::from_secs(2))
        // An alarm is no reason to wait: it serves, and refuses writes.
        .is_some_and(|body| body.contains("\"true\"") || body.contains("ALARM"))
}

fn http(
    port: u16,
    (method, path): (&str, &str),
    body: &str,
    token: Option<&str>,
    patience: Duration,
) -> Option<String> {
    let login = token.map_or_else(String::new, |token| format!("Authorization: {token}\r\n"));
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(patience)).ok()?;
    let length = body.len();
    write!(stream, "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{login}Content-Length: {length}\r\n\r\n{body}").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer.split_once("\r\n\r\n")?.1.to_owned())
}
