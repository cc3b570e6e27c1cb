//! `meta`: what etcd keeps about itself.

use serde::{Serialize, Serializer};

use crate::backend::{
    Alarm, Auth, ClusterMember, Downgrade, EtcdVersion, Meta, Permission, PermissionType,
};
use crate::member::{Buckets, Identity};
use located::text::escape::{self, Charset};
use located::text::number::thousands;
use located::{ClusterId, MemberId};

/// What `meta` answers. What is not known is left out.
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
    /// Version of the schema, by its keys.
    pub schema_version: EtcdVersion,
    /// The members.
    pub members: Vec<ClusterMember>,
    /// Ids that were removed for good.
    pub members_removed: Vec<MemberId>,
    /// A downgrade that was requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub downgrade: Option<Downgrade>,
    /// Alarms that are on.
    pub alarms: Vec<Alarm>,
    /// The `meta` bucket.
    pub meta: Meta,
    /// Users and roles.
    #[serde(serialize_with = "auth")]
    pub auth: Auth,
}

/// Authentication that was never switched is off.
fn auth<S: Serializer>(auth: &Auth, serializer: S) -> Result<S::Ok, S::Error> {
    let mut auth = auth.clone();
    auth.enabled = Some(auth.enabled.unwrap_or(false));
    auth.serialize(serializer)
}

impl MetaAnswer {
    /// Of a member's files.
    pub fn new(identity: Identity, meta: Meta, buckets: Buckets) -> Self {
        Self {
            cluster_id: identity.cluster_id,
            member_id: identity.member_id,
            cluster_version: buckets.cluster.cluster_version,
            storage_version: meta.storage_version,
            schema_version: meta.schema_version(),
            members: identity.members,
            members_removed: buckets.cluster.removed,
            downgrade: buckets.cluster.downgrade,
            alarms: buckets.alarms,
            meta,
            auth: buckets.auth,
        }
    }

    /// What people read: names with their texts, in order.
    pub fn lines(&self, charset: Charset) -> Vec<(&'static str, String)> {
        let mut lines = self.versions();
        lines.extend(self.positions());
        lines.extend(
            self.members
                .iter()
                .map(|member| ("member", self.member(member))),
        );
        let removed = self.members_removed.iter();
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
        lines.extend(version.map(|version| ("cluster version", version)));
        let (stored, schema) = (self.storage_version, self.schema_version);
        let by_schema = || {
            format!(
                "none stored: {}.{} by its schema",
                schema.major, schema.minor
            )
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
        let number = |number: Option<u64>| {
            number.map_or_else(|| "none".to_owned(), |number| thousands(number.into()))
        };
        let revision = |revision: Option<i64>| {
            revision.map_or_else(|| "never".to_owned(), |revision| thousands(revision.into()))
        };
        let compaction = format!(
            "scheduled {}, finished {}",
            revision(meta.compaction.scheduled),
            revision(meta.compaction.finished)
        );
        let mut lines = vec![
            ("consistent index", number(meta.consistent_index)),
            ("term", number(meta.term.map(u64::from))),
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
        let alarms: Vec<String> = self
            .alarms
            .iter()
            .map(|alarm| format!("{} on {}", alarm.alarm, alarm.member_id))
            .collect();
        lines.push(("alarms", or_none(&alarms, "none")));
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
            Some(false) => "off",
            None => "off (never enabled)",
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
            let permissions = or_none(&permissions, "no permissions");
            lines.push(("role", format!("{} · {permissions}", role.name)));
        }
        lines
    }
}

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
