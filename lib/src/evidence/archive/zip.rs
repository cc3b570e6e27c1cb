//! ZIP, as k3s and rke2 compress their snapshots.

use std::io::{self, Read, Seek};

use zip::ZipArchive;
use zip::read::{ZipFile, read_zipfile_from_stream};
use zip::result::ZipError;

use super::links::{Link, LinkKind};
use super::{FileFacts, Metered, Unpacking};

/// Maximum length of what a link names, in bytes; one more than a path may have.
const MAX_TARGET_BYTES: u64 = 4097;

/// Reads every entry, by the central directory at the end or, if that is missing, by the headers before each entry.
pub(super) fn read<R: Read + Seek>(mut source: R, into: &mut Unpacking<'_>) -> io::Result<()> {
    let mut archive = match ZipArchive::new(&mut source) {
        Ok(archive) => archive,
        Err(error) => {
            into.damaged(format!(
                "the ZIP's central directory is not readable: {error}"
            ));
            source.rewind()?;
            return read_stream(io::BufReader::new(source), into);
        }
    };
    let mut encrypted: Vec<String> = Vec::new();
    for index in 0..archive.len().min(into.limits.files) {
        let name = archive.name_for_index(index).and_then(Result::ok);
        let name = name.map(|name| name.into_owned()).unwrap_or_default();
        match archive.by_index(index) {
            // Damage of one entry does not affect the others.
            Ok(mut file) => match entry(&mut file, into) {
                Err(_) if into.budget.exceeded.get() => return Ok(()),
                _ => {}
            },
            Err(ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED)) => encrypted.push(name),
            Err(error) => into.refused(name.as_bytes(), &format!("it cannot be read: {error}")),
        }
    }
    if let Some(first) = encrypted.first() {
        into.encrypted(encrypted.len(), first);
    }
    Ok(())
}

fn read_stream(mut source: impl Read, into: &mut Unpacking<'_>) -> io::Result<()> {
    for _ in 0..into.limits.files {
        match read_zipfile_from_stream(&mut source) {
            Ok(Some(mut file)) => entry(&mut file, into)?,
            Ok(None) => break,
            Err(ZipError::Io(error)) => return Err(error),
            Err(error) => return Err(io::Error::other(error)),
        }
    }
    Ok(())
}

/// A name as unzip reads it: programs of Windows that separate with `\` have no `/` in any name of more than one part.
fn with_slashes(name: &[u8]) -> Vec<u8> {
    let is_windows = !name.contains(&b'/');
    let slash = |byte: &u8| match byte {
        b'\\' if is_windows => b'/',
        byte => *byte,
    };
    name.iter().map(slash).collect()
}

fn entry<R: Read>(file: &mut ZipFile<'_, R>, into: &mut Unpacking<'_>) -> io::Result<()> {
    let name = with_slashes(file.name_raw());
    let Some(path) = into.path_of(&name) else {
        return Ok(());
    };
    let meta = FileFacts {
        size: file.size(),
        mode: file.unix_mode().map(|mode| mode & 0o7777),
        ..FileFacts::default()
    };
    if file.is_symlink() {
        let mut target = Vec::new();
        file.take(MAX_TARGET_BYTES).read_to_end(&mut target)?;
        into.link(path, Link::new(LinkKind::Symbolic, target, meta));
        return Ok(());
    }
    if file.is_dir() {
        into.folder(&path, meta);
        return Ok(());
    }
    let budget = into.budget;
    into.file(
        &path,
        meta,
        &mut Metered {
            inner: file,
            budget,
        },
    )
}
