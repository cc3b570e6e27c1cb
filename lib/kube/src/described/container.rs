//! Containers: image, ports, state and last state, resources, probes, environment, mounts.

use super::resources::{divided, of_container};
use super::sheet::Sheet;
use super::{View, date};

/// Containers of a pod, with their statuses and the pod, or of a template.
pub(super) fn containers(
    title: &str,
    list: View<'_>,
    of_pod: Option<(View<'_>, View<'_>)>,
    level: usize,
    sheet: &mut Sheet,
) {
    let none = if list.len() == 0 { " <none>" } else { "" };
    sheet.line(level, &format!("{title}:{none}"));
    for container in list.items() {
        let name = container.key("name").or("");
        // In a template names are one blank to the left of those of a pod.
        match level {
            0 => sheet.line(1, &format!("{name}:")),
            _ => sheet.line(1, &format!(" {name}:")),
        }
        let status = of_pod.and_then(|(statuses, _)| {
            statuses
                .items()
                .find(|status| status.key("name").text() == Some(name.as_str()))
        });
        basics(container, status, sheet);
        texts("Command", container.key("command"), sheet);
        texts("Args", container.key("args"), sheet);
        if let Some(status) = status {
            state("State", status.key("state"), sheet);
            if status.path("lastState.terminated").present() {
                state("Last State", status.key("lastState"), sheet);
            }
            let ready = status.key("ready").flag() == Some(true);
            sheet.at(2, "Ready", if ready { "True" } else { "False" });
            sheet.at(
                2,
                "Restart Count",
                &status.key("restartCount").int().to_string(),
            );
        }
        of_container(container.key("resources"), sheet);
        for (title, field) in [
            ("Liveness", "livenessProbe"),
            ("Readiness", "readinessProbe"),
            ("Startup", "startupProbe"),
        ] {
            if container.key(field).present() {
                sheet.at(2, title, &probe(container.key(field)));
            }
        }
        environment(container, of_pod.map(|(_, pod)| pod), sheet);
        mounts(container, sheet);
    }
}

fn basics(container: View<'_>, status: Option<View<'_>>, sheet: &mut Sheet) {
    if let Some(status) = status {
        sheet.at(2, "Container ID", &status.key("containerID").or(""));
    }
    sheet.at(2, "Image", &container.key("image").or(""));
    if let Some(status) = status {
        sheet.at(2, "Image ID", &status.key("imageID").or(""));
    }
    for (one, many, number) in [
        ("Port", "Ports", "containerPort"),
        ("Host Port", "Host Ports", "hostPort"),
    ] {
        let ports = container.key("ports").items().map(|port| {
            let text = format!(
                "{}/{}",
                port.key(number).int(),
                port.key("protocol").or("TCP")
            );
            match port.key("name").text() {
                Some(name) => format!("{text} ({name})"),
                None => text,
            }
        });
        let ports: Vec<_> = ports.collect();
        match ports.len() {
            0 => sheet.at(2, one, "<none>"),
            1 => sheet.at(2, one, &ports.concat()),
            _ => sheet.at(2, many, &ports.join(", ")),
        }
    }
    sheet.known(
        2,
        "SeccompProfile",
        container.path("securityContext.seccompProfile.type"),
    );
}

fn texts(title: &str, list: View<'_>, sheet: &mut Sheet) {
    if list.len() == 0 {
        return;
    }
    sheet.line(2, &format!("{title}:"));
    for text in list.items() {
        for line in text.or("").split('\n') {
            sheet.line(3, line);
        }
    }
}

fn state(title: &str, state: View<'_>, sheet: &mut Sheet) {
    let (running, terminated) = (state.key("running"), state.key("terminated"));
    if running.present() {
        sheet.at(2, title, "Running");
        sheet.at(3, "Started", &date(running.key("startedAt")));
    } else if terminated.present() {
        sheet.at(2, title, "Terminated");
        sheet.known(3, "Reason", terminated.key("reason"));
        sheet.known(3, "Message", terminated.key("message"));
        sheet.at(
            3,
            "Exit Code",
            &terminated.key("exitCode").int().to_string(),
        );
        if terminated.key("signal").int() > 0 {
            sheet.at(3, "Signal", &terminated.key("signal").int().to_string());
        }
        sheet.at(3, "Started", &date(terminated.key("startedAt")));
        sheet.at(3, "Finished", &date(terminated.key("finishedAt")));
    } else {
        sheet.at(2, title, "Waiting");
        sheet.known(3, "Reason", state.path("waiting.reason"));
    }
}

/// `http-get http://:80/ delay=0s timeout=1s period=10s successThreshold=1 failureThreshold=3`.
fn probe(of: View<'_>) -> String {
    let number = |field| of.key(field).int();
    let times = format!(
        "delay={}s timeout={}s period={}s successThreshold={} failureThreshold={}",
        number("initialDelaySeconds"),
        number("timeoutSeconds"),
        number("periodSeconds"),
        number("successThreshold"),
        number("failureThreshold")
    );
    let (exec, http, tcp, grpc) = (
        of.key("exec"),
        of.key("httpGet"),
        of.key("tcpSocket"),
        of.key("grpc"),
    );
    if exec.present() {
        let command: Vec<_> = exec.key("command").items().filter_map(View::text).collect();
        format!("exec [{}] {times}", command.join(" "))
    } else if http.present() {
        let scheme = http.key("scheme").or("HTTP").to_lowercase();
        let path = http.key("path").or("");
        let slash = if path.is_empty() || path.starts_with('/') {
            ""
        } else {
            "/"
        };
        format!(
            "http-get {scheme}://{}:{}{slash}{path} {times}",
            http.key("host").or(""),
            http.key("port").any_or("")
        )
    } else if tcp.present() {
        format!(
            "tcp-socket {}:{} {times}",
            tcp.key("host").or(""),
            tcp.key("port").any_or("")
        )
    } else if grpc.present() {
        format!(
            "grpc <pod>:{} {} {times}",
            grpc.key("port").int(),
            grpc.key("service").or("")
        )
    } else {
        format!("unknown {times}")
    }
}

fn optional(of: View<'_>) -> bool {
    of.key("optional").flag() == Some(true)
}

fn environment(container: View<'_>, pod: Option<View<'_>>, sheet: &mut Sheet) {
    let from = container.key("envFrom");
    if from.len() > 0 {
        sheet.line(2, "Environment Variables from:");
        for one in from.items() {
            let (kind, source) = match one.key("configMapRef") {
                map if map.present() => ("ConfigMap", map),
                _ => ("Secret", one.key("secretRef")),
            };
            let name = source.key("name").or("");
            let prefix = one
                .key("prefix")
                .text()
                .map_or(String::new(), |prefix| format!(" with prefix '{prefix}'"));
            sheet.line(
                3,
                &format!("{name}\t{kind}{prefix}\tOptional: {}", optional(source)),
            );
        }
    }
    variables(container, pod, sheet);
}

fn variables(container: View<'_>, pod: Option<View<'_>>, sheet: &mut Sheet) {
    let variables = container.key("env");
    let none = if variables.len() == 0 { "\t<none>" } else { "" };
    sheet.line(2, &format!("Environment:{none}"));
    for variable in variables.items() {
        let (name, source) = (variable.key("name").or(""), variable.key("valueFrom"));
        let (field, resource) = (source.key("fieldRef"), source.key("resourceFieldRef"));
        let (secret, map) = (source.key("secretKeyRef"), source.key("configMapKeyRef"));
        if field.present() {
            let path = field.key("fieldPath").or("");
            let value = pod.map_or(String::new(), |pod| field_value(pod, &path));
            sheet.line(
                3,
                &format!(
                    "{name}:\t{value} ({}:{path})",
                    field.key("apiVersion").or("v1")
                ),
            );
        } else if resource.present() {
            let path = resource.key("resource").or("");
            let value = resource_value(container.key("resources"), resource, &path);
            sheet.line(3, &format!("{name}:\t{value} ({path})"));
        } else if secret.present() {
            let (key, of) = (secret.key("key").or(""), secret.key("name").or(""));
            sheet.line(
                3,
                &format!(
                    "{name}:\t<set to the key '{key}' in secret '{of}'>\tOptional: {}",
                    optional(secret)
                ),
            );
        } else if map.present() {
            let (key, of) = (map.key("key").or(""), map.key("name").or(""));
            sheet.line(
                3,
                &format!(
                    "{name}:\t<set to the key '{key}' of config map '{of}'>\tOptional: {}",
                    optional(map)
                ),
            );
        } else {
            for (at, line) in variable.key("value").or("").split('\n').enumerate() {
                match at {
                    0 => sheet.line(3, &format!("{name}:\t{line}")),
                    _ => sheet.line(3, &format!("\t{line}")),
                }
            }
        }
    }
}

/// A resource of the container in units of the divisor.
fn resource_value(resources: View<'_>, asked: View<'_>, path: &str) -> String {
    let Some((kind, what)) = path.split_once('.') else {
        return String::new();
    };
    let quantity = resources.key(kind).key(what).any_or("0");
    let divisor = asked.key("divisor").any_or("0");
    let value = divided(&quantity, &divisor, what == "cpu");
    match (value.as_str(), path) {
        ("0", "limits.cpu" | "limits.memory") => "node allocatable".to_owned(),
        _ => value,
    }
}

/// What the downward API puts into a variable; nothing for what only a node knows.
fn field_value(pod: View<'_>, path: &str) -> String {
    match path {
        "metadata.name"
        | "metadata.namespace"
        | "metadata.uid"
        | "spec.nodeName"
        | "spec.serviceAccountName" => pod.path(path).or(""),
        _ => String::new(),
    }
}

fn mounts(container: View<'_>, sheet: &mut Sheet) {
    let all = container.key("volumeMounts");
    let none = if all.len() == 0 { "\t<none>" } else { "" };
    sheet.line(2, &format!("Mounts:{none}"));
    let mut lines: Vec<_> = all
        .items()
        .map(|mount| {
            let mode = if mount.key("readOnly").flag() == Some(true) {
                "ro"
            } else {
                "rw"
            };
            let path = mount
                .key("subPath")
                .text()
                .map_or(String::new(), |path| format!(",path={path:?}"));
            format!(
                "{} from {} ({mode}{path})",
                mount.key("mountPath").or(""),
                mount.key("name").or("")
            )
        })
        .collect();
    lines.sort();
    for line in lines {
        sheet.line(3, &line);
    }
    let devices = container.key("volumeDevices");
    if devices.len() > 0 {
        sheet.line(2, "Devices:");
        for device in devices.items() {
            sheet.line(
                3,
                &format!(
                    "{} from {}",
                    device.key("devicePath").or(""),
                    device.key("name").or("")
                ),
            );
        }
    }
}
