//! Real data directories: archives of `fixtures/`, unpacked once and shared by every test, or copied to be damaged.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::Deref;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, UNIX_EPOCH};

use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::sparse;

/// The top of the repository.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("tests/support is two folders below the top")
        .to_path_buf()
}

/// The archive of a fixture in `fixtures/`.
#[must_use]
pub fn archive(name: &str) -> PathBuf {
    let path = root().join("fixtures").join(format!("{name}.tar.zst"));
    assert!(
        path.is_file(),
        "no fixture named {name}: {} is missing",
        path.display()
    );
    path
}

/// The names of all fixtures, sorted.
#[must_use]
pub fn fixtures() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(root().join("fixtures"))
        .expect("fixtures/ exists")
        .filter_map(|entry| {
            entry
                .ok()?
                .file_name()
                .to_str()?
                .strip_suffix(".tar.zst")
                .map(str::to_owned)
        })
        .collect();
    names.sort();
    names
}

/// A fixture, unpacked: the folder that holds `data/`, `truth.json` or `truth/`, and perhaps `snapshot.db`.
///
/// All tests share this one copy, so it must not be written to; see [`fixture_copy`].
#[must_use]
pub fn fixture(name: &str) -> PathBuf {
    static KNOWN: OnceLock<Mutex<BTreeMap<String, PathBuf>>> = OnceLock::new();
    let mut known = KNOWN
        .get_or_init(Mutex::default)
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(path) = known.get(name) {
        return path.clone();
    }
    let path = unpack_once(name).unwrap_or_else(|error| panic!("fixture {name}: {error}"));
    known.insert(name.to_owned(), path.clone());
    path
}

/// The data directory of a fixture: `data` under [`fixture`], or one member of a cluster: `k8s-1.20-cluster3/m2`.
#[must_use]
pub fn data_dir(name: &str) -> PathBuf {
    match name.split_once('/') {
        Some((fixture_name, member)) => fixture(fixture_name).join("data").join(member),
        None => fixture(name).join("data"),
    }
}

/// A private copy of a whole fixture that a test may damage; gone when dropped.
#[must_use]
pub fn fixture_copy(name: &str) -> Copy {
    copy_of(&fixture(name))
}

/// A private copy of any directory or file; gone when dropped. Holes stay holes: copying 64 MB of preallocated WAL is cheap.
#[must_use]
pub fn copy_of(path: &Path) -> Copy {
    let dir = tempfile::Builder::new()
        .prefix("testkit-")
        .tempdir()
        .expect("a temporary directory");
    let to = dir
        .path()
        .join(path.file_name().expect("a path with a name"));
    copy_tree(path, &to).unwrap_or_else(|error| panic!("copying {}: {error}", path.display()));
    Copy {
        _dir: dir,
        path: to,
    }
}

/// Puts a healthy file back over a damaged one (or where it was deleted), with its mode and times.
pub fn restore(healthy: &Path, damaged: &Path) {
    let _ = fs::remove_file(damaged);
    sparse::copy(healthy, damaged).unwrap_or_else(|error| panic!("{}: {error}", damaged.display()));
}

/// A private copy; dereferences to its path.
#[derive(Debug)]
pub struct Copy {
    _dir: TempDir,
    path: PathBuf,
}

impl Copy {
    /// The data directory inside a copied fixture.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.path.join("data")
    }
}

impl Deref for Copy {
    type Target = Path;
    fn deref(&self) -> &Path {
        &self.path
    }
}

impl AsRef<Path> for Copy {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

/// `fixtures/MANIFEST.toml`: provenance, sha256 and expected counts of every fixture.
#[must_use]
pub fn manifest() -> toml::Table {
    let text =
        fs::read_to_string(root().join("fixtures/MANIFEST.toml")).expect("fixtures/MANIFEST.toml");
    text.parse().expect("MANIFEST.toml is TOML")
}

/// `truth.json` of a fixture: etcd's own answers about it.
#[must_use]
pub fn truth(name: &str) -> serde_json::Value {
    let text = fs::read(fixture(name).join("truth.json")).expect("truth.json");
    serde_json::from_slice(&text).expect("truth.json is JSON")
}

/// A `.zst` file, decompressed.
#[must_use]
pub fn unzstd(path: &Path) -> Vec<u8> {
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut bytes = Vec::new();
    ruzstd::decoding::StreamingDecoder::new(io::BufReader::new(file))
        .expect("a zstd frame")
        .read_to_end(&mut bytes)
        .expect("zstd data");
    bytes
}

/// Unpacks below `target/fixtures/NAME-SHA/`, where later runs find it again; a lock makes other processes wait for the first.
fn unpack_once(name: &str) -> io::Result<PathBuf> {
    let archive = archive(name);
    let packed = fs::read(&archive)?;
    let sha = Sha256::digest(&packed)
        .iter()
        .take(6)
        .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let store = target.join("fixtures");
    fs::create_dir_all(&store)?;
    let home = store.join(format!("{name}-{sha}"));
    let lock = File::create(store.join(format!("{name}-{sha}.lock")))?;
    lock.lock()?;
    if !home.is_dir() {
        let fresh = tempfile::Builder::new()
            .prefix(".unpacking-")
            .tempdir_in(&store)?;
        unpack(&packed, fresh.path())?;
        fs::rename(fresh.keep(), &home)?;
    }
    Ok(home.join(name))
}

fn unpack(packed: &[u8], to: &Path) -> io::Result<()> {
    let stream = ruzstd::decoding::StreamingDecoder::new(packed).map_err(io::Error::other)?;
    let mut archive = tar::Archive::new(stream);
    let mut times = Vec::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = entry.path()?.into_owned();
        if !name
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
        {
            return Err(io::Error::other(format!(
                "{} leaves the archive",
                name.display()
            )));
        }
        let path = to.join(&name);
        let mode = entry.header().mode()?;
        let kind = entry.header().entry_type();
        if kind.is_dir() {
            fs::create_dir_all(&path)?;
        } else if kind.is_file() {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            sparse::write(&mut entry, &mut File::create(&path)?)?;
        } else {
            return Err(io::Error::other(format!(
                "{}: fixtures hold only files and folders",
                name.display()
            )));
        }
        set_mode(&path, mode)?;
        times.push((path, entry.header().mtime()?));
    }
    for (path, seconds) in times.iter().rev() {
        File::open(path)?.set_modified(UNIX_EPOCH + Duration::from_secs(*seconds))?;
    }
    Ok(())
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    let meta = fs::symlink_metadata(from)?;
    if !meta.is_dir() {
        return sparse::copy(from, to);
    }
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy_tree(&entry.path(), &to.join(entry.file_name()))?;
    }
    fs::set_permissions(to, meta.permissions())?;
    File::open(to)?.set_modified(meta.modified()?)
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// The regular files of a `.tar.zst`, by name.
pub fn members_of(path: &Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    let bytes = unzstd(path);
    let mut archive = tar::Archive::new(bytes.as_slice());
    let mut files = std::collections::BTreeMap::new();
    for entry in archive.entries().expect("a tar archive") {
        let mut entry = entry.expect("a member");
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = entry.path().expect("a name").display().to_string();
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut content).expect("a whole member");
        files.insert(name, content);
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixture_unpacks_with_its_modes_and_lengths_and_without_writing_the_zeros() {
        use std::os::unix::fs::MetadataExt;
        let wal = data_dir("etcd-3.5.16").join("member/wal/0000000000000000-0000000000000000.wal");
        let meta = fs::metadata(&wal).unwrap();
        assert_eq!(meta.len(), 64_000_000);
        assert_eq!(meta.mode() & 0o777, 0o600);
        assert!(meta.blocks() * 512 < 4_000_000, "{} blocks", meta.blocks());
    }

    #[test]
    fn a_copy_is_equal_and_private() {
        let copy = fixture_copy("etcd-3.5.16");
        let (ours, theirs) = (
            copy.data_dir().join("member/snap/db"),
            data_dir("etcd-3.5.16").join("member/snap/db"),
        );
        assert_eq!(fs::read(&ours).unwrap(), fs::read(&theirs).unwrap());
        let before = fs::read(&theirs).unwrap();
        fs::write(&ours, b"damaged").unwrap();
        assert_eq!(fs::read(&theirs).unwrap(), before);
    }
}
