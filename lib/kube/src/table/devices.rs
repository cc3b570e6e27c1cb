//! Dynamic resource allocation: claims and what drivers offer; candidates of a coordinated leader election.

use super::object::View;
use super::{Printer, name};

pub(super) static ALL: &[Printer] = &[
    Printer {
        kind: "ResourceClaim",
        groups: &["resource.k8s.io"],
        columns: &["NAME", "STATE", "AGE"],
        row: |of, options| vec![name(of), claim_state(of), options.age(of)],
    },
    Printer {
        kind: "ResourceSlice",
        groups: &["resource.k8s.io"],
        columns: &["NAME", "NODE", "DRIVER", "POOL", "AGE"],
        row: |of, options| {
            vec![
                name(of),
                of.path("spec.nodeName").or(""),
                of.path("spec.driver").or(""),
                of.path("spec.pool.name").or(""),
                options.age(of),
            ]
        },
    },
    Printer {
        kind: "PodSchedulingContext",
        groups: &["resource.k8s.io"],
        columns: &["NAME", "SELECTEDNODE", "AGE"],
        row: |of, options| {
            vec![
                name(of),
                of.path("spec.selectedNode").or(""),
                options.age(of),
            ]
        },
    },
    Printer {
        kind: "LeaseCandidate",
        groups: &["coordination.k8s.io"],
        columns: &[
            "NAME",
            "LEASENAME",
            "BINARYVERSION",
            "EMULATIONVERSION",
            "AGE",
        ],
        row: |of, options| {
            vec![
                name(of),
                of.path("spec.leaseName").or(""),
                of.path("spec.binaryVersion").or(""),
                of.path("spec.emulationVersion").or(""),
                options.age(of),
            ]
        },
    },
];

/// `pending`, `allocated,reserved`, `deleted,allocated`.
/// `resourceClaimState` in `pkg/printers/internalversion/printers.go`, v1.34.0.
fn claim_state(of: View<'_>) -> String {
    let deleted = of.path("metadata.deletionTimestamp").text().is_some();
    let allocated = of.path("status.allocation").present();
    let reserved = allocated && of.path("status.reservedFor").len() > 0;
    let states = [
        ("deleted", deleted),
        ("pending", !allocated && !deleted),
        ("allocated", allocated),
        ("reserved", reserved),
    ];
    let states: Vec<_> = states
        .into_iter()
        .filter_map(|(name, holds)| holds.then_some(name))
        .collect();
    states.join(",")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Table;

    #[test]
    fn the_state_of_a_claim_says_all_that_holds() {
        let now = jiff::Timestamp::UNIX_EPOCH;
        let row =
            |object| Table::of_kind("resource.k8s.io", "ResourceClaim").row(&object, now, false);
        assert_eq!(row(json!({"metadata": {"name": "a"}}))[1], "pending");
        let status = json!({"allocation": {"devices": {}}, "reservedFor": [{"name": "p"}]});
        assert_eq!(
            row(json!({"metadata": {"name": "a"}, "status": status}))[1],
            "allocated,reserved"
        );
        let gone = json!({"name": "a", "deletionTimestamp": "1970-01-01T00:00:00Z"});
        assert_eq!(row(json!({"metadata": gone}))[1], "deleted");
    }
}
