use std::path::PathBuf;

use etcd_inspect::answers::encryption::encryption;
use etcd_inspect::backend::{Auth, Permission, PermissionType};
use etcd_inspect::member::{Buckets, Identity};
use serde_json::{Map, Value, json};

use crate::at::At;
use crate::exit::Exit;
use crate::kube::{self, LayoutArgs};
use crate::output::number::thousands;
use crate::output::{Label, Line, escape};
use crate::secrets::KeyFiles;
use crate::ui::Ui;
use crate::view::View;

/// Members, versions, alarms, users and roles: what etcd keeps about itself
///
/// Read from the db; who the directory belongs to also from WAL and .snap. Password hashes are left out.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect meta /copy/m1
  etcd-inspect meta -o yaml /copy/m1
  etcd-inspect meta -o json /copy/m1 | jq .members")]
pub(crate) struct MetaArgs {
    /// Data directory, db or snapshot
    path: Option<PathBuf>,
    /// Which key encrypted the values of each resource at rest
    #[arg(long)]
    encryption: bool,
    #[command(flatten)]
    layout: LayoutArgs,
    #[command(flatten)]
    keys: KeyFiles,
    #[command(flatten)]
    at: At,
}

pub(crate) fn run(args: &MetaArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let member = ui.member(args.path.as_deref())?;
    if args.encryption {
        let view = View::open(&member, args.at.side, ui)?;
        let objects = kube::open(&member, view.keyspace(), &args.layout, &args.keys)?;
        let revision = view.revision(&args.at, ui)?;
        let table = encryption(&objects, revision)?;
        ui.table("meta", &table)?;
        if table.rows.is_empty() {
            ui.note("no value is encrypted at rest")?;
        }
        return Ok(Exit::Ok);
    }
    let mut identity = member.identity();
    let meta = member.meta()?;
    let buckets = match args.at.side.replay {
        true => View::open(&member, args.at.side, ui)?.buckets()?,
        false => member.buckets()?,
    };
    ui.partial(buckets.loss());
    if args.at.side.replay {
        identity.with_members(buckets.cluster.members.clone());
    }
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            fields.insert(name.to_owned(), value);
        }
    };
    put("cluster_id", serde_json::to_value(identity.cluster_id)?);
    put("member_id", serde_json::to_value(identity.member_id)?);
    put(
        "cluster_version",
        serde_json::to_value(buckets.cluster.cluster_version)?,
    );
    put(
        "storage_version",
        serde_json::to_value(meta.storage_version)?,
    );
    put(
        "schema_version",
        serde_json::to_value(meta.schema_version())?,
    );
    put("members", serde_json::to_value(&identity.members)?);
    put(
        "members_removed",
        serde_json::to_value(&buckets.cluster.removed)?,
    );
    put(
        "downgrade",
        serde_json::to_value(&buckets.cluster.downgrade)?,
    );
    put("alarms", serde_json::to_value(&buckets.alarms)?);
    put("meta", serde_json::to_value(&meta)?);
    put("auth", auth_json(&buckets.auth)?);
    ui.document("meta", fields, |ui| {
        versions(&identity, &meta, &buckets, ui)?;
        members(&identity, &buckets, ui)?;
        auth(&buckets.auth, ui)
    })?;
    Ok(Exit::Ok)
}

fn auth_json(auth: &Auth) -> serde_json::Result<Value> {
    let mut value = serde_json::to_value(auth)?;
    // Never toggled means off.
    if let Some(fields) = value.as_object_mut() {
        fields.insert("enabled".to_owned(), json!(auth.enabled.unwrap_or(false)));
    }
    Ok(value)
}

fn field(ui: &mut Ui, name: &str, text: impl Into<String>) -> std::io::Result<()> {
    ui.line(
        Line::new()
            .with(Label::Heading, format!("{name:<17}"))
            .text(text),
    )
}

fn versions(
    identity: &Identity,
    meta: &etcd_inspect::backend::Meta,
    buckets: &Buckets,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    let known = |id: Option<String>| id.unwrap_or_else(|| "not known: no WAL here".to_owned());
    let (cluster, member) = (identity.cluster_id, identity.member_id);
    field(ui, "cluster id", known(cluster.map(|id| id.to_string())))?;
    field(ui, "member id", known(member.map(|id| id.to_string())))?;
    if let Some(version) = buckets.cluster.cluster_version {
        field(ui, "cluster version", version.to_string())?;
    }
    match meta.storage_version {
        Some(version) => field(ui, "storage version", version.to_string())?,
        None => {
            let schema = meta.schema_version();
            field(
                ui,
                "storage version",
                format!(
                    "none stored: {}.{} by its schema",
                    schema.major, schema.minor
                ),
            )?;
        }
    }
    if let Some(downgrade) = buckets
        .cluster
        .downgrade
        .as_ref()
        .filter(|downgrade| downgrade.enabled)
    {
        field(
            ui,
            "downgrade",
            format!("going on, to {}", downgrade.target_version),
        )?;
    }
    let number = |number: Option<u64>| {
        number.map_or_else(|| "none".to_owned(), |number| thousands(number.into()))
    };
    field(ui, "consistent index", number(meta.consistent_index))?;
    field(ui, "term", number(meta.term.map(u64::from)))?;
    let revision = |revision: Option<i64>| {
        revision.map_or_else(|| "never".to_owned(), |revision| thousands(revision.into()))
    };
    field(
        ui,
        "compaction",
        format!(
            "scheduled {}, finished {}",
            revision(meta.compaction.scheduled),
            revision(meta.compaction.finished)
        ),
    )?;
    if let Some(state) = &meta.conf_state {
        let ids = |ids: &[u64]| {
            ids.iter()
                .map(|id| format!("{id:016x}"))
                .collect::<Vec<_>>()
                .join(" ")
        };
        field(ui, "voters", ids(&state.voters))?;
        if !state.learners.is_empty() {
            field(ui, "learners", ids(&state.learners))?;
        }
    }
    let alarms: Vec<_> = buckets
        .alarms
        .iter()
        .map(|alarm| format!("{} on {}", alarm.alarm, alarm.member_id))
        .collect();
    let text = if alarms.is_empty() {
        "none".to_owned()
    } else {
        alarms.join(", ")
    };
    Ok(field(ui, "alarms", text)?)
}

fn members(identity: &Identity, buckets: &Buckets, ui: &mut Ui) -> anyhow::Result<()> {
    for member in &identity.members {
        let mut text = format!(
            "{} {}",
            member.id,
            if member.name.is_empty() {
                "(not yet started)"
            } else {
                &member.name
            }
        );
        if member.is_learner {
            text.push_str(" learner");
        }
        if Some(member.id) == identity.member_id {
            text.push_str(" (this one)");
        }
        text.push_str(&format!(
            " · peers {} · clients {}",
            member.peer_urls.join(","),
            member.client_urls.join(",")
        ));
        field(ui, "member", text)?;
    }
    for id in &buckets.cluster.removed {
        field(ui, "removed member", id.to_string())?;
    }
    Ok(())
}

fn auth(auth: &Auth, ui: &mut Ui) -> anyhow::Result<()> {
    let state = match auth.enabled {
        Some(true) => "on",
        Some(false) => "off",
        None => "off (never enabled)",
    };
    let revision = auth
        .revision
        .map_or(String::new(), |revision| format!(", revision {revision}"));
    field(ui, "auth", format!("{state}{revision}"))?;
    for user in &auth.users {
        let mut text = user.name.clone();
        if !user.roles.is_empty() {
            text.push_str(&format!(" · roles {}", user.roles.join(", ")));
        }
        if user.no_password {
            text.push_str(" · no password");
        }
        field(ui, "user", text)?;
    }
    for role in &auth.roles {
        let permissions: Vec<_> = role
            .permissions
            .iter()
            .map(|permission| describe(permission, ui))
            .collect();
        field(
            ui,
            "role",
            format!(
                "{} · {}",
                role.name,
                if permissions.is_empty() {
                    "no permissions".to_owned()
                } else {
                    permissions.join(", ")
                }
            ),
        )?;
    }
    Ok(())
}

fn describe(permission: &Permission, ui: &Ui) -> String {
    let charset = ui.terminal.charset;
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
