//! `describe`: an object as `kubectl describe` prints it, with what belongs to it: events, pods, replica sets, claims, endpoints.
//!
//! Ages are relative to a time of the data; everything else is what the object and its surroundings say. Source of the rules:
//! kubectl `pkg/describe/describe.go`, v0.36.0.

mod cluster_kinds;
mod config;
mod container;
mod generic;
mod limits;
mod network;
mod node;
mod pod;
mod policy;
mod rbac;
mod resources;
mod sheet;
mod sources;
mod storage;
mod volumes;
mod workloads;

use jiff::Timestamp;
use serde_json::Value;

use super::table::age;
use super::table::object::View;
use sheet::Sheet;

pub use config::secret_sizes;

/// What a description needs beside the object.
pub struct Surroundings<'s> {
    /// What ages are relative to.
    pub now: Timestamp,
    /// The Events that mention the object, the oldest first.
    pub events: &'s [&'s Value],
    /// Names and sizes in bytes of what a Secret contains ([`secret_sizes`]): the object has only masks of it.
    pub secret_sizes: &'s [(String, usize)],
    /// All objects of a resource (`pods`) in a namespace, or in all.
    pub list: &'s dyn Fn(&str, Option<&str>) -> Vec<Value>,
}

impl Surroundings<'_> {
    fn since(&self, time: View<'_>) -> String {
        age::since(time.text(), self.now)
    }
}

/// The text for one object, whose secrets are hidden already.
///
/// ```
/// use etcd_inspect_kube::described::{Surroundings, text};
/// let object = serde_json::json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}, "status": {"phase": "Active"}});
/// let around = Surroundings { now: jiff::Timestamp::UNIX_EPOCH, events: &[], secret_sizes: &[], list: &|_, _| Vec::new() };
/// assert!(text(&object, &around).starts_with("Name:         shop\nLabels:       <none>\nAnnotations:  <none>\nStatus:       Active\n"));
/// ```
pub fn text(object: &Value, around: &Surroundings<'_>) -> String {
    let mut sheet = Sheet::default();
    let of = View::new(object);
    let kind = of.key("kind").text().unwrap_or_default();
    let group = of.key("apiVersion").text().unwrap_or_default();
    let group = group.split_once('/').map_or("", |(group, _)| group);
    let with_events = match (group, kind) {
        ("", "Pod") => pod::pod(of, around, &mut sheet),
        ("apps" | "extensions", "Deployment") => workloads::deployment(of, around, &mut sheet),
        ("apps" | "extensions", "ReplicaSet") | ("", "ReplicationController") => {
            workloads::replica_set(of, around, &mut sheet)
        }
        ("apps", "StatefulSet") => workloads::stateful_set(of, around, &mut sheet),
        ("apps" | "extensions", "DaemonSet") => workloads::daemon_set(of, around, &mut sheet),
        ("batch", "Job") => workloads::job(of, &mut sheet),
        ("batch", "CronJob") => workloads::cron_job(of, &mut sheet),
        ("autoscaling", "HorizontalPodAutoscaler") => workloads::autoscaler(of, &mut sheet),
        ("", "Service") => network::service(of, around, &mut sheet),
        ("networking.k8s.io" | "extensions", "Ingress") => network::ingress(of, around, &mut sheet),
        ("networking.k8s.io", "IngressClass") => cluster_kinds::ingress_class(of, &mut sheet),
        ("storage.k8s.io", "CSINode") => cluster_kinds::csi_node(of, &mut sheet),
        ("discovery.k8s.io", "EndpointSlice") => cluster_kinds::endpoint_slice(of, &mut sheet),
        ("certificates.k8s.io", "CertificateSigningRequest") => {
            cluster_kinds::signing_request(object, &mut sheet)
        }
        ("", "PersistentVolumeClaim") => storage::claim(of, around, &mut sheet),
        ("", "PersistentVolume") => storage::volume(of, around, &mut sheet),
        ("", "ConfigMap") => config::config_map(of, &mut sheet),
        ("", "Secret") => config::secret(of, around, &mut sheet),
        ("", "Namespace") => config::namespace(of, around, &mut sheet),
        ("", "ServiceAccount") => config::service_account(of, around, &mut sheet),
        ("", "Node") => node::node(of, around, &mut sheet),
        ("", "ResourceQuota") => limits::quota(of, &mut sheet),
        ("", "LimitRange") => limits::limit_range(of, &mut sheet),
        ("scheduling.k8s.io", "PriorityClass") => limits::priority_class(of, &mut sheet),
        ("rbac.authorization.k8s.io", "Role" | "ClusterRole") => rbac::role(of, &mut sheet),
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => {
            rbac::binding(of, &mut sheet)
        }
        ("policy", "PodDisruptionBudget") => policy::disruption_budget(of, &mut sheet),
        ("networking.k8s.io" | "extensions", "NetworkPolicy") => {
            policy::network_policy(of, &mut sheet)
        }
        ("storage.k8s.io", "StorageClass") => storage::storage_class(of, &mut sheet),
        ("", "Endpoints") => network::endpoints_object(of, &mut sheet),
        _ => generic::generic(object, &mut sheet),
    };
    if with_events {
        events(around, &mut sheet);
    }
    sheet.text()
}

/// The Events, the oldest first, as kubectl lists them.
fn events(around: &Surroundings<'_>, sheet: &mut Sheet) {
    if around.events.is_empty() {
        sheet.line(0, "Events:\t<none>");
        return;
    }
    sheet.line(0, "Events:");
    sheet.line(1, "Type\tReason\tAge\tFrom\tMessage");
    sheet.line(1, "----\t------\t----\t----\t-------");
    for event in around.events {
        let event = View::new(event);
        let first = match event.key("eventTime") {
            time if time.present() => time,
            _ => event.key("firstTimestamp"),
        };
        let first = around.since(first);
        let series = event.key("series");
        let age = if series.present() {
            let last = around.since(series.key("lastObservedTime"));
            format!("{last} (x{} over {first})", series.key("count").int())
        } else if event.key("count").int() > 1 {
            let last = around.since(event.key("lastTimestamp"));
            format!("{last} (x{} over {first})", event.key("count").int())
        } else {
            first
        };
        let source = event.path("source.component").text();
        let source = source
            .or(event.key("reportingComponent").text())
            .or(event.key("reportingController").text());
        let message = event.key("message").text().or(event.key("note").text());
        let message = message.unwrap_or_default().trim();
        let message = match event.path("involvedObject.fieldPath").text() {
            Some(path) => format!("{path}: {message}"),
            None => message.to_owned(),
        };
        sheet.line(
            1,
            &format!(
                "{}\t{}\t{age}\t{}\t{message}",
                event.key("type").or(""),
                event.key("reason").or(""),
                source.unwrap_or_default()
            ),
        );
    }
}

/// `Mon, 02 Jan 2006 15:04:05 +0000`.
fn date(time: View<'_>) -> String {
    let parsed = time.text().and_then(|text| text.parse::<Timestamp>().ok());
    parsed.map_or_else(
        || "<unset>".to_owned(),
        |time| {
            let zoned = time.to_zoned(jiff::tz::TimeZone::UTC);
            zoned.strftime("%a, %d %b %Y %H:%M:%S %z").to_string()
        },
    )
}

/// Name and, if it has one, namespace.
fn identity(of: View<'_>, sheet: &mut Sheet) {
    sheet.field("Name", &of.path("metadata.name").or(""));
    sheet.field("Namespace", &of.path("metadata.namespace").or(""));
}

/// `ReplicaSet/web-1`: the owner that controls it.
fn controller(of: View<'_>) -> Option<String> {
    let mut owners = of.path("metadata.ownerReferences").items();
    let owner = owners.find(|owner| owner.key("controller").flag() == Some(true))?;
    Some(format!(
        "{}/{}",
        owner.key("kind").or(""),
        owner.key("name").or("")
    ))
}

/// The listed pods that a workload controls, or that its selector matches, counted by their state.
fn pods_status(of: View<'_>, around: &Surroundings<'_>) -> String {
    let uid = of.path("metadata.uid").text();
    let pods = (around.list)("pods", of.path("metadata.namespace").text());
    let (mut running, mut waiting, mut succeeded, mut failed) = (0, 0, 0, 0);
    for pod in &pods {
        let pod = View::new(pod);
        let mut owners = pod.path("metadata.ownerReferences").items();
        if !owners.any(|owner| owner.key("uid").text() == uid && uid.is_some()) {
            continue;
        }
        match pod.path("status.phase").text() {
            Some("Running") => running += 1,
            Some("Pending") => waiting += 1,
            Some("Succeeded") => succeeded += 1,
            Some("Failed") => failed += 1,
            _ => {}
        }
    }
    format!("{running} Running / {waiting} Waiting / {succeeded} Succeeded / {failed} Failed")
}

#[cfg(test)]
mod tests;
