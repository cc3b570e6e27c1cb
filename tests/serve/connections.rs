//! Clients that connect and do not ask do no harm.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use testkit::data_dir;

use crate::server::Server;

/// More than the server keeps at once.
const CONNECTIONS: usize = 1_100;

#[test]
fn connections_that_ask_nothing_or_half_a_question_make_room_for_one_that_asks() {
    let server = Server::start(&data_dir("k8s-1.20-etcd35"), &[]);
    let watch = TcpStream::connect(&server.address).expect("it listens");
    let asked = b"GET /api/v1/pods?watch=1 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    (&watch).write_all(asked).expect("it reads");
    let halves: [&[u8]; 3] = [
        b"",
        b"GET /api HTTP/1.1\r\nHost: local",
        b"POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{",
    ];
    let mut held = Vec::new();
    for half in halves.iter().cycle().take(CONNECTIONS) {
        // This process may have fewer descriptors: then there are fewer of them.
        let Ok(mut stream) = TcpStream::connect(&server.address) else {
            break;
        };
        let _ = stream.write_all(half);
        held.push(stream);
    }
    held.truncate(held.len().saturating_sub(4));
    let begin = Instant::now();
    assert_eq!(server.get("/api")["versions"][0], "v1");
    assert!(
        begin.elapsed() < Duration::from_secs(5),
        "{:?}",
        begin.elapsed()
    );
    // An answer that is being sent is not idle, however old it is.
    watch.set_nonblocking(true).expect("a socket");
    let mut all = Vec::new();
    let read = std::io::Read::read_to_end(&mut &watch, &mut all);
    assert!(
        read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock),
        "the watch goes on"
    );
}

#[test]
fn a_kubeconfig_that_exists_is_never_overwritten() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let theirs = dir.path().join("config");
    std::fs::write(&theirs, "current-context: production\n").expect("written");
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(&theirs, &link).expect("a link");
    for path in [&theirs, &link] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_etcd-inspect"))
            .arg("serve")
            .arg(data_dir("k8s-1.20-etcd35"))
            .args(["--for", "1ms", "--kubeconfig"])
            .arg(path)
            .output()
            .expect("the binary runs");
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{err}");
        assert!(err.contains("try    etcd-inspect serve "), "{err}");
    }
    let kept = std::fs::read_to_string(&theirs).expect("there");
    assert_eq!(kept, "current-context: production\n");
}
