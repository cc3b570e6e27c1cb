//! Roles, bindings, certificate requests, pod security policies.

use super::object::{View, join};
use super::{Printer, TableOptions, cluster, created_at, name};

const RBAC: &[&str] = &["rbac.authorization.k8s.io"];

pub(super) static ALL: &[Printer] = &[
    Printer {
        kind: "Role",
        groups: RBAC,
        columns: &["NAME", "CREATED AT"],
        row: |of, _| vec![name(of), created_at(of)],
    },
    Printer {
        kind: "ClusterRole",
        groups: RBAC,
        columns: &["NAME", "CREATED AT"],
        row: |of, _| vec![name(of), created_at(of)],
    },
    Printer {
        kind: "RoleBinding",
        groups: RBAC,
        columns: BINDING,
        row: binding,
    },
    Printer {
        kind: "ClusterRoleBinding",
        groups: RBAC,
        columns: BINDING,
        row: binding,
    },
    Printer {
        kind: "CertificateSigningRequest",
        groups: &["certificates.k8s.io"],
        columns: &[
            "NAME",
            "AGE",
            "SIGNERNAME",
            "REQUESTOR",
            "REQUESTEDDURATION",
            "CONDITION",
        ],
        row: |of, options| {
            vec![
                name(of),
                options.age(of),
                of.path("spec.signerName").or("<none>"),
                of.path("spec.username").or(""),
                cluster::seconds(of.path("spec.expirationSeconds")),
                csr_condition(of),
            ]
        },
    },
    Printer {
        kind: "ClusterTrustBundle",
        groups: &["certificates.k8s.io"],
        columns: &["NAME", "SIGNERNAME"],
        row: |of, _| vec![name(of), of.path("spec.signerName").or("<none>")],
    },
    Printer {
        kind: "PodCertificateRequest",
        groups: &["certificates.k8s.io"],
        columns: &[
            "NAME",
            "PODNAME",
            "SERVICEACCOUNTNAME",
            "NODENAME",
            "SIGNERNAME",
            "STATE",
        ],
        row: |of, _| {
            let spec = of.key("spec");
            let field = |name| spec.key(name).or("");
            let conditions = of.path("status.conditions");
            let state = ["Issued", "Denied", "Failed"]
                .into_iter()
                .find(|kind| conditions.of_type(kind).present());
            vec![
                name(of),
                field("podName"),
                field("serviceAccountName"),
                field("nodeName"),
                field("signerName"),
                state.unwrap_or("Pending").to_owned(),
            ]
        },
    },
    Printer {
        kind: "PodSecurityPolicy",
        groups: &["policy", "extensions"],
        columns: &[
            "NAME",
            "PRIV",
            "CAPS",
            "SELINUX",
            "RUNASUSER",
            "FSGROUP",
            "SUPGROUP",
            "READONLYROOTFS",
            "VOLUMES",
        ],
        row: |of, _| {
            let spec = of.key("spec");
            let flag = |field| spec.key(field).flag().unwrap_or(false).to_string();
            vec![
                name(of),
                flag("privileged"),
                spec.key("allowedCapabilities").joined(""),
                spec.path("seLinux.rule").or(""),
                spec.path("runAsUser.rule").or(""),
                spec.path("fsGroup.rule").or(""),
                spec.path("supplementalGroups.rule").or(""),
                flag("readOnlyRootFilesystem"),
                spec.key("volumes").joined("<none>"),
            ]
        },
    },
];

const BINDING: &[&str] = &[
    "NAME",
    "ROLE",
    "AGE",
    "+USERS",
    "+GROUPS",
    "+SERVICEACCOUNTS",
];

/// `printRoleBinding` in `pkg/printers/internalversion/printers.go`, v1.34.0.
fn binding(of: View<'_>, options: &TableOptions) -> Vec<String> {
    let role = of.key("roleRef");
    let of_kind = |kind: &'static str| {
        of.key("subjects")
            .items()
            .filter(move |subject| subject.key("kind").text() == Some(kind))
    };
    let names = |kind| {
        join(
            of_kind(kind).map(|subject| subject.key("name").text().unwrap_or("")),
            "",
        )
        .replace(',', ", ")
    };
    let accounts: Vec<_> = of_kind("ServiceAccount")
        .map(|subject| {
            format!(
                "{}/{}",
                subject.key("namespace").or(""),
                subject.key("name").or("")
            )
        })
        .collect();
    vec![
        name(of),
        format!("{}/{}", role.key("kind").or(""), role.key("name").or("")),
        options.age(of),
        names("User"),
        names("Group"),
        accounts.join(", "),
    ]
}

/// `extractCSRStatus` in `pkg/printers/internalversion/printers.go`, v1.34.0.
pub(crate) fn csr_condition(of: View<'_>) -> String {
    let conditions = of.path("status.conditions");
    let has = |kind| conditions.of_type(kind).present();
    let mut text = if has("Denied") {
        "Denied"
    } else if has("Approved") {
        "Approved"
    } else {
        "Pending"
    }
    .to_owned();
    if has("Failed") {
        text += ",Failed";
    }
    if of.path("status.certificate").text().is_some() {
        text += ",Issued";
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Table;

    #[test]
    fn a_binding_names_its_role_and_subjects() {
        let object = json!({"metadata": {"name": "b"}, "roleRef": {"kind": "ClusterRole", "name": "admin"}, "subjects": [
            {"kind": "User", "name": "jane"}, {"kind": "User", "name": "joe"}, {"kind": "ServiceAccount", "namespace": "a", "name": "b"}]});
        let table = Table::of_kind("rbac.authorization.k8s.io", "RoleBinding");
        assert_eq!(
            table.row(&object, jiff::Timestamp::UNIX_EPOCH, true),
            [
                "b",
                "ClusterRole/admin",
                "<unknown>",
                "jane, joe",
                "",
                "a/b"
            ]
        );
    }

    #[test]
    fn a_request_tells_how_far_it_got() {
        let table = Table::of_kind("certificates.k8s.io", "CertificateSigningRequest");
        let condition = |status| {
            table.row(
                &json!({"status": status}),
                jiff::Timestamp::UNIX_EPOCH,
                false,
            )[5]
            .clone()
        };
        assert_eq!(condition(json!({})), "Pending");
        assert_eq!(
            condition(json!({"conditions": [{"type": "Approved"}], "certificate": "QQ=="})),
            "Approved,Issued"
        );
    }
}
