//! A real kube-apiserver on an etcd of ours: `/work/shared/tools` of the maintainers' machine has one, others may not.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::etcd::{Server, free_ports};

const PATIENCE: Duration = Duration::from_secs(120);

/// A running kube-apiserver; it listens on the loopback address only.
#[derive(Debug)]
pub struct ApiServer {
    child: Child,
    port: u16,
    log: PathBuf,
}

impl ApiServer {
    /// Starts one on an etcd, with its files in `dir`; `None` if there is no program.
    ///
    /// # Panics
    /// When it does not serve.
    #[must_use]
    pub fn start(etcd: &Server, dir: &Path) -> Option<Self> {
        let program = program()?;
        let key = dir.join("sa.key");
        let made = Command::new("openssl")
            .args(["genrsa", "-out", key.to_str()?, "2048"])
            .stderr(Stdio::null())
            .status();
        if !made.is_ok_and(|status| status.success()) {
            return None;
        }
        fs::write(dir.join("tokens.csv"), "tok,admin,1,system:masters").expect("written");
        let [port, _] = free_ports();
        let log = dir.join("kube-apiserver.log");
        let out = File::create(&log).expect("a log file");
        let child = Command::new(program)
            .current_dir(dir)
            .arg(format!("--etcd-servers={}", etcd.client_url()))
            .arg(format!("--secure-port={port}"))
            .args([
                "--bind-address=127.0.0.1",
                "--cert-dir=certs",
                "--service-account-issuer=https://x",
                "--service-account-key-file=sa.key",
                "--service-account-signing-key-file=sa.key",
                "--token-auth-file=tokens.csv",
                "--authorization-mode=RBAC",
                "--service-cluster-ip-range=10.96.0.0/16",
                "--runtime-config=api/all=true",
                "--disable-admission-plugins=ServiceAccount",
                "--endpoint-reconciler-type=none",
            ])
            .stdin(Stdio::null())
            .stdout(out.try_clone().expect("a second handle"))
            .stderr(out)
            .spawn()
            .expect("kube-apiserver starts");
        let server = Self { child, port, log };
        let end = Instant::now() + PATIENCE;
        while server.text("/healthz").as_deref() != Some("ok") {
            assert!(
                Instant::now() < end,
                "kube-apiserver does not serve: {}",
                fs::read_to_string(&server.log).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(300));
        }
        Some(server)
    }

    /// The answer to a request, as JSON.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn get(&self, path: &str) -> Value {
        let text = self.text(path).expect("an answer");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Creates an object at the path of its resource; returns the answer, which may be a refusal.
    ///
    /// # Panics
    /// When the request cannot be made.
    #[must_use]
    pub fn create(&self, path: &str, object: &Value) -> Value {
        let mut child = Command::new("curl")
            .args(["-sk", "-m", "20", "-H", "Authorization: Bearer tok"])
            .args([
                "-H",
                "Content-Type: application/json",
                "--data-binary",
                "@-",
            ])
            .arg(format!("https://127.0.0.1:{}{path}", self.port))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("curl starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        std::io::Write::write_all(&mut stdin, object.to_string().as_bytes()).expect("written");
        drop(stdin);
        let output = child.wait_with_output().expect("an answer");
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    fn text(&self, path: &str) -> Option<String> {
        let output = Command::new("curl")
            .args(["-sk", "-m", "20", "-H", "Authorization: Bearer tok"])
            .arg(format!("https://127.0.0.1:{}{path}", self.port))
            .output()
            .ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Stops it.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program: `$KUBE_APISERVER`, or the archive of the shared tools, unpacked once into `target/`; `None` if there is neither.
#[must_use]
pub fn program() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("KUBE_APISERVER") {
        return Some(PathBuf::from(path));
    }
    let root = crate::root();
    let archive = root.ancestors().find_map(|above| {
        let archive = above.join("shared/tools/kube-apiserver-1.20.2.zst");
        archive.exists().then_some(archive)
    })?;
    let program = root.join("target/kube-apiserver-1.20.2/kube-apiserver");
    if program.is_file() {
        return Some(program);
    }
    fs::create_dir_all(program.parent()?).ok()?;
    // Tests run at once: whoever is last replaces the same file.
    let beside = program.with_extension(format!("{}.tmp", std::process::id()));
    let unpacked = Command::new("zstd")
        .args(["-dqf", archive.to_str()?, "-o", beside.to_str()?])
        .status();
    if !unpacked.is_ok_and(|status| status.success()) {
        return None;
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&beside, fs::Permissions::from_mode(0o700)).ok()?;
    }
    fs::rename(&beside, &program).ok()?;
    Some(program)
}
