//! Fails if a backup is damaged: what a job in CI needs.
//!
//! ```text
//! cargo run -p etcd-inspect-lib --example check -- backup.db
//! ```

use std::io::Write as _;
use std::process::ExitCode;

use etcd_inspect::Severity;
use etcd_inspect::check::Depth;
use etcd_inspect::dataset::Dataset;

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("which file?")?;
    let report = Dataset::open(path)?.check(Depth::Deep);
    let mut out = std::io::stdout().lock();
    let worse = |severity| move |finding: &&etcd_inspect::Finding| finding.severity >= severity;
    for finding in report.findings.iter().filter(worse(Severity::Warning)) {
        let code = finding.code.id;
        writeln!(out, "{code} {}: {}", finding.place, finding.message)?;
    }
    writeln!(out, "{}", report.verdict)?;
    Ok(match report.count(Severity::Error) {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}
