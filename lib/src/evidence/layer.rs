//! What evidence is packed in, from the outside to the inside, and the file that commands name it by.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Evidence, Kind};

/// How one stream is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compression {
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
    /// xz.
    Xz,
    /// bzip2.
    Bzip2,
    /// LZ4 frames.
    Lz4,
}

impl Compression {
    /// The ending of a file's name.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Gzip => "gz",
            Self::Zstd => "zst",
            Self::Xz => "xz",
            Self::Bzip2 => "bz2",
            Self::Lz4 => "lz4",
        }
    }
}

/// One thing that has to be undone to reach evidence.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Packaging {
    /// A compressed stream.
    Compressed(Compression),
    /// A tar, and the path in it that was chosen; empty for its root.
    Tar(PathBuf),
    /// A ZIP, and the path in it that was chosen; empty for its root.
    Zip(PathBuf),
}

#[cfg(feature = "archives")]
impl Packaging {
    /// The path in it that was chosen, if it has paths.
    pub(super) fn choose(&mut self, place: &Path) {
        match self {
            Self::Tar(chosen) | Self::Zip(chosen) => place.clone_into(chosen),
            Self::Compressed(_) => {}
        }
    }
}

impl Evidence {
    /// What it is packed in, from the outside to the inside.
    pub fn layers(&self) -> &[Packaging] {
        &self.layers
    }

    /// The path by which a later command can read it: that of the file to which standard input has to be saved, if it is a pipe.
    pub fn lasting_path(&self) -> &Path {
        self.lasting.as_deref().unwrap_or(&self.path)
    }

    /// The file that has all the layers, for later commands: `a.tar` of `a.tar!/m1`.
    pub fn outermost_file(&self) -> PathBuf {
        let path = self.lasting_path();
        let bytes = path.as_os_str().as_encoded_bytes();
        let marks = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'!');
        let mut archives = marks.filter_map(|(at, _)| {
            let (archive, inner) = bytes.split_at_checked(at)?;
            let is_inside = inner == b"!" || inner.starts_with(b"!/");
            is_inside.then(|| PathBuf::from(&*super::platform::os_str(archive)))
        });
        let first = archives.next();
        match first.filter(|_| !self.layers.is_empty()) {
            None => path.to_owned(),
            // A folder above it may have such a name.
            Some(first) if self.saved.is_some() || first.is_file() => first,
            Some(first) => archives.find(|archive| archive.is_file()).unwrap_or(first),
        }
    }

    /// The file to which what came through a pipe has to be saved before a command can read it again.
    pub fn to_be_saved(&self) -> Option<&Path> {
        self.saved.as_deref()
    }

    /// Sets the paths for later commands if what was opened is a descriptor of this process.
    pub(super) fn outlast(&mut self, opened: &Path) {
        if let Some(wal) = self.wal_evidence_mut() {
            let path = wal.path.clone();
            wal.outlast(&path);
        }
        let bytes = opened.as_os_str().as_encoded_bytes();
        let given = bytes.split(|byte| *byte == b'!').next().unwrap_or(bytes);
        let given = PathBuf::from(&*super::platform::os_str(given));
        if !is_descriptor(&given) {
            return;
        }
        let given = given.as_path();
        let is_pipe = fs::metadata(given).is_ok_and(|meta| super::is_own_pipe(given, &meta));
        let outer = match is_pipe {
            true => name_to_save(given, self),
            false => match fs::canonicalize(given) {
                Ok(file) => file,
                Err(_) => return,
            },
        };
        self.saved = is_pipe.then(|| outer.clone());
        let is_in = (self.layers.iter()).any(|layer| !matches!(layer, Packaging::Compressed(_)));
        let inner = (self.path.as_os_str().as_encoded_bytes())
            .strip_prefix(given.as_os_str().as_encoded_bytes())
            .map(super::platform::os_str);
        let mut lasting = outer.into_os_string();
        if let Some(inner) = inner.filter(|_| is_in) {
            lasting.push(inner);
        }
        self.lasting = Some(lasting.into());
    }
}

/// Whether a path names a descriptor of this process, so that it means nothing to a later command.
pub(super) fn is_descriptor(path: &Path) -> bool {
    path == Path::new("/dev/stdin")
        || ["/dev/fd", "/proc/self/fd"]
            .iter()
            .any(|descriptors| path.parent() == Some(Path::new(descriptors)))
}

/// `standard-input.tar.zst`: a name that shows what has to be saved, and how other programs know the form of it.
fn name_to_save(given: &Path, evidence: &Evidence) -> PathBuf {
    let stem = match given.file_name().and_then(|name| name.to_str()) {
        Some("stdin" | "0") | None => "standard-input".to_owned(),
        Some(number) => format!("pipe-{number}"),
    };
    let codecs = |layer: &Packaging| match layer {
        Packaging::Compressed(codec) => Some(*codec),
        _ => None,
    };
    let outside: Vec<Compression> = evidence.layers.iter().map_while(codecs).collect();
    let content = match evidence.layers.get(outside.len()) {
        Some(Packaging::Tar(_)) => "tar",
        Some(Packaging::Zip(_)) => "zip",
        _ => match evidence.kind {
            Kind::WalFile => "wal",
            Kind::SnapFile => "snap",
            _ => "db",
        },
    };
    let endings = outside.iter().rev().map(|codec| codec.extension());
    let endings: Vec<&str> = std::iter::once(content).chain(endings).collect();
    PathBuf::from(format!("{stem}.{}", endings.join(".")))
}
