//! `get helm`: releases of Helm, out of the Secrets and ConfigMaps that it keeps them in.

use etcd_inspect::answers::helm::{AskedReleases, HelmRow, helm_releases};
use etcd_inspect::member::Objects;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::kube::{KubeArgs, Printed};
use crate::ui::Ui;
use crate::what::What;

/// The release that is asked for, or all; `None`: something else is asked for.
pub(super) fn asked(words: &[What]) -> Option<Option<&str>> {
    match words {
        [What::Noun { resource, name }] if resource == "helm" => Some(name.as_deref()),
        _ => None,
    }
}

/// The newest revision of each release; every revision of one that is named.
pub(super) fn show(
    name: Option<&str>,
    args: &KubeArgs,
    objects: &Objects<'_>,
    revision: Option<i64>,
    ui: &mut Ui,
) -> anyhow::Result<Exit> {
    args.have_effect(Printed::Releases, ui)?;
    let scope = args.scope()?;
    let namespace = scope.namespace.as_deref();
    let asked = AskedReleases {
        namespace,
        name,
        labels: scope.labels.clone(),
    };
    let releases = helm_releases(objects, &asked, revision)?;
    for one in &releases.unreadable {
        let (object, why) = (&one.object, &one.why);
        ui.warn(format!("{object} has a release that cannot be read: {why}"))?;
    }
    if releases.perhaps > 0 {
        ui.warn(format!(
            "{} objects that cannot be read are named as releases of Helm 2 are (web.v3): --encryption-config opens encrypted ones",
            releases.perhaps
        ))?;
    }
    if releases.found.is_empty() && releases.unreadable.is_empty() {
        let place = namespace.map_or(String::new(), |namespace| {
            format!(" in namespace {namespace} (-A for all)")
        });
        let message = match name {
            Some(_) if args.ignore_not_found => return Ok(Exit::Ok),
            Some(name) => format!("no release of Helm is called {name}{place}"),
            None => {
                ui.note(format!("no releases of Helm found{place}"))?;
                return Ok(match releases.perhaps {
                    0 => Exit::negative_if(!args.ignore_not_found),
                    _ => Exit::Partial,
                });
            }
        };
        return Err(Failure::not_found(message)
            .next("etcd-inspect get helm -A -d {path}")
            .into());
    }
    let table = match name {
        Some(_) => releases.all(),
        None => releases.newest(),
    };
    let damaged = table
        .rows
        .iter()
        .filter(|row| !row.release.missing.is_empty());
    for row in damaged {
        let (name, number) = (&row.release.name, row.release.revision);
        let missing = row.release.missing.join(", ");
        ui.warn(format!(
            "release {name}, revision {number}, lacks {missing}"
        ))?;
    }
    let is_whole = |row: &HelmRow| row.release.missing.is_empty();
    ui.table("helm", &table)?;
    Ok(
        match releases.unreadable.is_empty() && table.rows.iter().all(is_whole) {
            true => Exit::Ok,
            false => Exit::Partial,
        },
    )
}
