//! Kinds of the cluster that few look at: ingress classes, drivers of a node, slices of endpoints, signing requests.

use serde_json::Value;

use super::sheet::Sheet;
use super::{View, date, identity};
use crate::table::access::csr_condition;
use crate::table::age::human_duration;
use crate::table::object::labels;

pub(super) fn ingress_class(of: View<'_>, sheet: &mut Sheet) -> bool {
    let spec = of.key("spec");
    sheet.field("Name", &of.path("metadata.name").or(""));
    sheet.metadata(of);
    sheet.field("Controller", &spec.key("controller").or(""));
    let parameters = spec.key("parameters");
    if parameters.present() {
        sheet.line(0, "Parameters:");
        if parameters.key("apiGroup").present() {
            sheet.at(1, "APIGroup", &parameters.key("apiGroup").or(""));
        }
        sheet.at(1, "Kind", &parameters.key("kind").or(""));
        sheet.at(1, "Name", &parameters.key("name").or(""));
    }
    true
}

pub(super) fn csi_node(of: View<'_>, sheet: &mut Sheet) -> bool {
    sheet.field("Name", &of.path("metadata.name").or(""));
    sheet.metadata(of);
    let created = of.path("metadata.creationTimestamp");
    sheet.field("CreationTimestamp", &date(created));
    sheet.line(0, "Spec:");
    let drivers = of.path("spec.drivers");
    if drivers.present() {
        sheet.line(1, "Drivers:");
    }
    for driver in drivers.items() {
        sheet.line(2, &format!("{}:", driver.key("name").or("")));
        sheet.at(3, "Node ID", &driver.key("nodeID").or(""));
        let count = driver.path("allocatable.count");
        if count.present() {
            sheet.line(3, "Allocatables:");
            sheet.at(4, "Count", &count.int().to_string());
        }
        let keys = driver.key("topologyKeys");
        if keys.present() {
            let keys: Vec<_> = keys.items().filter_map(View::text).collect();
            sheet.at(3, "Topology Keys", &format!("[{}]", keys.join(" ")));
        }
    }
    true
}

pub(super) fn endpoint_slice(of: View<'_>, sheet: &mut Sheet) -> bool {
    identity(of, sheet);
    sheet.metadata(of);
    sheet.field("AddressType", &of.key("addressType").or(""));
    slice_ports(of.key("ports"), sheet);
    let endpoints = of.key("endpoints");
    if endpoints.len() == 0 {
        sheet.line(0, "Endpoints: <none>");
        return true;
    }
    sheet.line(0, "Endpoints:");
    for endpoint in endpoints.items() {
        let addresses: Vec<_> = endpoint
            .key("addresses")
            .items()
            .filter_map(View::text)
            .collect();
        let addresses = match addresses.is_empty() {
            true => "<none>".to_owned(),
            false => addresses.join(","),
        };
        sheet.at(1, "- Addresses", &addresses);
        sheet.line(2, "Conditions:");
        let ready = endpoint.path("conditions.ready").flag();
        let ready = ready.map_or("<unset>".to_owned(), |ready| ready.to_string());
        sheet.at(3, "Ready", &ready);
        sheet.at(2, "Hostname", &endpoint.key("hostname").or("<unset>"));
        let target = endpoint.key("targetRef");
        if target.present() {
            let (kind, name) = (target.key("kind").or(""), target.key("name").or(""));
            sheet.at(2, "TargetRef", &format!("{kind}/{name}"));
        }
        // v1beta1 has both in its topology.
        let topology = endpoint.key("topology");
        let node = endpoint.key("nodeName").text();
        let node = node.or(topology.key("kubernetes.io/hostname").text());
        sheet.at(2, "NodeName", node.unwrap_or("<unset>"));
        let zone = endpoint.key("zone").text();
        let zone = zone.or(topology.key("topology.kubernetes.io/zone").text());
        sheet.at(2, "Zone", zone.unwrap_or("<unset>"));
    }
    true
}

fn slice_ports(ports: View<'_>, sheet: &mut Sheet) {
    if ports.len() == 0 {
        sheet.line(0, "Ports: <unset>");
        return;
    }
    sheet.line(0, "Ports:");
    sheet.line(1, "Name\tPort\tProtocol");
    sheet.line(1, "----\t----\t--------");
    for port in ports.items() {
        let name = match port.key("name").text() {
            Some("") | None => "<unset>",
            Some(name) => name,
        };
        let number = port.key("port").any_or("<unset>");
        let protocol = port.key("protocol").or("");
        sheet.line(1, &format!("{name}\t{number}\t{protocol}"));
    }
}

pub(super) fn signing_request(object: &Value, sheet: &mut Sheet) -> bool {
    let of = View::new(object);
    let spec = of.key("spec");
    sheet.field("Name", &of.path("metadata.name").or(""));
    sheet.field("Labels", &labels(of.path("metadata.labels")));
    sheet.field("Annotations", &labels(of.path("metadata.annotations")));
    let created = of.path("metadata.creationTimestamp");
    sheet.field("CreationTimestamp", &date(created));
    sheet.field("Requesting User", &spec.key("username").or(""));
    sheet.known(0, "Signer", spec.key("signerName"));
    if spec.key("expirationSeconds").present() {
        let duration = human_duration(spec.key("expirationSeconds").int());
        sheet.field("Requested Duration", &duration);
    }
    sheet.field("Status", &csr_condition(of));
    sheet.line(0, "Subject:");
    let subject = subject(object);
    let common = of_name(&subject, "CN").concat();
    sheet.line(0, &format!("\tCommon Name:\t{common}"));
    let serial = of_name(&subject, "serialNumber").concat();
    sheet.line(0, &format!("\tSerial Number:\t{serial}"));
    for (title, name) in [
        ("Organization", "O"),
        ("Organizational Unit", "OU"),
        ("Country", "C"),
        ("Locality", "L"),
        ("Province", "ST"),
    ] {
        for (at, one) in of_name(&subject, name).iter().enumerate() {
            let title = if at == 0 {
                format!("{title}:")
            } else {
                String::new()
            };
            sheet.line(0, &format!("\t{title}\t{one}"));
        }
    }
    true
}

/// The values of one name of a subject.
fn of_name<'s>(subject: &'s [(String, String)], name: &str) -> Vec<&'s str> {
    let all = subject.iter().filter(|(known, _)| known == name);
    all.map(|(_, value)| value.as_str()).collect()
}

/// Names and values of the subject of a request: `CN`, `jane`.
#[cfg(feature = "certificates")]
fn subject(object: &Value) -> Vec<(String, String)> {
    let request = crate::certs::certificates(object)
        .into_iter()
        .find(|found| found.request);
    let subject = request.map(|request| request.subject).unwrap_or_default();
    let parts = subject.split(", ").filter_map(|part| part.split_once('='));
    parts
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// A build without certificates reads none.
#[cfg(not(feature = "certificates"))]
fn subject(_: &Value) -> Vec<(String, String)> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::described::{Surroundings, text};

    fn described(object: &serde_json::Value) -> String {
        let around = Surroundings {
            now: jiff::Timestamp::UNIX_EPOCH,
            events: &[],
            secret_sizes: &[],
            list: &|_, _| Vec::new(),
        };
        text(object, &around)
    }

    #[test]
    fn a_slice_of_either_version_is_described_with_nodes_and_zones() {
        for (version, place) in [
            ("v1", json!({"nodeName": "n", "zone": "z"})),
            (
                "v1beta1",
                json!({"topology": {"kubernetes.io/hostname": "n", "topology.kubernetes.io/zone": "z"}}),
            ),
        ] {
            let mut endpoint = json!({"addresses": ["10.0.0.1"], "conditions": {"ready": true},
                "targetRef": {"kind": "Pod", "name": "p"}});
            endpoint
                .as_object_mut()
                .unwrap()
                .extend(place.as_object().unwrap().clone());
            let slice = json!({"apiVersion": format!("discovery.k8s.io/{version}"), "kind": "EndpointSlice",
                "metadata": {"name": "s", "namespace": "a"}, "addressType": "IPv4", "endpoints": [endpoint],
                "ports": [{"name": "", "port": 80, "protocol": "TCP"}]});
            assert_eq!(
                described(&slice),
                "Name:         s\nNamespace:    a\nLabels:       <none>\nAnnotations:  <none>\nAddressType:  IPv4\nPorts:\n  \
                 Name     Port  Protocol\n  ----     ----  --------\n  <unset>  80    TCP\nEndpoints:\n  - Addresses:  10.0.0.1\n    \
                 Conditions:\n      Ready:    true\n    Hostname:   <unset>\n    TargetRef:  Pod/p\n    NodeName:   n\n    Zone:       z\n\
                 Events:         <none>\n"
            );
        }
    }

    #[test]
    fn an_ingress_class_and_the_drivers_of_a_node_are_described_as_kubectl_does() {
        let class = json!({"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": {"name": "nginx"},
            "spec": {"controller": "k8s.io/ingress-nginx", "parameters": {"apiGroup": "g", "kind": "K", "name": "n"}}});
        assert!(
            described(&class).contains("Controller:   k8s.io/ingress-nginx\nParameters:\n  APIGroup:  g\n  Kind:      K\n  Name:      n\n")
        );
        let node = json!({"apiVersion": "storage.k8s.io/v1", "kind": "CSINode", "metadata": {"name": "n1"}, "spec": {"drivers":
            [{"name": "csi.example.com", "nodeID": "id", "allocatable": {"count": 16}, "topologyKeys": ["zone", "rack"]}]}});
        let text = described(&node);
        assert!(
            text.contains("csi.example.com:\n      Node ID:  id\n      Allocatables:\n        Count:        16\n      Topology Keys:  [zone rack]\n"),
            "{text}"
        );
    }
}
