//! Lists the pods of a data directory as Rust types, without a cluster.
//!
//! ```text
//! cargo run -p etcd-inspect-typed --example typed_pods -- /copy/m1
//! ```

use std::io::Write as _;

use etcd_inspect::dataset::Dataset;
use etcd_inspect_typed::List as _;
use etcd_inspect_typed::k8s_openapi::api::core::v1::Pod;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("which directory?")?;
    let (pods, damage) = Dataset::open(path)?.newest().list::<Pod>()?.into_parts();

    let mut out = std::io::stdout().lock();
    for pod in &pods {
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
        writeln!(out, "{name}\t{}", node.unwrap_or("not scheduled"))?;
    }
    // What could not be read is part of the answer.
    for finding in &damage.findings {
        writeln!(out, "{}: {}", finding.place, finding.message)?;
    }
    Ok(())
}
