//! Files that the user asks for: new ones only, in the one directory that was chosen, never in a folder with evidence.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

/// Longest name of a file that every file system takes.
const NAME_BYTES: usize = 255;

/// Writes a new file of that name into a directory; gives its path.
///
/// # Errors
/// In words for the user: the name leads elsewhere, the directory is evidence, or the file is there already.
pub(crate) fn write(
    dir: &Path,
    evidence: &[PathBuf],
    name: &str,
    content: &[u8],
) -> Result<PathBuf, String> {
    let name = plain(name)?;
    let dir = dir
        .canonicalize()
        .map_err(|error| format!("{}: {error}", dir.display()))?;
    refuse_evidence(&dir, evidence)?;
    let file = dir.join(name);
    let created = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&file);
    let written = created.and_then(|mut out| out.write_all(content));
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            format!("{} exists already; nothing is overwritten", file.display())
        }
        _ => format!("{}: {error}", file.display()),
    })?;
    Ok(file)
}

/// A name that is a name and no way: `web.yaml`, neither `../web.yaml` nor `/etc/web.yaml` nor `.web`.
fn plain(name: &str) -> Result<&str, String> {
    let name = name.trim();
    let mut parts = Path::new(name).components();
    let alone = matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if part == name);
    let hostile = name.starts_with('.')
        || name.len() > NAME_BYTES
        || name.chars().any(etcd_inspect::text::escape::is_hostile);
    if alone && !hostile {
        Ok(name)
    } else {
        Err("a file name is wanted, without a directory".to_owned())
    }
}

/// Refuses a directory within the evidence, or within any data directory of an etcd.
pub(crate) fn refuse_evidence(dir: &Path, evidence: &[PathBuf]) -> Result<(), String> {
    let data_dir = dir
        .ancestors()
        .find(|above| above.join("member/snap").exists() || above.join("member/wal").exists());
    let within = evidence
        .iter()
        .filter_map(|path| path.canonicalize().ok())
        .find(|path| {
            let is_dir = fs::metadata(path).is_ok_and(|meta| meta.is_dir());
            let root = if is_dir {
                Some(path.as_path())
            } else {
                path.parent()
            };
            root.is_some_and(|root| dir == root || (is_dir && dir.starts_with(root)))
        });
    match data_dir.map(Path::to_path_buf).or(within) {
        Some(evidence) => Err(format!(
            "{} holds evidence, nothing is written there; --export-dir names another directory",
            evidence.display()
        )),
        None => Ok(()),
    }
}

/// A file name made of whatever: what is no letter, digit, dot or dash becomes a dash.
pub(crate) fn name_of(text: &str, ending: &str) -> String {
    let kept = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let name: String = text
        .chars()
        .map(|c| if kept(c) { c } else { '-' })
        .take(NAME_BYTES / 2)
        .collect();
    let name = name.trim_matches(['.', '-']);
    let name = if name.is_empty() { "export" } else { name };
    format!("{name}.{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_new_private_and_in_the_chosen_directory_whatever_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("out");
        fs::create_dir(&inner).unwrap();
        for name in [
            "../up.yaml",
            "/tmp/up.yaml",
            "a/b",
            "..",
            ".",
            "",
            ".hidden",
            "a\u{202e}b",
            "x\ny",
            "a/",
            "./a",
        ] {
            let refused = write(&inner, &[], name, b"x").unwrap_err();
            assert!(
                refused.contains("a file name is wanted"),
                "{name:?}: {refused}"
            );
        }
        let file = write(&inner, &[], "web.yaml", b"kind: Pod\n").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"kind: Pod\n");
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        assert!(
            write(&inner, &[], "web.yaml", b"")
                .unwrap_err()
                .contains("exists already")
        );
        std::os::unix::fs::symlink(dir.path().join("elsewhere"), inner.join("link")).unwrap();
        assert!(write(&inner, &[], "link", b"").is_err());
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            1,
            "nothing outside"
        );
    }

    #[test]
    fn nothing_is_written_into_evidence_however_the_directory_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let evidence = dir.path().join("m1");
        fs::create_dir_all(evidence.join("member/snap/deeper")).unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(evidence.join("member"), &link).unwrap();
        let db = evidence.join("member/snap/db");
        fs::write(&db, b"").unwrap();
        let archive = dir.path().join("m2.tar");
        fs::write(&archive, b"").unwrap();
        for (to, of) in [
            (evidence.clone(), &evidence),
            (evidence.join("member/snap/deeper"), &evidence),
            (link, &evidence),
            (evidence.join("member/snap"), &db),
            (evidence.clone(), &db),
            (dir.path().to_path_buf(), &archive),
        ] {
            let refused = write(&to, std::slice::from_ref(of), "a", b"").unwrap_err();
            assert!(refused.contains("holds evidence"), "{to:?}: {refused}");
        }
        assert!(write(dir.path(), &[evidence], "a", b"").is_ok());
    }

    #[test]
    fn names_are_made_of_any_key() {
        assert_eq!(
            name_of("/registry/pods/shop/a:b", "yaml"),
            "registry-pods-shop-a-b.yaml"
        );
        assert_eq!(name_of("../..", "bin"), "export.bin");
        assert!(plain(&name_of(&"é".repeat(500), "yaml")).is_ok());
    }
}
