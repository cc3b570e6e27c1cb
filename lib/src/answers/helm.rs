//! `get helm`: the releases of Helm in the data, and one of them with what it installed.

use std::collections::BTreeMap;

use super::{Cell, Column, Label, Row, Table};
use crate::kubernetes::helm::{HelmRelease, is_release};
use crate::member::{Objects, Reading};
use located::Error;

static COLUMNS: [Column; 8] = [
    Column::left("NAME", "name"),
    Column::left("NAMESPACE", "namespace"),
    Column::right("REVISION", "revision"),
    Column::left("UPDATED", "updated"),
    Column::left("STATUS", "status"),
    Column::left("CHART", "chart"),
    Column::left("APP VERSION", "app_version"),
    Column::left("DESCRIPTION", "description").wide(),
];

/// What the names of all release objects begin with.
const PREFIX: &str = "sh.helm.release.v1.";

/// One revision of a release.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HelmRow {
    /// The release; nothing of it is hidden.
    pub release: HelmRelease,
}

impl Row for HelmRow {
    fn cells(&self) -> Vec<Cell> {
        let release = &self.release;
        let status = match release.status.as_str() {
            "deployed" | "superseded" => Label::Good,
            _ => Label::Warning,
        };
        vec![
            Cell::text(release.name.as_str()).label(Label::Name),
            Cell::text(release.namespace.as_str()),
            Cell::number(release.revision),
            Cell::shown(as_helm_prints(&release.updated), release.updated.as_str()),
            Cell::text(release.status.as_str()).label(status),
            Cell::text(release.chart.as_str()),
            Cell::text(release.app_version.as_str()),
            Cell::text(release.description.as_str()),
        ]
    }
}

/// `2026-11-21 01:14:44.5 +0000 UTC`.
fn as_helm_prints(time: &str) -> String {
    let spaced = time.replacen('T', " ", 1);
    match spaced.strip_suffix('Z') {
        Some(plain) => format!("{plain} +0000 UTC"),
        None => spaced,
    }
}

/// The releases that were found.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct HelmReleases {
    /// By namespace and name, the oldest revision first.
    pub found: Vec<HelmRelease>,
    /// Objects that have a release by their name and cannot be read, and why.
    pub unreadable: Vec<(String, String)>,
}

impl HelmReleases {
    /// The newest revision of each release, as `helm list` prints them.
    pub fn newest(&self) -> Table<HelmRow> {
        let mut newest: BTreeMap<(&str, &str), &HelmRelease> = BTreeMap::new();
        for release in &self.found {
            newest.insert((&release.namespace, &release.name), release);
        }
        table(newest.into_values())
    }

    /// Every revision, as `helm history` prints them.
    pub fn all(&self) -> Table<HelmRow> {
        table(self.found.iter())
    }
}

fn table<'r>(releases: impl Iterator<Item = &'r HelmRelease>) -> Table<HelmRow> {
    let row = |release: &HelmRelease| HelmRow {
        release: release.clone(),
    };
    Table::new(&COLUMNS, releases.map(row).collect())
}

/// Reads every revision of the releases of a namespace (`None`: of all), or of one release, as of a revision of the store.
///
/// # Errors
/// As [`Objects::list`].
pub fn helm_releases(
    objects: &Objects<'_>,
    namespace: Option<&str>,
    name: Option<&str>,
    revision: Option<i64>,
) -> Result<HelmReleases, Error> {
    let mut releases = HelmReleases::default();
    let targets = ["secrets", "configmaps"].map(|noun| objects.layout().resolve(noun));
    for target in targets.iter().flatten() {
        for version in objects.list(target, namespace, revision)? {
            let Some(key) = objects.parse(version.key) else {
                continue;
            };
            let Some((own, _)) = key
                .name
                .strip_prefix(PREFIX)
                .and_then(|rest| rest.rsplit_once(".v"))
            else {
                continue;
            };
            if name.is_some_and(|name| name != own) {
                continue;
            }
            let read = objects.json(&version, Reading::default());
            let read = match &read {
                Ok(object) if !is_release(object) => continue,
                Ok(object) => HelmRelease::from_object(object).map_err(|error| error.to_string()),
                Err(cause) => Err(cause.to_string()),
            };
            match read {
                Ok(mut release) => {
                    if release.namespace.is_empty() {
                        release.namespace = key.namespace.unwrap_or_default().to_owned();
                    }
                    releases.found.push(release);
                }
                Err(why) => releases.unreadable.push((key.to_string(), why)),
            }
        }
    }
    releases.found.sort_by(|a, b| {
        (&a.namespace, &a.name, a.revision).cmp(&(&b.namespace, &b.name, b.revision))
    });
    Ok(releases)
}
