//! Writes incidents as directories, to look at them by hand: `cargo run -p testkit --example reproduce -- OUT [ID…]`.
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a program for a person"
)]

use std::path::Path;
use std::process::Command;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let out = arguments.next().expect("a directory to write to");
    let wanted: Vec<String> = arguments.collect();
    for incident in testkit::incidents::all()
        .into_iter()
        .filter(|incident| wanted.is_empty() || wanted.iter().any(|id| id == incident.id))
    {
        let copy = incident.reproduce();
        let target = Path::new(&out).join(incident.id);
        std::fs::create_dir_all(&target).expect("a writable directory");
        let status = Command::new("cp")
            .args(["-a", "--sparse=always"])
            .arg(copy.data_dir().join("."))
            .arg(&target)
            .status()
            .expect("cp");
        assert!(status.success(), "cp to {}", target.display());
        println!(
            "{}  {}  {}",
            target.display(),
            incident.class,
            incident.what
        );
    }
}
