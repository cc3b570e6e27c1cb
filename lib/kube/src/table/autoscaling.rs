//! HorizontalPodAutoscalers of every stored version: v1 keeps all metrics but CPU in annotations.

use serde_json::Value;

use super::object::View;
use super::{Printer, TableOptions, name};

pub(super) static ALL: &[Printer] = &[Printer {
    kind: "HorizontalPodAutoscaler",
    groups: &["autoscaling", "extensions"],
    columns: &[
        "NAME",
        "REFERENCE",
        "TARGETS",
        "MINPODS",
        "MAXPODS",
        "REPLICAS",
        "AGE",
    ],
    row: autoscaler,
}];

/// Most metrics that are shown.
const SHOWN: usize = 2;

fn autoscaler(of: View<'_>, options: &TableOptions) -> Vec<String> {
    let target = of.path("spec.scaleTargetRef");
    vec![
        name(of),
        format!(
            "{}/{}",
            target.key("kind").or(""),
            target.key("name").or("")
        ),
        targets(of),
        of.path("spec.minReplicas").any_or("<unset>"),
        of.path("spec.maxReplicas").int().to_string(),
        of.path("status.currentReplicas").int().to_string(),
        options.age(of),
    ]
}

/// `formatHPAMetrics` in `pkg/printers/internalversion/printers.go`, v1.34.0.
fn targets(of: View<'_>) -> String {
    let annotation = |field: &str| {
        let text = of
            .path("metadata.annotations")
            .key(&format!("autoscaling.alpha.kubernetes.io/{field}"))
            .text();
        text.and_then(|text| serde_json::from_str::<Value>(text).ok())
            .unwrap_or(Value::Null)
    };
    let (wanted, current) = (annotation("metrics"), annotation("current-metrics"));
    let (wanted, current) = (View::new(&wanted), View::new(&current));
    let own = (of.path("spec.metrics"), of.path("status.currentMetrics"));
    let lists = if own.0.len() > 0 {
        own
    } else {
        (wanted, current)
    };
    let mut all: Vec<_> = {
        let mut current = lists.1.items();
        lists
            .0
            .items()
            .map(|metric| describe(metric, current.next()))
            .collect()
    };
    let cpu = of.path("spec.targetCPUUtilizationPercentage");
    if cpu.present() {
        let current = of.path("status.currentCPUUtilizationPercentage");
        all.push(format!("cpu: {}/{}%", percent(current), cpu.int()));
    }
    if all.is_empty() {
        return "<none>".to_owned();
    }
    let more = all.len().saturating_sub(SHOWN);
    all.truncate(SHOWN);
    let text = all.join(", ");
    if more > 0 {
        format!("{text} + {more} more...")
    } else {
        text
    }
}

/// One metric: `cpu: 12%/80%`, `5/10 (avg)`.
fn describe(metric: View<'_>, status: Option<View<'_>>) -> String {
    let kind = metric.key("type").text().unwrap_or("");
    let mut field = kind.to_owned();
    if let Some(first) = field.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    let spec = metric.key(&field);
    let status = status.map_or(View::new(&Value::Null), |status| status.key(&field));
    let label = match kind {
        "Resource" | "ContainerResource" => format!("{}: ", spec.key("name").or("")),
        _ => String::new(),
    };
    // v2beta1 has the target beside the name, later versions below `target` and `current`.
    let target = |new: &str, old: &str| {
        if spec.key("target").key(new).present() {
            spec.key("target").key(new)
        } else {
            spec.key(old)
        }
    };
    let now = |new: &str, old: &str| {
        if status.key("current").key(new).present() {
            status.key("current").key(new)
        } else {
            status.key(old)
        }
    };
    let average = target("averageValue", "targetAverageValue");
    if average.present() {
        let suffix = if matches!(kind, "External" | "Object") {
            " (avg)"
        } else {
            ""
        };
        return format!(
            "{label}{}/{}{suffix}",
            now("averageValue", "currentAverageValue").any_or("<unknown>"),
            average.any_or("")
        );
    }
    if label.is_empty() {
        let value = target("value", "targetValue").any_or("<auto>");
        return format!(
            "{}/{value}",
            now("value", "currentValue").any_or("<unknown>")
        );
    }
    let wanted = target("averageUtilization", "targetAverageUtilization");
    let wanted = if wanted.present() {
        format!("{}%", wanted.int())
    } else {
        "<auto>".to_owned()
    };
    format!(
        "{label}{}/{wanted}",
        percent(now("averageUtilization", "currentAverageUtilization"))
    )
}

fn percent(of: View<'_>) -> String {
    if of.present() {
        format!("{}%", of.int())
    } else {
        "<unknown>".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::Table;

    fn targets(object: Value) -> String {
        Table::of_kind("autoscaling", "HorizontalPodAutoscaler").row(
            &object,
            jiff::Timestamp::UNIX_EPOCH,
            false,
        )[2]
        .clone()
    }

    #[test]
    fn every_stored_version_shows_its_metrics() {
        assert_eq!(
            targets(json!({"spec": {"targetCPUUtilizationPercentage": 80}})),
            "cpu: <unknown>/80%"
        );
        let metrics = r#"[{"type":"Pods","pods":{"metricName":"rps","targetAverageValue":"1k"}}]"#;
        let v1 = json!({"metadata": {"annotations": {"autoscaling.alpha.kubernetes.io/metrics": metrics}},
            "spec": {"targetCPUUtilizationPercentage": 70}, "status": {"currentCPUUtilizationPercentage": 5}});
        assert_eq!(targets(v1), "<unknown>/1k, cpu: 5%/70%");
        let v2 = json!({"spec": {"metrics": [
            {"type": "Resource", "resource": {"name": "memory", "target": {"averageUtilization": 60}}},
            {"type": "External", "external": {"target": {"averageValue": "5"}}},
            {"type": "Object", "object": {"target": {"value": "9"}}}]},
            "status": {"currentMetrics": [{"type": "Resource", "resource": {"current": {"averageUtilization": 12}}}]}});
        assert_eq!(
            targets(v2),
            "memory: 12%/60%, <unknown>/5 (avg) + 1 more..."
        );
        assert_eq!(targets(json!({})), "<none>");
    }
}
