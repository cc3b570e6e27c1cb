//! OpenShift: routes, deployment configs, builds, image streams, templates, OAuth clients.
//!
//! Source: `pkg/*/printers/internalversion/printers.go` of openshift/openshift-apiserver and openshift/oauth-apiserver, 4.14.

use super::object::View;
use super::{Printer, TableOptions, name};

pub(super) static ALL: &[Printer] = &[
    Printer {
        kind: "Route",
        groups: &["route.openshift.io", ""],
        columns: &[
            "NAME",
            "HOST/PORT",
            "PATH",
            "SERVICES",
            "PORT",
            "TERMINATION",
            "WILDCARD",
        ],
        row: route,
    },
    Printer {
        kind: "DeploymentConfig",
        groups: &["apps.openshift.io", ""],
        columns: &["NAME", "REVISION", "DESIRED", "CURRENT", "TRIGGERED BY"],
        row: deployment_config,
    },
    Printer {
        kind: "BuildConfig",
        groups: &["build.openshift.io", ""],
        columns: &["NAME", "TYPE", "FROM", "LATEST"],
        row: |of, _| {
            let spec = of.key("spec");
            let latest = of.path("status.lastVersion").int().to_string();
            vec![
                name(of),
                spec.path("strategy.type").or(""),
                from(spec),
                latest,
            ]
        },
    },
    Printer {
        kind: "Build",
        groups: &["build.openshift.io", ""],
        columns: &["NAME", "TYPE", "FROM", "STATUS", "STARTED", "DURATION"],
        row: build,
    },
    Printer {
        kind: "ImageStream",
        groups: &["image.openshift.io", ""],
        columns: &["NAME", "IMAGE REPOSITORY", "TAGS", "UPDATED"],
        row: image_stream,
    },
    Printer {
        kind: "Image",
        groups: &["image.openshift.io", ""],
        columns: &["NAME", "IMAGE REFERENCE"],
        row: |of, _| vec![name(of), of.key("dockerImageReference").or("")],
    },
    Printer {
        kind: "Project",
        groups: &["project.openshift.io", ""],
        columns: &["NAME", "DISPLAY NAME", "STATUS"],
        row: |of, _| {
            let annotations = of.path("metadata.annotations");
            let title = annotations.key("openshift.io/display-name").or("");
            vec![name(of), title, of.path("status.phase").or("")]
        },
    },
    Printer {
        kind: "Template",
        groups: &["template.openshift.io", ""],
        columns: &["NAME", "DESCRIPTION", "PARAMETERS", "OBJECTS"],
        row: template,
    },
    Printer {
        kind: "OAuthClient",
        groups: &["oauth.openshift.io", ""],
        columns: &[
            "NAME",
            "SECRET",
            "WWW-CHALLENGE",
            "TOKEN-MAX-AGE",
            "REDIRECT URIS",
        ],
        row: |of, _| {
            let challenges = of.key("respondWithChallenges").flag() == Some(true);
            let age = match of.key("accessTokenMaxAgeSeconds") {
                age if !age.present() => "default".to_owned(),
                age if age.int() == 0 => "unexpiring".to_owned(),
                age => format!("{}s", age.int()),
            };
            vec![
                name(of),
                of.key("secret").or(""),
                if challenges { "TRUE" } else { "FALSE" }.to_owned(),
                age,
                of.key("redirectURIs").joined(""),
            ]
        },
    },
];

fn route(of: View<'_>, _: &TableOptions) -> Vec<String> {
    let spec = of.key("spec");
    let ingress = of.path("status.ingress").items().next();
    let admitted = ingress.map(|ingress| ingress.key("conditions").of_type("Admitted"));
    let host = match admitted.and_then(|condition| condition.key("status").text()) {
        Some("False") => admitted
            .and_then(|condition| condition.key("reason").text())
            .unwrap_or("HostRejected")
            .to_owned(),
        _ => ingress
            .and_then(|ingress| ingress.key("host").text())
            .map_or_else(|| spec.key("host").or(""), str::to_owned),
    };
    let others = spec.key("alternateBackends").items();
    let all: Vec<_> = std::iter::once(spec.key("to")).chain(others).collect();
    let total: i64 = all.iter().map(|backend| weight(*backend)).sum();
    let services = all.iter().map(|backend| {
        let name = backend.key("name").or("");
        match all.len() {
            1 => name,
            _ if total == 0 => format!("{name}(0%)"),
            _ => format!("{name}({}%)", weight(*backend) * 100 / total),
        }
    });
    let services: Vec<_> = services.collect();
    let tls = spec.key("tls");
    let termination = match (
        tls.key("termination").text(),
        tls.key("insecureEdgeTerminationPolicy").text(),
    ) {
        (Some(kind), Some(policy)) if policy != "None" => format!("{kind}/{policy}"),
        (Some(kind), _) => kind.to_owned(),
        (None, _) => String::new(),
    };
    vec![
        name(of),
        host,
        spec.key("path").or(""),
        services.join(","),
        spec.path("port.targetPort").any_or("<all>"),
        termination,
        spec.key("wildcardPolicy").or("None"),
    ]
}

/// A backend without a weight has the default one.
fn weight(backend: View<'_>) -> i64 {
    match backend.key("weight") {
        weight if weight.present() => weight.int(),
        _ => 100,
    }
}

fn deployment_config(of: View<'_>, _: &TableOptions) -> Vec<String> {
    let (spec, status) = (of.key("spec"), of.key("status"));
    let desired = spec.key("replicas").int();
    let desired = match spec.key("test").flag() {
        Some(true) => format!("{desired} (during test)"),
        _ => desired.to_string(),
    };
    let triggers = spec
        .key("triggers")
        .items()
        .map(|trigger| match trigger.key("type").text() {
            Some("ConfigChange") => "config".to_owned(),
            Some("ImageChange") => {
                let image = trigger.path("imageChangeParams.from.name").or("");
                format!("image({image})")
            }
            other => other.unwrap_or_default().to_owned(),
        });
    let triggers: Vec<_> = triggers.collect();
    vec![
        name(of),
        status.key("latestVersion").int().to_string(),
        desired,
        status.key("replicas").int().to_string(),
        triggers.join(","),
    ]
}

/// `Git@main`, `Dockerfile`, `Binary`: where a build takes its sources from.
fn from(spec: View<'_>) -> String {
    let source = spec.key("source");
    let revision = spec.path("revision.git.commit").text();
    let reference = match revision.and_then(|commit| commit.get(..7)).or(revision) {
        Some(commit) => Some(commit),
        None => source.path("git.ref").text(),
    };
    let mut parts = Vec::new();
    if source.key("dockerfile").present() {
        parts.push("Dockerfile".to_owned());
    }
    if source.key("binary").present() {
        parts.push("Binary".to_owned());
    } else if source.key("git").present() {
        parts.push(match reference {
            Some(reference) => format!("Git@{reference}"),
            None => "Git".to_owned(),
        });
    }
    if parts.is_empty() {
        return source.key("type").or("<unknown>");
    }
    parts.join(",")
}

fn build(of: View<'_>, options: &TableOptions) -> Vec<String> {
    let (spec, status) = (of.key("spec"), of.key("status"));
    let phase = match (status.key("phase").or(""), status.key("reason").text()) {
        (phase, Some(reason)) => format!("{phase} ({reason})"),
        (phase, None) => phase,
    };
    let (start, end) = (
        status.key("startTimestamp"),
        status.key("completionTimestamp"),
    );
    let started = match start.present() {
        true => format!("{} ago", options.since(start)),
        false => String::new(),
    };
    let time = |of: View<'_>| {
        of.text()
            .and_then(|text| text.parse::<jiff::Timestamp>().ok())
    };
    let duration = match (time(start), time(end)) {
        (Some(start), end) => {
            let end = end.unwrap_or(options.now);
            format!("{}s", end.duration_since(start).as_secs().max(0))
        }
        _ => String::new(),
    };
    vec![
        name(of),
        spec.path("strategy.type").or(""),
        from(spec),
        phase,
        started,
        duration,
    ]
}

fn image_stream(of: View<'_>, options: &TableOptions) -> Vec<String> {
    let status = of.key("status");
    let repository = status.key("publicDockerImageRepository").text();
    let repository = repository.or(status.key("dockerImageRepository").text());
    let mut newest = None;
    let mut tags: Vec<(&str, &str)> = Vec::new();
    for tag in status.key("tags").items() {
        let first = tag.key("items").items().next();
        let created = first
            .and_then(|item| item.key("created").text())
            .unwrap_or_default();
        newest = newest.max(Some(created));
        tags.push((tag.key("tag").text().unwrap_or_default(), created));
    }
    // The newest tags first, three of them.
    tags.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let shown: Vec<_> = tags.iter().take(3).map(|(tag, _)| *tag).collect();
    let text = match tags.len().checked_sub(3) {
        Some(more) if more > 0 => format!("{} + {more} more...", shown.join(",")),
        _ => shown.join(","),
    };
    let updated = newest.filter(|newest| !newest.is_empty());
    let updated = updated.map(|time| super::age::since(Some(time), options.now));
    vec![
        name(of),
        repository.unwrap_or_default().to_owned(),
        text,
        updated.map_or(String::new(), |age| format!("{age} ago")),
    ]
}

fn template(of: View<'_>, _: &TableOptions) -> Vec<String> {
    let description = of.path("metadata.annotations").key("description").or("");
    let (mut blank, mut generated) = (0, 0);
    for parameter in of.key("parameters").items() {
        if parameter.key("generate").text().is_some() {
            generated += 1;
        } else if parameter.key("value").text().is_none() {
            blank += 1;
        }
    }
    let all = of.key("parameters").len();
    let parameters = match (all, blank, generated) {
        (all, 0, 0) => format!("{all} (all set)"),
        (all, 0, generated) => format!("{all} ({generated} generated)"),
        (all, blank, _) => format!("{all} ({blank} blank)"),
    };
    vec![
        name(of),
        description,
        parameters,
        of.key("objects").len().to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::Table;

    fn row(group: &str, kind: &str, object: &Value) -> Vec<String> {
        Table::of_kind(group, kind).row(object, "2026-11-21T02:00:00Z".parse().unwrap(), false)
    }

    #[test]
    fn a_route_shows_where_it_is_admitted_and_how_it_splits() {
        let route = json!({"metadata": {"name": "web"}, "spec": {"host": "a.example.com", "port": {"targetPort": "http"},
            "to": {"name": "v1", "weight": 75}, "alternateBackends": [{"name": "v2", "weight": 25}],
            "tls": {"termination": "edge", "insecureEdgeTerminationPolicy": "Redirect"}, "wildcardPolicy": "None"},
            "status": {"ingress": [{"host": "b.example.com", "conditions": [{"type": "Admitted", "status": "True"}]}]}});
        assert_eq!(
            row("route.openshift.io", "Route", &route),
            [
                "web",
                "b.example.com",
                "",
                "v1(75%),v2(25%)",
                "http",
                "edge/Redirect",
                "None"
            ]
        );
    }

    #[test]
    fn deployments_streams_and_templates_are_summed_up() {
        let config = json!({"metadata": {"name": "web"}, "spec": {"replicas": 2, "triggers": [{"type": "ConfigChange"},
            {"type": "ImageChange", "imageChangeParams": {"from": {"name": "web:latest"}}}]}, "status": {"latestVersion": 3, "replicas": 1}});
        assert_eq!(
            row("apps.openshift.io", "DeploymentConfig", &config),
            ["web", "3", "2", "1", "config,image(web:latest)"]
        );
        let stream = json!({"metadata": {"name": "web"}, "status": {"dockerImageRepository": "r/web", "tags": [
            {"tag": "a", "items": [{"created": "2026-11-21T01:00:00Z"}]}, {"tag": "b", "items": [{"created": "2026-11-21T01:58:00Z"}]}]}});
        assert_eq!(
            row("image.openshift.io", "ImageStream", &stream),
            ["web", "r/web", "b,a", "2m ago"]
        );
        let template = json!({"metadata": {"name": "t", "annotations": {"description": "d"}}, "parameters": [{"generate": "expression"}, {"value": "x"}], "objects": [{}]});
        assert_eq!(
            row("template.openshift.io", "Template", &template),
            ["t", "d", "2 (1 generated)", "1"]
        );
    }
}
