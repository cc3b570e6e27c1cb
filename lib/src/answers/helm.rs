//! `get helm`: the releases of Helm in the data, and one of them with what it installed.

use std::collections::BTreeMap;

use super::{Cell, Column, Label, Row, Table};
use crate::kubernetes::helm::{HelmRelease, is_release};
use crate::kubernetes::selector::LabelSelector;
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

/// Which releases are asked for.
#[derive(Clone, Debug, Default)]
pub struct AskedReleases<'q> {
    /// The namespace of what they install; `None`: of all.
    pub namespace: Option<&'q str>,
    /// The name; `None`: all.
    pub name: Option<&'q str>,
    /// Labels of the objects that Helm keeps them in: `status=failed`.
    pub labels: LabelSelector,
}

/// An object that has a release by its name, and that cannot be read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UnreadableRelease {
    /// Its etcd key.
    pub key: Vec<u8>,
    /// `secrets/shop/sh.helm.release.v1.web.v3`.
    pub object: String,
    /// Why it cannot be read.
    pub why: String,
}

/// The releases that were found.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct HelmReleases {
    /// By namespace and name, the oldest revision first.
    pub found: Vec<HelmRelease>,
    /// Objects that have a release by their name and cannot be read, and why.
    pub unreadable: Vec<UnreadableRelease>,
    /// How many objects cannot be read that are named as releases of Helm 2 are (`web.v3`), and as others may be.
    pub perhaps: usize,
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

/// Reads every revision of the releases that are asked for, as of a revision of the store.
///
/// # Errors
/// As [`Objects::list`].
pub fn helm_releases(
    objects: &Objects<'_>,
    asked: &AskedReleases<'_>,
    revision: Option<i64>,
) -> Result<HelmReleases, Error> {
    let mut releases = HelmReleases::default();
    let targets = ["secrets", "configmaps"].map(|noun| objects.layout().resolve(noun));
    for target in targets.iter().flatten() {
        // Helm 2 keeps all releases in one namespace, whatever they install.
        for version in objects.list(target, None, revision)? {
            let Some(key) = objects.parse(version.key) else {
                continue;
            };
            let (own, is_of_helm_3) = match named(key.name) {
                Some(named) => named,
                None => continue,
            };
            let here = key.namespace == asked.namespace || asked.namespace.is_none();
            if asked.name.is_some_and(|name| name != own) || is_of_helm_3 && !here {
                continue;
            }
            let read = objects.json(&version, Reading::default());
            let read = match &read {
                Ok(object) if !is_release(object) => continue,
                Ok(object) if !asked.labels.matches(object.pointer("/metadata/labels")) => continue,
                Ok(object) => HelmRelease::from_object(object).map_err(|error| error.to_string()),
                Err(_) if !is_of_helm_3 => {
                    releases.perhaps += 1;
                    continue;
                }
                Err(cause) => Err(cause.to_string()),
            };
            match read {
                Ok(mut release) => {
                    let kept_in = key.namespace.unwrap_or_default();
                    if release.namespace.is_empty() {
                        release.namespace = kept_in.to_owned();
                    }
                    // What was cut out of a release its object still tells.
                    if release.name.is_empty() {
                        release.name = own.to_owned();
                    }
                    if here || asked.namespace == Some(&release.namespace) {
                        releases.found.push(release);
                    }
                }
                Err(why) if here => releases.unreadable.push(UnreadableRelease {
                    key: version.key.to_vec(),
                    object: key.to_string(),
                    why,
                }),
                Err(_) => {}
            }
        }
    }
    releases.found.sort_by(|a, b| {
        (&a.namespace, &a.name, a.revision).cmp(&(&b.namespace, &b.name, b.revision))
    });
    Ok(releases)
}

/// The release in the name of an object, and whether it is a name of Helm 3: `sh.helm.release.v1.web.v3`, of Helm 2 `web.v3`.
fn named(object: &str) -> Option<(&str, bool)> {
    let (rest, is_of_helm_3) = match object.strip_prefix(PREFIX) {
        Some(rest) => (rest, true),
        None => (object, false),
    };
    let (name, number) = rest.rsplit_once(".v")?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_of_helm_3 || is_number).then_some((name, is_of_helm_3))
}
