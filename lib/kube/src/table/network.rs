//! Services, endpoints, ingresses and network policies.

use std::collections::BTreeSet;

use super::object::{View, join, label_selector, labels, three};
use super::{Printer, name};

pub(super) static ALL: &[Printer] = &[
    Printer {
        kind: "Service",
        groups: &[""],
        columns: &[
            "NAME",
            "TYPE",
            "CLUSTER-IP",
            "EXTERNAL-IP",
            "PORT(S)",
            "AGE",
            "+SELECTOR",
        ],
        row: |of, options| {
            let spec = of.key("spec");
            let cluster_ip = spec
                .key("clusterIPs")
                .items()
                .next()
                .unwrap_or(spec.key("clusterIP"));
            vec![
                name(of),
                spec.key("type").or(""),
                cluster_ip.or("<none>"),
                external_ip(of),
                ports(spec.key("ports")),
                options.age(of),
                labels(spec.key("selector")),
            ]
        },
    },
    Printer {
        kind: "Endpoints",
        groups: &[""],
        columns: &["NAME", "ENDPOINTS", "AGE"],
        row: |of, options| vec![name(of), endpoints(of.key("subsets")), options.age(of)],
    },
    Printer {
        kind: "EndpointSlice",
        groups: &["discovery.k8s.io"],
        columns: &["NAME", "ADDRESSTYPE", "PORTS", "ENDPOINTS", "AGE"],
        row: |of, options| {
            let ports: Vec<_> = of
                .key("ports")
                .items()
                .map(|port| match port.key("port") {
                    number if number.present() => number.int().to_string(),
                    _ => port.key("name").or("*"),
                })
                .collect();
            let addresses = of
                .key("endpoints")
                .items()
                .flat_map(|endpoint| endpoint.key("addresses").items());
            let addresses: Vec<_> = addresses.map(|address| address.or("")).collect();
            vec![
                name(of),
                of.key("addressType").or(""),
                three(&ports, "<unset>"),
                three(&addresses, "<unset>"),
                options.age(of),
            ]
        },
    },
    Printer {
        kind: "Ingress",
        groups: &["networking.k8s.io", "extensions"],
        columns: &["NAME", "CLASS", "HOSTS", "ADDRESS", "PORTS", "AGE"],
        row: |of, options| {
            let hosts: Vec<_> = of
                .path("spec.rules")
                .items()
                .filter_map(|rule| rule.key("host").text())
                .map(str::to_owned)
                .collect();
            let ports = if of.path("spec.tls").len() == 0 {
                "80"
            } else {
                "80, 443"
            };
            vec![
                name(of),
                of.path("spec.ingressClassName").or("<none>"),
                three(&hosts, "*"),
                balancer(of),
                ports.to_owned(),
                options.age(of),
            ]
        },
    },
    Printer {
        kind: "IngressClass",
        groups: &["networking.k8s.io"],
        columns: &["NAME", "CONTROLLER", "PARAMETERS", "AGE"],
        row: |of, options| {
            let parameters = of.path("spec.parameters");
            let text = match (
                parameters.key("kind").text(),
                parameters.key("apiGroup").text(),
            ) {
                (None, _) => "<none>".to_owned(),
                (Some(kind), None) => format!("{kind}/{}", parameters.key("name").or("")),
                (Some(kind), Some(group)) => {
                    format!("{kind}.{group}/{}", parameters.key("name").or(""))
                }
            };
            vec![
                name(of),
                of.path("spec.controller").or(""),
                text,
                options.age(of),
            ]
        },
    },
    Printer {
        kind: "NetworkPolicy",
        groups: &["networking.k8s.io", "extensions"],
        columns: &["NAME", "POD-SELECTOR", "AGE"],
        row: |of, options| {
            vec![
                name(of),
                label_selector(of.path("spec.podSelector")),
                options.age(of),
            ]
        },
    },
    Printer {
        kind: "IPAddress",
        groups: &["networking.k8s.io"],
        columns: &["NAME", "PARENTREF"],
        row: |of, _| {
            let parent = of.path("spec.parentRef");
            let resource = [parent.key("resource").text(), parent.key("group").text()];
            let path = [parent.key("namespace").text(), parent.key("name").text()];
            let resource = resource.into_iter().flatten().collect::<Vec<_>>().join(".");
            let parts: Vec<_> = std::iter::once(resource.as_str())
                .chain(path.into_iter().flatten())
                .collect();
            vec![name(of), parts.join("/")]
        },
    },
    Printer {
        kind: "ServiceCIDR",
        groups: &["networking.k8s.io"],
        columns: &["NAME", "CIDRS", "AGE"],
        row: |of, options| vec![name(of), of.path("spec.cidrs").joined(""), options.age(of)],
    },
];

/// Addresses of the load balancer: sorted, each once. Never cut: an API server makes every table as for `-o wide`
/// (`ConvertToTable` in `pkg/printers/storage/storage.go`, v1.34.0).
fn balancer(of: View<'_>) -> String {
    let points = of.path("status.loadBalancer.ingress").items();
    let all: BTreeSet<_> = points
        .filter_map(|point| point.key("ip").text().or(point.key("hostname").text()))
        .collect();
    join(all.into_iter(), "")
}

/// `getServiceExternalIP` in `pkg/printers/internalversion/printers.go`, v1.34.0.
fn external_ip(of: View<'_>) -> String {
    let ips = of.path("spec.externalIPs");
    match of.path("spec.type").text() {
        Some("ClusterIP" | "NodePort") => ips.joined("<none>"),
        Some("ExternalName") => of.path("spec.externalName").or(""),
        Some("LoadBalancer") => {
            let balancer = balancer(of);
            let all: Vec<_> = Some(balancer.as_str())
                .filter(|text| !text.is_empty())
                .into_iter()
                .chain(ips.items().filter_map(View::text))
                .collect();
            join(all.into_iter(), "<pending>")
        }
        _ => "<unknown>".to_owned(),
    }
}

/// `80:31234/TCP,443/TCP`.
/// `makePortString` in `pkg/printers/internalversion/printers.go`, v1.34.0.
fn ports(of: View<'_>) -> String {
    let all: Vec<_> = of
        .items()
        .map(|port| {
            let (number, node_port) = (port.key("port").int(), port.key("nodePort").int());
            let protocol = port.key("protocol").or("TCP");
            if node_port > 0 {
                format!("{number}:{node_port}/{protocol}")
            } else {
                format!("{number}/{protocol}")
            }
        })
        .collect();
    join(all.iter().map(String::as_str), "<none>")
}

/// `formatEndpoints` in `pkg/printers/internalversion/printers.go`, v1.34.0.
fn endpoints(subsets: View<'_>) -> String {
    let mut all = Vec::new();
    for subset in subsets.items() {
        let addresses = subset
            .key("addresses")
            .items()
            .map(|address| address.key("ip").or(""));
        if subset.key("ports").len() == 0 {
            all.extend(addresses);
            continue;
        }
        for port in subset.key("ports").items() {
            let port = port.key("port").int();
            all.extend(addresses.clone().map(|ip| {
                if ip.contains(':') {
                    format!("[{ip}]:{port}")
                } else {
                    format!("{ip}:{port}")
                }
            }));
        }
    }
    three(&all, if subsets.len() == 0 { "<none>" } else { "" })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::Table;

    fn row(group: &str, kind: &str, object: &Value, wide: bool) -> Vec<String> {
        Table::of_kind(group, kind).row(object, "2026-11-21T02:00:00Z".parse().unwrap(), wide)
    }

    #[test]
    fn services_show_addresses_and_ports_by_type() {
        let service = |spec: Value, status: Value| {
            row(
                "",
                "Service",
                &json!({"metadata": {"name": "s"}, "spec": spec, "status": status}),
                false,
            )
        };
        let ports = json!([{"port": 80, "nodePort": 31000, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]);
        assert_eq!(
            service(
                json!({"type": "NodePort", "clusterIPs": ["10.0.0.1"], "ports": ports}),
                json!({})
            )[1..5],
            ["NodePort", "10.0.0.1", "<none>", "80:31000/TCP,53/UDP"]
        );
        assert_eq!(
            service(
                json!({"type": "LoadBalancer", "clusterIP": "10.0.0.2"}),
                json!({})
            )[2..5],
            ["10.0.0.2", "<pending>", "<none>"]
        );
        let named =
            json!({"loadBalancer": {"ingress": [{"hostname": "a-very-long-name.example.com"}]}});
        assert_eq!(
            service(json!({"type": "LoadBalancer"}), named)[3],
            "a-very-long-name.example.com"
        );
        assert_eq!(
            service(
                json!({"type": "ExternalName", "externalName": "x.io"}),
                json!({})
            )[1..4],
            ["ExternalName", "<none>", "x.io"]
        );
    }

    #[test]
    fn endpoints_show_three_and_count_the_rest() {
        let object = json!({"subsets": [{"addresses": [{"ip": "10.1.0.1"}, {"ip": "fd00::1"}], "ports": [{"port": 80}, {"port": 443}]}]});
        assert_eq!(
            row("", "Endpoints", &object, false)[1],
            "10.1.0.1:80,[fd00::1]:80,10.1.0.1:443 + 1 more..."
        );
        assert_eq!(row("", "Endpoints", &json!({}), false)[1], "<none>");
    }

    #[test]
    fn an_ingress_shows_class_hosts_and_ports() {
        let object = json!({"spec": {"rules": [{"host": "a.io"}, {}], "tls": [{}]}});
        assert_eq!(
            row("extensions", "Ingress", &object, false)[1..5],
            ["<none>", "a.io", "", "80, 443"]
        );
    }
}
