//! `export helm/NAME`: the manifest, the values and the notes of a release of Helm.

use std::path::{Path, PathBuf};

use etcd_inspect::Command;
use etcd_inspect::answers::export::LARGEST_APPLIED;
use etcd_inspect::answers::helm::{AskedReleases, UnreadableRelease, helm_releases};
use etcd_inspect::answers::nearest;
use etcd_inspect::kubernetes::apply::Secrets;
use etcd_inspect::kubernetes::helm::{HelmParts, HelmRelease};
use etcd_inspect::kubernetes::mask::Mask;
use etcd_inspect::member::Objects;
use etcd_inspect::salvage::backup::Out;

use super::refused;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Label, Line, person};
use crate::ui::Ui;
use crate::what::What;

/// The release that the words name, if they name one: `helm/web`, or revision 2 of it with `helm/web.v2`.
pub(super) fn asked(words: &[What]) -> Result<Option<&str>, Failure> {
    let mut names = words.iter().filter_map(|what| match what {
        What::Noun { resource, name } if resource == "helm" => Some(name.as_deref()),
        _ => None,
    });
    match (names.next(), words.len()) {
        (None, _) => Ok(None),
        (Some(Some(name)), 1) => Ok(Some(name)),
        _ => Err(Failure::usage(
            "export takes one release of Helm: helm/NAME, or helm/NAME.v2 for its revision 2",
        )
        .next("etcd-inspect get helm -A -d {path}")),
    }
}

/// Writes one release.
pub(super) fn export(
    name: &str,
    namespace: Option<&str>,
    objects: &Objects<'_>,
    revision: Option<i64>,
    how: (Secrets, Option<&Mask>),
    out: Option<&Out>,
    ui: &mut Ui,
) -> anyhow::Result<Exit> {
    let (release, unreadable) = release(name, namespace, objects, revision)?;
    for one in &unreadable {
        let (object, why) = (&one.object, &one.why);
        ui.warn(format!("{object} has a release that cannot be read: {why}"))?;
    }
    let parts = release.parts(how.0, how.1);
    match out {
        None => person::raw(parts.manifest.as_bytes(), ui)?,
        Some(out) => write(out, &parts)?,
    }
    report(&release, &parts, out.map(Out::path), ui)?;
    Ok(match parts.is_whole() && unreadable.is_empty() {
        true => Exit::Ok,
        false => Exit::Partial,
    })
}

/// The numbers of the revisions of a release.
fn known_revisions(found: &[HelmRelease]) -> Vec<String> {
    found.iter().map(|one| one.revision.to_string()).collect()
}

/// The newest revision that can be read, or the one that is named, and what of the release cannot be read.
fn release(
    name: &str,
    namespace: Option<&str>,
    objects: &Objects<'_>,
    revision: Option<i64>,
) -> anyhow::Result<(HelmRelease, Vec<UnreadableRelease>)> {
    let of = |name, namespace| {
        let asked = AskedReleases {
            namespace,
            name,
            ..AskedReleases::default()
        };
        helm_releases(objects, &asked, revision)
    };
    let mut found = of(Some(name), namespace)?;
    if let Some(last) = found.found.pop() {
        return Ok((last, found.unreadable));
    }
    let numbered = name
        .rsplit_once(".v")
        .and_then(|(name, number)| Some((name, number.parse::<i64>().ok()?)));
    if let Some((name, number)) = numbered {
        let all = of(Some(name), namespace)?;
        let is_asked = |one: &&HelmRelease| one.revision == number;
        if let Some(one) = all.found.iter().find(is_asked) {
            return Ok((one.clone(), Vec::new()));
        }
        let known: Vec<_> = known_revisions(&all.found);
        if !known.is_empty() && found.unreadable.is_empty() && all.unreadable.is_empty() {
            let get = Command::inspect("get").arg(format!("helm/{name}"));
            let get = match namespace {
                Some(namespace) => get.flag("-n", namespace),
                None => get.arg("-A"),
            };
            let failure = Failure::not_found(format!(
                "release {name} has no revision {number} here: it has {}",
                known.join(", ")
            ));
            return Err(failure.next(get.arg("-d").evidence()).into());
        }
        let ending = format!(".v{number}");
        let is_asked = |one: &UnreadableRelease| one.object.ends_with(&ending);
        found
            .unreadable
            .extend(all.unreadable.into_iter().filter(is_asked));
    }
    if let Some(one) = found.unreadable.first() {
        let (object, why) = (&one.object, &one.why);
        let older = Command::inspect("history").key(&one.key);
        return Err(
            Failure::usage(format!("{object} has a release that cannot be read: {why}"))
                .next(older.arg("-d").evidence())
                .into(),
        );
    }
    let elsewhere = of(None, None)?;
    let failure = Failure::not_found(format!("no release of Helm is called {name} here"));
    let near = nearest(name, elsewhere.found.iter().map(|one| one.name.as_str()));
    let near = elsewhere
        .found
        .iter()
        .find(|one| Some(one.name.as_str()) == near);
    Err(match near {
        Some(near) => {
            let command = Command::inspect("export").arg(format!("helm/{}", near.name));
            let command = command
                .flag("-n", &near.namespace)
                .args(["--out", "-", "-d"]);
            failure.next(command.evidence())
        }
        None => failure.next("etcd-inspect get helm -A -d {path}"),
    }
    .into())
}

fn write(out: &Out, parts: &HelmParts) -> Result<(), Failure> {
    if super::is_one_file(out.path()) {
        return out.write_file(parts.manifest.as_bytes()).map_err(refused);
    }
    let files = [
        ("manifest.yaml", Some(&parts.manifest)),
        ("values.yaml", parts.values.as_ref()),
        ("notes.txt", parts.notes.as_ref()),
    ];
    let files: Vec<(PathBuf, &String)> = files
        .into_iter()
        .filter_map(|(name, text)| Some((PathBuf::from(name), text?)))
        .collect();
    out.write_tree(
        files
            .iter()
            .map(|(path, text)| (path.as_path(), text.as_bytes())),
        &etcd_inspect::progress::Silent,
    )
    .map_err(refused)
}

fn report(
    release: &HelmRelease,
    parts: &HelmParts,
    path: Option<&Path>,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    let (name, number) = (&release.name, release.revision);
    let (chart, status) = (&release.chart, &release.status);
    let what = format!("release {name}, revision {number} ({chart}, {status})");
    match path {
        Some(path) => {
            let text = format!("{what} to {}, mode 0600", path.display());
            ui.line(Line::new().with(Label::Good, "wrote     ").text(text))?;
            let manifest = match path.is_dir() {
                true => path.join("manifest.yaml"),
                false => path.to_owned(),
            };
            if parts.manifest.trim().is_empty() {
                return left_out(parts, ui);
            }
            let apply = Command::new("kubectl").arg("apply");
            let apply = match has_large_object(&parts.manifest) {
                false => apply,
                true => {
                    ui.line(Line::new().with(Label::Note, "note      ").text("an object is too large for the annotation in which kubectl apply keeps a copy of it: --server-side keeps none"))?;
                    apply.arg("--server-side")
                }
            };
            let apply = apply.arg("-n").arg(&release.namespace);
            let apply = ui.advice(apply.arg("-f").path(&manifest));
            ui.line(Line::new().with(Label::Note, "next      ").text(apply))?;
        }
        None => ui.note(format!(
            "{what}: the manifest; --out DIR writes its values and notes too"
        ))?,
    }
    left_out(parts, ui)
}

/// Whether a document of a manifest may be too large for plain `kubectl apply`.
fn has_large_object(manifest: &str) -> bool {
    let mut documents = manifest.split("\n---");
    documents.any(|document| document.len() > LARGEST_APPLIED)
}

/// What of the release is not written, and why.
fn left_out(parts: &HelmParts, ui: &mut Ui) -> anyhow::Result<()> {
    if !parts.missing.is_empty() {
        ui.warn(format!(
            "the stored release lacks {}: not written",
            parts.missing.join(", ")
        ))?;
    }
    if !parts.unreadable.is_empty() {
        ui.warn(format!(
            "left out of the manifest because it is no YAML, so that nothing secret in it can be hidden (--reveal writes it as it is): {}",
            parts.unreadable.join(", ")
        ))?;
    }
    if !parts.left_out.is_empty() {
        ui.warn(format!(
            "left out of the manifest because of hidden values: {}",
            parts.left_out.join(", ")
        ))?;
    }
    if parts.hidden_notes {
        ui.warn("left out: notes.txt, because it may have a secret in it (--reveal writes it)")?;
    }
    if parts.hidden_values > 0 {
        let (count, noun) = match parts.hidden_values {
            1 => (1, "value is"),
            many => (many, "values are"),
        };
        ui.warn(format!(
            "{count} {noun} hidden, because any value of a chart may be secret: --reveal writes them, --secrets placeholder writes REPLACE_ME"
        ))?;
    }
    Ok(())
}
