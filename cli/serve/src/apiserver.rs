//! The flags with which a real kube-apiserver finds the objects of the evidence.

use etcd_inspect::kubernetes::nouns::Target;
use etcd_inspect::kubernetes::resources::Resource;
use etcd_inspect::member::{Objects, Reading};
use serde_json::Value;

use crate::source::Source;

/// The port that kube-apiserver has by default.
const DEFAULT_PORT: u16 = 6443;

/// The prefix of keys that kube-apiserver has by default.
const DEFAULT_PREFIX: &str = "/registry";

/// The range of service addresses that is named if none is stored: that of kubeadm.
const DEFAULT_RANGE: &str = "10.96.0.0/12";

/// Facts of the stored cluster that are flags of kube-apiserver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiServerFacts {
    /// `--etcd-prefix`; none: the default.
    pub prefix: Option<String>,
    /// `--service-cluster-ip-range`.
    pub service_range: String,
}

impl ApiServerFacts {
    /// Reads them. What cannot be read has its default.
    pub fn read(source: &Source) -> Self {
        let objects = source.objects().ok();
        let range = objects.as_ref().and_then(service_range);
        Self {
            prefix: objects.as_ref().and_then(prefix),
            service_range: range.unwrap_or_else(|| DEFAULT_RANGE.to_owned()),
        }
    }
}

/// The prefix below which most resources are.
fn prefix(objects: &Objects<'_>) -> Option<String> {
    let below = |prefix: &str| {
        let range = etcd_inspect::answers::KeyRange::prefix(format!("{prefix}/").as_bytes());
        let live = objects.keyspace().live(&range, None);
        live.map_or(0, |live| live.iter().count())
    };
    let most = objects.layout().prefixes().max_by_key(|name| below(name))?;
    (most != DEFAULT_PREFIX && below(most) > 0).then(|| most.to_owned())
}

/// The range of the addresses of services, of both families if there are two: as ServiceCIDR since 1.31, before in the allocator's map.
fn service_range(objects: &Objects<'_>) -> Option<String> {
    let stored = |path: &str, name: &str| {
        let target = Target::from(Resource::by_path(path)?);
        let keys = objects.keys_of(&target, None, name);
        let mut found = keys
            .iter()
            .filter_map(|key| objects.keyspace().get(key, None).ok()?);
        objects.json(&found.next()?, Reading::default()).ok()
    };
    let range = |name: &str| {
        let range = stored("ranges", name)?;
        let range = range.get("range")?.as_str()?;
        (!range.is_empty()).then(|| range.to_owned())
    };
    let kubernetes = stored("servicecidrs", "kubernetes");
    let cidrs = kubernetes
        .as_ref()
        .and_then(|object| object.pointer("/spec/cidrs")?.as_array());
    let mut all: Vec<String> = cidrs
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    if all.is_empty() {
        all.extend(range("serviceips"));
        all.extend(range("secondaryserviceips"));
    }
    (!all.is_empty()).then(|| all.join(","))
}

/// A port for kube-apiserver: its default, or a free one if that is taken.
pub fn free_port() -> u16 {
    let bound = |port: u16| {
        let listener = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, port)).ok()?;
        Some(listener.local_addr().ok()?.port())
    };
    bound(DEFAULT_PORT)
        .or_else(|| bound(0))
        .unwrap_or(DEFAULT_PORT)
}
