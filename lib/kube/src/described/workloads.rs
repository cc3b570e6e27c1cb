//! Workloads: what makes pods, and what scales it.

use super::container::containers;
use super::pod::scheduling;
use serde_json::Value;

use super::sheet::Sheet;
use super::volumes::volumes;
use super::{Surroundings, View, controller, date, identity, pods_status};
use crate::table::human_duration;
use crate::table::object::{label_selector, labels};

const TYPE_STATUS_REASON: &[&str] = &["Type", "Status", "Reason"];

fn type_status_reason(condition: View<'_>) -> Vec<String> {
    let text = |field| condition.key(field).or("");
    vec![format!("{} ", text("type")), text("status"), text("reason")]
}

/// The pods that a workload makes.
fn template(of: View<'_>, sheet: &mut Sheet) {
    let spec = of.key("spec");
    sheet.line(0, "Pod Template:");
    sheet.pairs(1, "Labels", of.path("metadata.labels"));
    if of.path("metadata.annotations").len() > 0 {
        sheet.annotations(1, of.path("metadata.annotations"));
    }
    sheet.known(1, "Service Account", spec.key("serviceAccountName"));
    if spec.key("initContainers").len() > 0 {
        containers(
            "Init Containers",
            spec.key("initContainers"),
            None,
            1,
            sheet,
        );
    }
    containers("Containers", spec.key("containers"), None, 1, sheet);
    volumes(spec.key("volumes"), 1, sheet);
    sheet.known(1, "Priority Class Name", spec.key("priorityClassName"));
    scheduling(spec, 1, sheet);
}

fn created(of: View<'_>, sheet: &mut Sheet) {
    sheet.field(
        "CreationTimestamp",
        &date(of.path("metadata.creationTimestamp")),
    );
}

pub(super) fn deployment(of: View<'_>, around: &Surroundings<'_>, sheet: &mut Sheet) -> bool {
    let (spec, status) = (of.key("spec"), of.key("status"));
    identity(of, sheet);
    created(of, sheet);
    sheet.metadata(of);
    sheet.field("Selector", &label_selector(spec.key("selector")));
    let count = |field| status.key(field).int();
    sheet.field(
        "Replicas",
        &format!(
            "{} desired | {} updated | {} total | {} available | {} unavailable",
            spec.key("replicas").int(),
            count("updatedReplicas"),
            count("replicas"),
            count("availableReplicas"),
            count("unavailableReplicas")
        ),
    );
    sheet.field("StrategyType", &spec.path("strategy.type").or(""));
    sheet.field(
        "MinReadySeconds",
        &spec.key("minReadySeconds").int().to_string(),
    );
    let rolling = spec.path("strategy.rollingUpdate");
    if rolling.present() {
        let (most, surge) = (
            rolling.key("maxUnavailable").any_or("0"),
            rolling.key("maxSurge").any_or("0"),
        );
        sheet.field(
            "RollingUpdateStrategy",
            &format!("{most} max unavailable, {surge} max surge"),
        );
    }
    template(spec.key("template"), sheet);
    sheet.conditions(
        status.key("conditions"),
        TYPE_STATUS_REASON,
        &type_status_reason,
    );
    replica_sets(of, around, sheet);
    true
}

/// The replica sets of a Deployment: that of its template, and the others.
fn replica_sets(of: View<'_>, around: &Surroundings<'_>, sheet: &mut Sheet) {
    let uid = of.path("metadata.uid").text();
    let all = (around.list)("replicasets", of.path("metadata.namespace").text());
    let revision = |set: View<'_>| {
        let annotations = set.path("metadata.annotations");
        let text = annotations.key("deployment.kubernetes.io/revision").text();
        text.and_then(|text| text.parse::<i64>().ok()).unwrap_or(0)
    };
    let mut own: Vec<_> = all
        .iter()
        .map(View::new)
        .filter(|set| {
            set.path("metadata.ownerReferences")
                .items()
                .any(|owner| owner.key("uid").text() == uid)
        })
        .collect();
    own.sort_by_key(|set| revision(*set));
    // The newest one is that of the template as it is now (`FindNewReplicaSet` in kubectl `pkg/util/deployment`).
    let template = of.path("spec.template").tree().map(without_hash);
    let at = own.iter().position(|set| {
        template.is_some() && set.path("spec.template").tree().map(without_hash) == template
    });
    let newest = at.map(|at| own.remove(at));
    let shown = |set: View<'_>| {
        let (have, want) = (
            set.path("status.replicas").int(),
            set.path("spec.replicas").int(),
        );
        format!(
            "{} ({have}/{want} replicas created)",
            set.path("metadata.name").or("")
        )
    };
    let old: Vec<_> = own.into_iter().map(shown).collect();
    sheet.field(
        "OldReplicaSets",
        &if old.is_empty() {
            "<none>".to_owned()
        } else {
            old.join(", ")
        },
    );
    let newest = newest.map_or("<none>".to_owned(), shown);
    sheet.field("NewReplicaSet", &newest);
}

/// A template without the label that a Deployment gives its replica sets.
fn without_hash(template: &Value) -> Value {
    let mut template = template.clone();
    let labels = template.pointer_mut("/metadata/labels");
    if let Some(labels) = labels.and_then(Value::as_object_mut) {
        labels.shift_remove("pod-template-hash");
    }
    template
}

pub(super) fn replica_set(of: View<'_>, around: &Surroundings<'_>, sheet: &mut Sheet) -> bool {
    let (spec, status) = (of.key("spec"), of.key("status"));
    identity(of, sheet);
    let selector = spec.key("selector");
    // The selector of a ReplicationController is a plain map.
    let is_map = of.key("kind").text() == Some("ReplicationController");
    sheet.field(
        "Selector",
        &if is_map {
            labels(selector)
        } else {
            label_selector(selector)
        },
    );
    sheet.metadata(of);
    if let Some(controller) = controller(of) {
        sheet.field("Controlled By", &controller);
    }
    let (have, want) = (status.key("replicas").int(), spec.key("replicas").int());
    sheet.field("Replicas", &format!("{have} current / {want} desired"));
    sheet.field("Pods Status", &pods_status(of, around));
    template(spec.key("template"), sheet);
    sheet.conditions(
        status.key("conditions"),
        TYPE_STATUS_REASON,
        &type_status_reason,
    );
    true
}

pub(super) fn stateful_set(of: View<'_>, around: &Surroundings<'_>, sheet: &mut Sheet) -> bool {
    let (spec, status) = (of.key("spec"), of.key("status"));
    identity(of, sheet);
    created(of, sheet);
    sheet.field("Selector", &label_selector(spec.key("selector")));
    sheet.metadata(of);
    sheet.known(0, "Service Name", spec.key("serviceName"));
    sheet.known(0, "Pod Management Policy", spec.key("podManagementPolicy"));
    let (want, have) = (spec.key("replicas").int(), status.key("replicas").int());
    sheet.field("Replicas", &format!("{want} desired | {have} total"));
    let strategy = spec.key("updateStrategy");
    sheet.field("Update Strategy", &strategy.key("type").or(""));
    sheet.known(1, "Partition", strategy.path("rollingUpdate.partition"));
    sheet.known(
        1,
        "MaxUnavailable",
        strategy.path("rollingUpdate.maxUnavailable"),
    );
    let retention = spec.key("persistentVolumeClaimRetentionPolicy");
    if retention.present() {
        sheet.line(0, "Persistent Volume Claim Retention Policy:");
        sheet.at(1, "WhenDeleted", &retention.key("whenDeleted").or(""));
        sheet.at(1, "WhenScaled", &retention.key("whenScaled").or(""));
    }
    sheet.field("Pods Status", &pods_status(of, around));
    template(spec.key("template"), sheet);
    let claims = spec.key("volumeClaimTemplates");
    if claims.len() == 0 {
        sheet.field("Volume Claims", "<none>");
    } else {
        sheet.line(0, "Volume Claims:");
        for claim in claims.items() {
            sheet.at(1, "Name", &claim.path("metadata.name").or(""));
            sheet.at(
                1,
                "StorageClass",
                &claim.path("spec.storageClassName").or(""),
            );
            sheet.pairs(1, "Labels", claim.path("metadata.labels"));
            sheet.annotations(1, claim.path("metadata.annotations"));
            sheet.at(
                1,
                "Capacity",
                &claim
                    .path("spec.resources.requests.storage")
                    .any_or("<default>"),
            );
            let modes: Vec<_> = claim
                .path("spec.accessModes")
                .items()
                .filter_map(View::text)
                .collect();
            sheet.at(1, "Access Modes", &format!("[{}]", modes.join(" ")));
        }
    }
    true
}

pub(super) fn daemon_set(of: View<'_>, around: &Surroundings<'_>, sheet: &mut Sheet) -> bool {
    let (spec, status) = (of.key("spec"), of.key("status"));
    identity(of, sheet);
    sheet.field("Selector", &label_selector(spec.key("selector")));
    sheet.field(
        "Node-Selector",
        &labels(spec.path("template.spec.nodeSelector")),
    );
    sheet.metadata(of);
    for (title, field) in [
        (
            "Desired Number of Nodes Scheduled",
            "desiredNumberScheduled",
        ),
        (
            "Current Number of Nodes Scheduled",
            "currentNumberScheduled",
        ),
        (
            "Number of Nodes Scheduled with Up-to-date Pods",
            "updatedNumberScheduled",
        ),
        (
            "Number of Nodes Scheduled with Available Pods",
            "numberAvailable",
        ),
        ("Number of Nodes Misscheduled", "numberMisscheduled"),
    ] {
        sheet.line(0, &format!("{title}: {}", status.key(field).int()));
    }
    sheet.field("Pods Status", &pods_status(of, around));
    template(spec.key("template"), sheet);
    true
}

pub(super) fn job(of: View<'_>, sheet: &mut Sheet) -> bool {
    let (spec, status) = (of.key("spec"), of.key("status"));
    identity(of, sheet);
    if spec.key("selector").present() {
        sheet.field("Selector", &label_selector(spec.key("selector")));
    }
    sheet.metadata(of);
    if let Some(controller) = controller(of) {
        sheet.field("Controlled By", &controller);
    }
    sheet.known(0, "Parallelism", spec.key("parallelism"));
    sheet.field("Completions", &spec.key("completions").any_or("<unset>"));
    sheet.known(0, "Completion Mode", spec.key("completionMode"));
    sheet.known(0, "Suspend", spec.key("suspend"));
    sheet.known(0, "Backoff Limit", spec.key("backoffLimit"));
    sheet.known(
        0,
        "TTL Seconds After Finished",
        spec.key("ttlSecondsAfterFinished"),
    );
    job_times(spec, status, sheet);
    template(spec.key("template"), sheet);
    true
}

fn job_times(spec: View<'_>, status: View<'_>, sheet: &mut Sheet) {
    let (start, end) = (status.key("startTime"), status.key("completionTime"));
    if start.present() {
        sheet.field("Start Time", &date(start));
    }
    if end.present() {
        sheet.field("Completed At", &date(end));
    }
    let time = |of: View<'_>| {
        of.text()
            .and_then(|text| text.parse::<jiff::Timestamp>().ok())
    };
    if let (Some(start), Some(end)) = (time(start), time(end)) {
        sheet.field(
            "Duration",
            &human_duration(end.duration_since(start).as_secs()),
        );
    }
    if spec.key("activeDeadlineSeconds").present() {
        sheet.field(
            "Active Deadline Seconds",
            &format!("{}s", spec.key("activeDeadlineSeconds").int()),
        );
    }
    let count = |field| status.key(field).int();
    let ready = match status.key("ready") {
        ready if ready.present() => format!(" ({} Ready)", ready.int()),
        _ => String::new(),
    };
    let (active, succeeded, failed) = (count("active"), count("succeeded"), count("failed"));
    sheet.field(
        "Pods Statuses",
        &format!("{active} Active{ready} / {succeeded} Succeeded / {failed} Failed"),
    );
    if spec.key("completionMode").text() == Some("Indexed") {
        sheet.field(
            "Completed Indexes",
            &status.key("completedIndexes").or("<none>"),
        );
    }
}

pub(super) fn cron_job(of: View<'_>, sheet: &mut Sheet) -> bool {
    let (spec, status) = (of.key("spec"), of.key("status"));
    identity(of, sheet);
    sheet.metadata(of);
    sheet.field("Schedule", &spec.key("schedule").or(""));
    sheet.field("Concurrency Policy", &spec.key("concurrencyPolicy").or(""));
    let suspended = spec.key("suspend").flag();
    sheet.field(
        "Suspend",
        match suspended {
            Some(true) => "True",
            Some(false) => "False",
            None => "<unset>",
        },
    );
    sheet.known(0, "Time Zone", spec.key("timeZone"));
    sheet.field(
        "Successful Job History Limit",
        &spec.key("successfulJobsHistoryLimit").any_or("<unset>"),
    );
    sheet.field(
        "Failed Job History Limit",
        &spec.key("failedJobsHistoryLimit").any_or("<unset>"),
    );
    let deadline = spec.key("startingDeadlineSeconds");
    sheet.field(
        "Starting Deadline Seconds",
        &match deadline.present() {
            true => format!("{}s", deadline.int()),
            false => "<unset>".to_owned(),
        },
    );
    job_template(spec, status, sheet);
    true
}

fn job_template(spec: View<'_>, status: View<'_>, sheet: &mut Sheet) {
    let job = spec.path("jobTemplate.spec");
    if job.key("selector").present() {
        sheet.field("Selector", &label_selector(job.key("selector")));
    } else {
        sheet.field("Selector", "<unset>");
    }
    sheet.field("Parallelism", &job.key("parallelism").any_or("<unset>"));
    sheet.field("Completions", &job.key("completions").any_or("<unset>"));
    if job.key("activeDeadlineSeconds").present() {
        sheet.field(
            "Active Deadline Seconds",
            &format!("{}s", job.key("activeDeadlineSeconds").int()),
        );
    }
    template(job.key("template"), sheet);
    sheet.field("Last Schedule Time", &date(status.key("lastScheduleTime")));
    let active: Vec<_> = status
        .key("active")
        .items()
        .filter_map(|job| job.key("name").text())
        .collect();
    sheet.field(
        "Active Jobs",
        &if active.is_empty() {
            "<none>".to_owned()
        } else {
            active.join(", ")
        },
    );
}

pub(super) fn autoscaler(of: View<'_>, sheet: &mut Sheet) -> bool {
    let (spec, status) = (of.key("spec"), of.key("status"));
    identity(of, sheet);
    sheet.metadata(of);
    created(of, sheet);
    let target = spec.key("scaleTargetRef");
    sheet.field(
        "Reference",
        &format!(
            "{}/{}",
            target.key("kind").or(""),
            target.key("name").or("")
        ),
    );
    if spec.key("targetCPUUtilizationPercentage").present() {
        sheet.field(
            "Target CPU utilization",
            &format!("{}%", spec.key("targetCPUUtilizationPercentage").int()),
        );
        let current = status
            .key("currentCPUUtilizationPercentage")
            .any_or("<unknown>");
        sheet.field("Current CPU utilization", &format!("{current}%"));
    } else if spec.key("metrics").present() {
        sheet.field("Metrics", "( current / target )");
        let current: Vec<_> = status.key("currentMetrics").items().collect();
        for (at, metric) in spec.key("metrics").items().enumerate() {
            sheet.line(1, &self::metric(metric, current.get(at).copied()));
        }
    }
    sheet.field("Min replicas", &spec.key("minReplicas").any_or("<unset>"));
    sheet.field("Max replicas", &spec.key("maxReplicas").int().to_string());
    let (have, want) = (
        status.key("currentReplicas").int(),
        status.key("desiredReplicas").int(),
    );
    sheet.field(
        &format!("{} pods", target.key("kind").or("")),
        &format!("{have} current / {want} desired"),
    );
    let head = &["Type", "Status", "Reason", "Message"];
    sheet.conditions(status.key("conditions"), head, &|condition| {
        ["type", "status", "reason", "message"]
            .map(|field| condition.key(field).or(""))
            .to_vec()
    });
    true
}

/// One metric: `resource cpu on pods  (as a percentage of request):  12% (120m) / 80%`.
fn metric(of: View<'_>, current: Option<View<'_>>) -> String {
    let kind = of.key("type").or("");
    let field = match kind.as_str() {
        "Resource" => "resource",
        "ContainerResource" => "containerResource",
        "Pods" => "pods",
        "Object" => "object",
        "External" => "external",
        _ => return format!("<unknown metric type {kind:?}>"),
    };
    let (metric, now) = (
        of.key(field),
        current.map(|current| current.key(field).key("current")),
    );
    let now = |name: &str| {
        now.map_or("<unknown>".to_owned(), |now| {
            now.key(name).any_or("<unknown>")
        })
    };
    let target = metric.key("target");
    let name = metric
        .path("metric.name")
        .text()
        .or(metric.key("name").text())
        .unwrap_or_default();
    let subject = subject(field, name, metric);
    match target.key("type").text() {
        Some("Utilization") => {
            let current = match now("averageUtilization") {
                unknown if unknown == "<unknown>" => unknown,
                percent => format!("{percent}% ({})", now("averageValue")),
            };
            format!(
                "{subject}  (as a percentage of request):\t{current} / {}%",
                target.key("averageUtilization").int()
            )
        }
        Some("Value") => format!(
            "{subject} (target value):\t{} / {}",
            now("value"),
            target.key("value").any_or("")
        ),
        _ if matches!(field, "resource" | "containerResource" | "pods") => {
            format!(
                "{subject}:\t{} / {}",
                now("averageValue"),
                target.key("averageValue").any_or("")
            )
        }
        _ => format!(
            "{subject} (target average value):\t{} / {}",
            now("averageValue"),
            target.key("averageValue").any_or("")
        ),
    }
}

/// What a metric is measured of.
fn subject(field: &str, name: &str, metric: View<'_>) -> String {
    match field {
        "resource" => format!("resource {name} on pods"),
        "containerResource" => format!(
            "resource {name} of container {:?} on pods",
            metric.key("container").or("")
        ),
        "pods" => format!("{name:?} on pods"),
        "object" => {
            let object = metric.key("describedObject");
            format!(
                "{name:?} on {}/{}",
                object.key("kind").or(""),
                object.key("name").or("")
            )
        }
        _ => format!("{name:?}"),
    }
}
