//! The release of Kubernetes that a cluster has, as far as its nodes say.

use std::sync::OnceLock;

use super::objects::{Objects, Reading};
use crate::kubernetes::nouns::Target;
use crate::kubernetes::resources::Resource;

/// Nodes that are asked: those of a cluster differ by one release while it is upgraded.
const ASKED_NODES: usize = 64;

/// What the nodes say, read once.
#[derive(Debug, Default)]
pub(super) struct ClusterRelease(OnceLock<Option<String>>);

impl ClusterRelease {
    /// The newest `kubeletVersion`: `v1.34.1`.
    pub(super) fn name(&self, objects: &Objects<'_>) -> Option<String> {
        self.0.get_or_init(|| newest(objects)).clone()
    }

    /// The minor version: 34.
    pub(super) fn get(&self, objects: &Objects<'_>) -> Option<u32> {
        let name = self.0.get_or_init(|| newest(objects)).as_deref()?;
        numbers(name).get(1).copied()
    }
}

fn newest(objects: &Objects<'_>) -> Option<String> {
    let target = Target::from(Resource::by_path("minions")?);
    let nodes = objects.list(&target, None, None).ok()?;
    // As they are stored: what is added when an object is read asks for the release.
    let reading = Reading {
        stored: true,
        ..Reading::default()
    };
    let versions = nodes.iter().take(ASKED_NODES).filter_map(|node| {
        let node = objects.json(node, reading).ok()?;
        let version = node.pointer("/status/nodeInfo/kubeletVersion")?.as_str()?;
        version.starts_with("v1.").then(|| version.to_owned())
    });
    versions.max_by_key(|version| numbers(version))
}

fn numbers(version: &str) -> Vec<u32> {
    let numbers = version.trim_start_matches('v').split(['.', '-', '+']);
    numbers.map(|part| part.parse().unwrap_or(0)).collect()
}
