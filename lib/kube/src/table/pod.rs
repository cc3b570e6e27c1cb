//! Pods: the STATUS that kubectl computes from phase, reasons, conditions and container states.

use std::collections::HashMap;

use jiff::Timestamp;

use super::object::{View, labels};
use super::workloads::{containers, images};
use super::{Printer, TableOptions, age, name};
use crate::parts::ObjectParts;

/// What a row of pods reads; the rest of a spec is two thirds of a pod.
pub(super) static PARTS: ObjectParts = ObjectParts::only(&[
    ("apiVersion", ObjectParts::WHOLE),
    ("kind", ObjectParts::WHOLE),
    ("metadata", METADATA),
    (
        "spec",
        ObjectParts::only(&[
            (
                "containers",
                ObjectParts::only(&[("name", ObjectParts::WHOLE)]),
            ),
            (
                "initContainers",
                ObjectParts::only(&[
                    ("name", ObjectParts::WHOLE),
                    ("restartPolicy", ObjectParts::WHOLE),
                ]),
            ),
            ("nodeName", ObjectParts::WHOLE),
            ("readinessGates", ObjectParts::WHOLE),
        ]),
    ),
    ("status", ObjectParts::WHOLE),
]);

/// What a row of any object may read of its metadata.
pub(super) const METADATA: ObjectParts = ObjectParts::only(&[
    ("name", ObjectParts::WHOLE),
    ("namespace", ObjectParts::WHOLE),
    ("creationTimestamp", ObjectParts::WHOLE),
    ("deletionTimestamp", ObjectParts::WHOLE),
    ("labels", ObjectParts::WHOLE),
]);

pub(super) static ALL: &[Printer] = &[
    Printer {
        kind: "Pod",
        groups: &[""],
        columns: &[
            "NAME",
            "READY",
            "STATUS",
            "RESTARTS",
            "AGE",
            "+IP",
            "+NODE",
            "+NOMINATED NODE",
            "+READINESS GATES",
        ],
        row: pod,
    },
    Printer {
        kind: "PodTemplate",
        groups: &[""],
        columns: &["NAME", "CONTAINERS", "IMAGES", "POD LABELS"],
        row: |of, _| {
            let template = of.key("template");
            vec![
                name(of),
                containers(template),
                images(template),
                labels(template.path("metadata.labels")),
            ]
        },
    },
];

/// `printPod` in `pkg/printers/internalversion/printers.go`, v1.34.0.
fn pod(of: View<'_>, options: &TableOptions) -> Vec<String> {
    let state = State::new(of);
    let ip = of
        .path("status.podIPs")
        .items()
        .next()
        .map_or(of.path("status.podIP"), |first| first.key("ip"));
    vec![
        name(of),
        format!("{}/{}", state.ready, state.containers),
        state.status,
        match state.last_restart {
            Some(last) if state.restarts != 0 => format!(
                "{} ({} ago)",
                state.restarts,
                age::between(last, options.now)
            ),
            _ => state.restarts.to_string(),
        },
        options.age(of),
        ip.or("<none>"),
        of.path("spec.nodeName").or("<none>"),
        of.path("status.nominatedNodeName").or("<none>"),
        readiness_gates(of),
    ]
}

/// `printPod` in `pkg/printers/internalversion/printers.go`, v1.34.0.
fn readiness_gates(of: View<'_>) -> String {
    let gates = of.path("spec.readinessGates");
    if gates.len() == 0 {
        return "<none>".to_owned();
    }
    let conditions = of.path("status.conditions");
    let passed = gates.items().filter(|gate| {
        gate.key("conditionType")
            .text()
            .is_some_and(|kind| conditions.is_true(kind))
    });
    format!("{}/{}", passed.count(), gates.len())
}

/// What STATUS, READY and RESTARTS say.
#[derive(Default)]
struct State {
    status: String,
    ready: usize,
    containers: usize,
    restarts: i64,
    last_restart: Option<Timestamp>,
}

impl State {
    /// `printPod` in `pkg/printers/internalversion/printers.go`, v1.34.0.
    fn new(of: View<'_>) -> Self {
        let status = of.key("status");
        let phase = status.key("phase").text().unwrap_or("");
        let conditions = status.key("conditions");
        let mut state = Self {
            status: status.key("reason").text().unwrap_or(phase).to_owned(),
            containers: of.path("spec.containers").len(),
            ..Self::default()
        };
        if conditions.of_type("PodScheduled").key("reason").text() == Some("SchedulingGated") {
            state.status = "SchedulingGated".to_owned();
        }
        let sidecars = sidecars(of);
        state.containers += sidecars.values().filter(|sidecar| **sidecar).count();
        let init = state.init(of, &sidecars);
        if init.is_none() || conditions.is_true("Initialized") {
            state.main(of, &sidecars);
        }
        let deleted = of.path("metadata.deletionTimestamp").present();
        if deleted && status.key("reason").text() == Some("NodeLost") {
            state.status = "Unknown".to_owned();
        } else if deleted && !matches!(phase, "Succeeded" | "Failed") {
            state.status = "Terminating".to_owned();
        }
        state
    }

    /// Init containers, up to the first that has not done its work; `Some`: that one's status now is the pod's.
    fn init(&mut self, of: View<'_>, sidecars: &HashMap<&str, bool>) -> Option<()> {
        for (at, container) in of.path("status.initContainerStatuses").items().enumerate() {
            self.restarted(container);
            let (terminated, waiting) = (
                container.path("state.terminated"),
                container.path("state.waiting"),
            );
            let sidecar = is_sidecar(container, sidecars);
            if terminated.present() && terminated.key("exitCode").int() == 0 {
                continue;
            }
            if sidecar && container.key("started").flag() == Some(true) {
                self.ready += usize::from(container.key("ready").flag() == Some(true));
                continue;
            }
            self.status = match (terminated.present(), waiting.key("reason").text()) {
                (true, _) => format!("Init:{}", ended(terminated)),
                (false, Some(reason)) if reason != "PodInitializing" => format!("Init:{reason}"),
                _ => format!("Init:{at}/{}", of.path("spec.initContainers").len()),
            };
            return Some(());
        }
        None
    }

    /// The containers themselves; restarts then count these and the sidecars only.
    fn main(&mut self, of: View<'_>, sidecars: &HashMap<&str, bool>) {
        (self.restarts, self.last_restart) = (0, None);
        let init = of.path("status.initContainerStatuses").items();
        init.filter(|container| is_sidecar(*container, sidecars))
            .for_each(|container| self.restarted(container));
        let mut running = false;
        for container in of.path("status.containerStatuses").items().rev() {
            self.restarted(container);
            let (terminated, waiting) = (
                container.path("state.terminated"),
                container.path("state.waiting"),
            );
            if let Some(reason) = waiting.key("reason").text() {
                self.status = reason.to_owned();
            } else if terminated.present() {
                self.status = ended(terminated);
            } else if container.key("ready").flag() == Some(true)
                && container.path("state.running").present()
            {
                running = true;
                self.ready += 1;
            }
        }
        if self.status == "Completed" && running {
            let ready = of.path("status.conditions").is_true("Ready");
            self.status = if ready { "Running" } else { "NotReady" }.to_owned();
        }
    }

    fn restarted(&mut self, container: View<'_>) {
        self.restarts = self
            .restarts
            .saturating_add(container.key("restartCount").int());
        let finished = container
            .path("lastState.terminated.finishedAt")
            .text()
            .and_then(|time| time.parse().ok());
        self.last_restart = self.last_restart.max(finished);
    }
}

/// `Error`, `Signal:9`, `ExitCode:2`.
fn ended(terminated: View<'_>) -> String {
    let signal = terminated.key("signal").int();
    match terminated.key("reason").text() {
        Some(reason) => reason.to_owned(),
        None if signal != 0 => format!("Signal:{signal}"),
        None => format!("ExitCode:{}", terminated.key("exitCode").int()),
    }
}

/// Init containers by name, and whether they keep running beside the others.
fn sidecars<'v>(of: View<'v>) -> HashMap<&'v str, bool> {
    let init = of.path("spec.initContainers").items();
    init.filter_map(|container| {
        let sidecar = container.key("restartPolicy").text() == Some("Always");
        container.key("name").text().map(|name| (name, sidecar))
    })
    .collect()
}

/// `isRestartableInitContainer` in `pkg/printers/internalversion/printers.go`, v1.34.0.
fn is_sidecar(container: View<'_>, sidecars: &HashMap<&str, bool>) -> bool {
    container
        .key("name")
        .text()
        .and_then(|name| sidecars.get(name).copied())
        .unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::Table;

    fn shown(spec: Value, status: Value, deleted: bool) -> [String; 3] {
        let mut pod = json!({"metadata": {"name": "p"}, "spec": spec, "status": status});
        if deleted {
            pod["metadata"]["deletionTimestamp"] = json!("1970-01-01T00:00:00Z");
        }
        let now = "2026-11-21T02:00:00Z".parse().unwrap();
        let row = Table::of_kind("", "Pod").row(&pod, now, false);
        [row[1].clone(), row[2].clone(), row[3].clone()]
    }

    #[test]
    fn status_ready_and_restarts_are_kubectls() {
        let two = json!({"containers": [{"name": "a"}, {"name": "b"}], "initContainers": [{"name": "i"}, {"name": "j"}]});
        let run = |restarts: i64| json!({"ready": true, "restartCount": restarts, "state": {"running": {}}});
        let done =
            |reason: &str| json!({"state": {"terminated": {"exitCode": 0, "reason": reason}}});
        let wait = |reason: &str| {
            json!({"restartCount": 4, "state": {"waiting": {"reason": reason}},
            "lastState": {"terminated": {"finishedAt": "2026-11-21T01:55:00Z"}}})
        };
        for (status, deleted, want) in [
            (json!({"phase": "Pending"}), false, ["0/2", "Pending", "0"]),
            (
                json!({"phase": "Running", "containerStatuses": [run(0), run(2)]}),
                false,
                ["2/2", "Running", "2"],
            ),
            (
                json!({"phase": "Running", "containerStatuses": [run(0), wait("CrashLoopBackOff")]}),
                false,
                ["1/2", "CrashLoopBackOff", "4 (5m ago)"],
            ),
            (
                json!({"phase": "Failed", "reason": "Evicted"}),
                false,
                ["0/2", "Evicted", "0"],
            ),
            (
                json!({"phase": "Succeeded", "containerStatuses": [done("Completed"), done("Completed")]}),
                false,
                ["0/2", "Completed", "0"],
            ),
            (
                json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}], "containerStatuses": [done("Completed"), run(0)]}),
                false,
                ["1/2", "Running", "0"],
            ),
            (
                json!({"phase": "Running", "containerStatuses": [done("Completed"), run(0)]}),
                false,
                ["1/2", "NotReady", "0"],
            ),
            (
                json!({"phase": "Running", "containerStatuses": [run(0), run(0)]}),
                true,
                ["2/2", "Terminating", "0"],
            ),
            (
                json!({"phase": "Succeeded", "containerStatuses": [done("Completed")]}),
                true,
                ["0/2", "Completed", "0"],
            ),
            (
                json!({"phase": "Running", "reason": "NodeLost"}),
                true,
                ["0/2", "Unknown", "0"],
            ),
            (
                json!({"phase": "Pending", "initContainerStatuses": [done("Completed"), {"state": {"running": {}}}]}),
                false,
                ["0/2", "Init:1/2", "0"],
            ),
            (
                json!({"phase": "Pending", "initContainerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff"}}}]}),
                false,
                ["0/2", "Init:ImagePullBackOff", "0"],
            ),
            (
                json!({"phase": "Pending", "initContainerStatuses": [{"state": {"terminated": {"exitCode": 3}}}]}),
                false,
                ["0/2", "Init:ExitCode:3", "0"],
            ),
            (
                json!({"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"exitCode": 137, "signal": 9}}}]}),
                false,
                ["0/2", "Signal:9", "0"],
            ),
            (
                json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]}),
                false,
                ["0/2", "SchedulingGated", "0"],
            ),
        ] {
            assert_eq!(
                shown(two.clone(), status.clone(), deleted),
                want,
                "{status}"
            );
        }
    }

    #[test]
    fn a_sidecar_counts_as_a_container() {
        let spec = json!({"containers": [{"name": "a"}], "initContainers": [{"name": "s", "restartPolicy": "Always"}]});
        let status = json!({"phase": "Running",
            "initContainerStatuses": [{"name": "s", "started": true, "ready": true, "restartCount": 1, "state": {"running": {}}}],
            "containerStatuses": [{"name": "a", "ready": true, "restartCount": 2, "state": {"running": {}}}]});
        assert_eq!(shown(spec, status, false), ["2/2", "Running", "3"]);
    }
}
