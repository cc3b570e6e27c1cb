//! Services and ingresses.

use super::sheet::Sheet;
use super::{Surroundings, View, identity};
use crate::table::object::labels;

pub(super) fn service(of: View<'_>, around: &Surroundings<'_>, sheet: &mut Sheet) -> bool {
    let spec = of.key("spec");
    identity(of, sheet);
    sheet.metadata(of);
    sheet.field("Selector", &labels(spec.key("selector")));
    sheet.field("Type", &spec.key("type").or(""));
    sheet.known(0, "IP Family Policy", spec.key("ipFamilyPolicy"));
    sheet.field("IP Families", &spec.key("ipFamilies").joined("<none>"));
    sheet.field("IP", &spec.key("clusterIP").or(""));
    sheet.field("IPs", &spec.key("clusterIPs").joined("<none>"));
    if spec.key("externalIPs").len() > 0 {
        sheet.field("External IPs", &spec.key("externalIPs").joined(""));
    }
    sheet.known(0, "Desired LoadBalancer IP", spec.key("loadBalancerIP"));
    sheet.known(0, "External Name", spec.key("externalName"));
    if of.path("status.loadBalancer.ingress").len() > 0 {
        sheet.field("LoadBalancer Ingress", &balancer(of));
    }
    for port in spec.key("ports").items() {
        let name = port.key("name").or("<unset>");
        let protocol = port.key("protocol").or("TCP");
        sheet.line(
            0,
            &format!("Port:\t{name}\t{}/{protocol}", port.key("port").int()),
        );
        sheet.field(
            "TargetPort",
            &format!("{}/{protocol}", port.key("targetPort").any_or("0")),
        );
        sheet.known(0, "AppProtocol", port.key("appProtocol"));
        if port.key("nodePort").int() != 0 {
            sheet.line(
                0,
                &format!(
                    "NodePort:\t{name}\t{}/{protocol}",
                    port.key("nodePort").int()
                ),
            );
        }
        sheet.field("Endpoints", &endpoints(of, port.key("name").text(), around));
    }
    policies(spec, sheet);
    true
}

fn policies(spec: View<'_>, sheet: &mut Sheet) {
    sheet.field("Session Affinity", &spec.key("sessionAffinity").or(""));
    sheet.known(
        0,
        "External Traffic Policy",
        spec.key("externalTrafficPolicy"),
    );
    sheet.known(
        0,
        "Internal Traffic Policy",
        spec.key("internalTrafficPolicy"),
    );
    if spec.key("healthCheckNodePort").int() != 0 {
        sheet.field(
            "HealthCheck NodePort",
            &spec.key("healthCheckNodePort").int().to_string(),
        );
    }
    if spec.key("loadBalancerSourceRanges").len() > 0 {
        sheet.field(
            "LoadBalancer Source Ranges",
            &spec.key("loadBalancerSourceRanges").joined(""),
        );
    }
    sheet.known(0, "Traffic Distribution", spec.key("trafficDistribution"));
}

/// Addresses of the load balancer, as they are stored.
fn balancer(of: View<'_>) -> String {
    let points = of.path("status.loadBalancer.ingress").items();
    let all = points.filter_map(|point| {
        let address = point.key("ip").text().or(point.key("hostname").text())?;
        Some(match point.key("ipMode").text() {
            Some(mode) => format!("{address} ({mode})"),
            None => address.to_owned(),
        })
    });
    all.collect::<Vec<_>>().join(", ")
}

/// `10.0.0.1:80,10.0.0.2:80 + 3 more...` of a named port, from the slices of a Service, or from its Endpoints if there are no slices.
fn endpoints(service: View<'_>, port: Option<&str>, around: &Surroundings<'_>) -> String {
    let (name, namespace) = (
        service.path("metadata.name").text(),
        service.path("metadata.namespace").text(),
    );
    let all = (around.list)("endpointslices", namespace);
    let is_own = |slice: &View<'_>| {
        let labels = slice.path("metadata.labels");
        labels.key("kubernetes.io/service-name").text() == name
    };
    let slices: Vec<_> = all.iter().map(View::new).filter(is_own).collect();
    let found = match all.is_empty() {
        true => old_endpoints(name, namespace, port, around),
        false => slices
            .iter()
            .flat_map(|slice| of_slice(*slice, port))
            .collect(),
    };
    match found.split_at_checked(3) {
        _ if found.is_empty() && slices.is_empty() => "<none>".to_owned(),
        _ if found.is_empty() => String::new(),
        Some((shown, more)) if !more.is_empty() => {
            format!("{} + {} more...", shown.join(","), more.len())
        }
        _ => found.join(","),
    }
}

/// The addresses of a slice that are ready, with the number of the port of that name.
fn of_slice(slice: View<'_>, name: Option<&str>) -> Vec<String> {
    let mut found = Vec::new();
    let ports = slice.key("ports").items();
    for port in ports.filter(|port| port.key("name").text() == name) {
        for endpoint in slice.key("endpoints").items() {
            // An endpoint without conditions is ready.
            if endpoint.path("conditions.ready").flag() == Some(false) {
                continue;
            }
            let addresses = endpoint.key("addresses").items().filter_map(View::text);
            found.extend(addresses.map(|address| joined(address, port.key("port").int())));
        }
    }
    found
}

/// The same from Endpoints, which is what old API servers have.
fn old_endpoints(
    name: Option<&str>,
    namespace: Option<&str>,
    named: Option<&str>,
    around: &Surroundings<'_>,
) -> Vec<String> {
    let mut found = Vec::new();
    for all in (around.list)("endpoints", namespace).iter().map(View::new) {
        if all.path("metadata.name").text() != name {
            continue;
        }
        for subset in all.key("subsets").items() {
            for number in subset
                .key("ports")
                .items()
                .filter(|port| port.key("name").text() == named)
            {
                let addresses = subset
                    .key("addresses")
                    .items()
                    .filter_map(|address| address.key("ip").text());
                found.extend(addresses.map(|address| joined(address, number.key("port").int())));
            }
        }
    }
    found
}

fn joined(address: &str, port: i64) -> String {
    match address.contains(':') {
        true => format!("[{address}]:{port}"),
        false => format!("{address}:{port}"),
    }
}

pub(super) fn ingress(of: View<'_>, around: &Surroundings<'_>, sheet: &mut Sheet) -> bool {
    let spec = of.key("spec");
    let namespace = of.path("metadata.namespace").text();
    let backend = |backend| served_backend(backend, namespace, around);
    sheet.field("Name", &of.path("metadata.name").or(""));
    sheet.pairs(0, "Labels", of.path("metadata.labels"));
    sheet.field("Namespace", &of.path("metadata.namespace").or(""));
    sheet.field("Address", &balancer(of));
    sheet.field("Ingress Class", &spec.key("ingressClassName").or("<none>"));
    let default = match (spec.key("defaultBackend"), spec.key("backend")) {
        (new, _) if new.present() => backend(new),
        (_, old) if old.present() => backend(old),
        _ => "<default>".to_owned(),
    };
    sheet.field("Default backend", &default);
    if spec.key("tls").len() > 0 {
        sheet.line(0, "TLS:");
        for tls in spec.key("tls").items() {
            let hosts = tls.key("hosts").joined("");
            match tls.key("secretName").text() {
                Some(secret) => sheet.line(1, &format!("{secret} terminates {hosts}")),
                None => sheet.line(1, &format!("SNI routes {hosts}")),
            }
        }
    }
    sheet.line(0, "Rules:");
    sheet.line(1, "Host\tPath\tBackends");
    sheet.line(1, "----\t----\t--------");
    let mut any = false;
    for rule in spec
        .key("rules")
        .items()
        .filter(|rule| rule.key("http").present())
    {
        any = true;
        sheet.line(1, &format!("{}\t", rule.key("host").or("*")));
        for path in rule.path("http.paths").items() {
            sheet.line(
                2,
                &format!(
                    "\t{} \t{}",
                    path.key("path").or(""),
                    backend(path.key("backend"))
                ),
            );
        }
    }
    if !any {
        sheet.line(1, &format!("*\t*\t{default}"));
    }
    sheet.annotations(0, of.path("metadata.annotations"));
    true
}

/// `web:80 (10.0.0.1:8080)`, of either form of a backend: the service, and where it leads.
fn served_backend(of: View<'_>, namespace: Option<&str>, around: &Surroundings<'_>) -> String {
    let resource = of.key("resource");
    if resource.present() {
        let group = resource.key("apiGroup").or("<none>");
        return format!(
            "APIGroup: {group}, Kind: {}, Name: {}",
            resource.key("kind").or(""),
            resource.key("name").or("")
        );
    }
    let (name, port) = match of.key("service") {
        service if service.present() => {
            let port = service.key("port");
            let port = port.key("number").any_or(&port.key("name").or(""));
            (service.key("name").or(""), port)
        }
        _ => (
            of.key("serviceName").or(""),
            of.key("servicePort").any_or(""),
        ),
    };
    let services = (around.list)("services", namespace);
    let service = services
        .iter()
        .map(View::new)
        .find(|service| service.path("metadata.name").text() == Some(name.as_str()));
    let Some(service) = service else {
        return format!("{name}:{port} (<error: services {name:?} not found>)");
    };
    let mut ports = service.path("spec.ports").items();
    let named = ports.find(|one| {
        one.key("port").any_or("") == port || one.key("name").text() == Some(port.as_str())
    });
    let port_name = named.and_then(|named| named.key("name").text());
    format!("{name}:{port} ({})", endpoints(service, port_name, around))
}

/// The object itself, not the endpoints of a Service.
pub(super) fn endpoints_object(of: View<'_>, sheet: &mut Sheet) -> bool {
    identity(of, sheet);
    sheet.metadata(of);
    sheet.line(0, "Subsets:");
    for subset in of.key("subsets").items() {
        for (title, field) in [
            ("Addresses", "addresses"),
            ("NotReadyAddresses", "notReadyAddresses"),
        ] {
            let addresses = subset
                .key(field)
                .items()
                .map(|address| address.key("ip").or(""));
            let addresses: Vec<String> = addresses.collect();
            let text = match addresses.is_empty() {
                true => "<none>".to_owned(),
                false => addresses.join(","),
            };
            sheet.at(1, title, &text);
        }
        if subset.key("ports").len() > 0 {
            sheet.line(1, "Ports:");
            sheet.line(2, "Name\tPort\tProtocol");
            sheet.line(2, "----\t----\t--------");
        }
        for port in subset.key("ports").items() {
            let (name, number) = (port.key("name").or("<unset>"), port.key("port").int());
            let protocol = port.key("protocol").or("TCP");
            sheet.line(2, &format!("{name}\t{number}\t{protocol}"));
        }
        sheet.line(0, "");
    }
    true
}
