//! `meta`: what etcd keeps about itself.

use serde::Serialize;

use crate::backend::{
    Alarm, Auth, ClusterMember, Downgrade, EtcdVersion, Meta, Permission, PermissionType,
};
use crate::member::{BucketPart, Buckets, Identity};
use located::text::escape::{self, Charset};
use located::text::number::thousands;
use located::{ClusterId, MemberId};

/// What stands for a value that could not be read.
const UNKNOWN: &str = "unknown: it cannot be read";

/// What `meta` answers. What is not known is left out, and what is unknown because of damage is listed in [`unknown`](Self::unknown).
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct MetaAnswer {
    /// Id of the cluster, of the WAL or a `.snap` file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<ClusterId>,
    /// Id of the member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member_id: Option<MemberId>,
    /// Version that all members support.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_version: Option<EtcdVersion>,
    /// Version of the schema, if one is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_version: Option<EtcdVersion>,
    /// Version of the schema, by its keys; `None` if they cannot be read.
    pub schema_version: Option<EtcdVersion>,
    /// The members; `None` if none can be read.
    pub members: Option<Vec<ClusterMember>>,
    /// Ids that were removed for good; `None` if that cannot be read.
    pub members_removed: Option<Vec<MemberId>>,
    /// A downgrade that was requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub downgrade: Option<Downgrade>,
    /// Alarms that are on; `None` if that cannot be read.
    pub alarms: Option<Vec<Alarm>>,
    /// The `meta` bucket.
    pub meta: Meta,
    /// Users and roles.
    pub auth: Auth,
    /// What has no value because it could not be read, by the names of the fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<&'static str>,
    /// Whether authentication was never switched on or off.
    #[serde(skip)]
    never_enabled: bool,
}

/// The keys of the `meta` bucket, and the names of their fields.
const META_FIELDS: [(&str, &str); 6] = [
    ("consistent_index", "consistent_index"),
    ("term", "term"),
    ("confState", "conf_state"),
    ("scheduledCompactRev", "scheduled_compact_revision"),
    ("finishedCompactRev", "finished_compact_revision"),
    ("storageVersion", "storage_version"),
];

/// The fields that have no value because it could not be read.
fn unknown(meta: &Meta, buckets: &Buckets) -> Vec<&'static str> {
    let of_meta = META_FIELDS.iter().filter(|(key, _)| meta.is_unknown(key));
    let mut unknown: Vec<_> = of_meta.map(|(_, field)| *field).collect();
    let cluster = &buckets.cluster;
    let parts = [
        (
            BucketPart::Cluster,
            "cluster_version",
            cluster.cluster_version.is_none(),
        ),
        (BucketPart::Cluster, "members", cluster.members.is_empty()),
        (
            BucketPart::Cluster,
            "members_removed",
            cluster.removed.is_empty(),
        ),
        (BucketPart::Alarms, "alarms", buckets.alarms.is_empty()),
        (BucketPart::Auth, "auth", buckets.auth.enabled.is_none()),
    ];
    let lost = parts
        .into_iter()
        .filter(|(part, _, is_absent)| *is_absent && !buckets.is_whole(*part));
    unknown.extend(lost.map(|(_, field, _)| field));
    unknown
}

impl MetaAnswer {
    /// Of a member's files.
    pub fn new(identity: Identity, meta: Meta, buckets: Buckets) -> Self {
        let unknown = unknown(&meta, &buckets);
        let is_known = |field: &str| !unknown.contains(&field);
        let mut auth = buckets.auth;
        let never_enabled = auth.enabled.is_none() && is_known("auth");
        // Authentication that was never switched is off.
        auth.enabled = auth.enabled.or(is_known("auth").then_some(false));
        let has_schema = is_known("storage_version") && is_known("term");
        // A `.snap` file may have the members that the db has lost.
        let has_members = is_known("members") || !identity.members.is_empty();
        Self {
            cluster_id: identity.cluster_id,
            member_id: identity.member_id,
            cluster_version: buckets.cluster.cluster_version,
            storage_version: meta.storage_version,
            schema_version: has_schema.then(|| meta.schema_version()),
            members: has_members.then_some(identity.members),
            members_removed: is_known("members_removed").then_some(buckets.cluster.removed),
            downgrade: buckets.cluster.downgrade,
            alarms: is_known("alarms").then_some(buckets.alarms),
            meta,
            auth,
            unknown,
            never_enabled,
        }
    }

    fn is_unknown(&self, field: &str) -> bool {
        self.unknown.contains(&field)
    }

    /// What people read: names with their texts, in order.
    pub fn lines(&self, charset: Charset) -> Vec<(&'static str, String)> {
        let mut lines = self.versions();
        lines.extend(self.positions());
        match &self.members {
            Some(members) => {
                lines.extend(members.iter().map(|member| ("member", self.member(member))));
            }
            None => lines.push(("members", UNKNOWN.to_owned())),
        }
        let removed = self.members_removed.iter().flatten();
        lines.extend(removed.map(|id| ("removed member", id.to_string())));
        lines.extend(self.authentication(charset));
        lines
    }

    fn versions(&self) -> Vec<(&'static str, String)> {
        let unknown = || "not known: no WAL here".to_owned();
        let cluster = self.cluster_id.map(|id| id.to_string());
        let member = self.member_id.map(|id| id.to_string());
        let mut lines = vec![
            ("cluster id", cluster.unwrap_or_else(unknown)),
            ("member id", member.unwrap_or_else(unknown)),
        ];
        let version = self.cluster_version.map(|version| version.to_string());
        let lost = self
            .is_unknown("cluster_version")
            .then(|| UNKNOWN.to_owned());
        lines.extend(version.or(lost).map(|version| ("cluster version", version)));
        let (stored, schema) = (self.storage_version, self.schema_version);
        let by_schema = || match schema {
            Some(schema) => format!(
                "none stored: {}.{} by its schema",
                schema.major, schema.minor
            ),
            None => UNKNOWN.to_owned(),
        };
        let stored = stored.map(|version| version.to_string());
        lines.push(("storage version", stored.unwrap_or_else(by_schema)));
        let downgrade = self
            .downgrade
            .as_ref()
            .filter(|downgrade| downgrade.enabled);
        let downgrade = downgrade.map(|to| format!("going on, to {}", to.target_version));
        lines.extend(downgrade.map(|text| ("downgrade", text)));
        lines
    }

    fn positions(&self) -> Vec<(&'static str, String)> {
        let meta = &self.meta;
        let text = |field: &str, number: Option<i128>, absent: &str| match number {
            Some(number) => thousands(number),
            None if self.is_unknown(field) => UNKNOWN.to_owned(),
            None => absent.to_owned(),
        };
        let number = |field: &str, number: Option<i128>| text(field, number, "none");
        let revision =
            |field: &str, revision: Option<i64>| text(field, revision.map(i128::from), "never");
        let compaction = format!(
            "scheduled {}, finished {}",
            revision("scheduled_compact_revision", meta.compaction.scheduled),
            revision("finished_compact_revision", meta.compaction.finished)
        );
        let mut lines = vec![
            (
                "consistent index",
                number("consistent_index", meta.consistent_index.map(i128::from)),
            ),
            ("term", number("term", meta.term.map(i128::from))),
            ("compaction", compaction),
        ];
        if let Some(state) = &meta.conf_state {
            let ids = |ids: &[u64]| {
                let ids: Vec<String> = ids.iter().map(|id| format!("{id:016x}")).collect();
                ids.join(" ")
            };
            lines.push(("voters", ids(&state.voters)));
            if !state.learners.is_empty() {
                lines.push(("learners", ids(&state.learners)));
            }
        }
        let alarms = self.alarms.as_ref().map(|alarms| {
            let alarms = alarms.iter();
            let alarms = alarms.map(|alarm| format!("{} on {}", alarm.alarm, alarm.member_id));
            or_none(&alarms.collect::<Vec<_>>(), "none")
        });
        lines.push(("alarms", alarms.unwrap_or_else(|| UNKNOWN.to_owned())));
        lines
    }

    fn member(&self, member: &ClusterMember) -> String {
        let name = match member.name.as_str() {
            "" => "(not yet started)",
            name => name,
        };
        let learner = if member.is_learner { " learner" } else { "" };
        let own = if Some(member.id) == self.member_id {
            " (this one)"
        } else {
            ""
        };
        format!(
            "{} {name}{learner}{own} · peers {} · clients {}",
            member.id,
            member.peer_urls.join(","),
            member.client_urls.join(",")
        )
    }

    fn authentication(&self, charset: Charset) -> Vec<(&'static str, String)> {
        let auth = &self.auth;
        let state = match auth.enabled {
            Some(true) => "on",
            Some(false) if self.never_enabled => "off (never enabled)",
            Some(false) => "off",
            None => UNKNOWN,
        };
        let revision = auth
            .revision
            .map_or(String::new(), |revision| format!(", revision {revision}"));
        let mut lines = vec![("auth", format!("{state}{revision}"))];
        for user in &auth.users {
            let mut text = user.name.clone();
            if !user.roles.is_empty() {
                text.push_str(&format!(" · roles {}", user.roles.join(", ")));
            }
            if user.no_password {
                text.push_str(" · no password");
            }
            lines.push(("user", text));
        }
        for role in &auth.roles {
            let permissions = role.permissions.iter();
            let permissions: Vec<_> = permissions
                .map(|permission| describe(permission, charset))
                .collect();
            // What is stored of this role is not looked at: `AuthStore.IsAdminPermitted` and `isOpPermitted` in
            // `server/auth/store.go`, v3.5.30.
            let permissions = match role.name.as_str() {
                ROOT => "every permission".to_owned(),
                _ => or_none(&permissions, "no permissions"),
            };
            lines.push(("role", format!("{} · {permissions}", role.name)));
        }
        lines
    }
}

/// The role that may do everything.
const ROOT: &str = "root";

fn or_none(texts: &[String], none: &str) -> String {
    match texts.is_empty() {
        true => none.to_owned(),
        false => texts.join(", "),
    }
}

fn describe(permission: &Permission, charset: Charset) -> String {
    let key = escape::bytes(&permission.key, charset);
    let range = match permission.range_end.as_slice() {
        [] => key.into_owned(),
        [0] => format!("{key} and all keys after it"),
        end => format!("{key} to {}", escape::bytes(end, charset)),
    };
    let kind = match permission.kind {
        PermissionType::Read => "read",
        PermissionType::Write => "write",
        PermissionType::ReadWrite => "read and write",
        PermissionType::Other => "unknown permission",
    };
    format!("{kind} {range}")
}
