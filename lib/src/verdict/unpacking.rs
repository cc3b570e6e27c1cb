//! The commands that unpack evidence for other programs: one for each layer, with programs that every distribution has.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use located::Command;

use super::source::stem;
use crate::evidence::{Compression, Packaging};

/// The commands, to be run in the working directory, and where the evidence is afterwards.
///
/// Each archive is unpacked into a new folder: what is in an inner one does not meet what is in the outer one.
pub(super) fn commands(outermost: PathBuf, layers: &[Packaging]) -> (Vec<Command>, PathBuf) {
    let mut unpacking = UnpackingCommands {
        commands: Vec::new(),
        name: stem(&outermost),
        at: outermost,
        folder: PathBuf::new(),
        folders: 0,
    };
    let mut codecs = Vec::new();
    for layer in layers {
        match layer {
            Packaging::Compressed(codec) => codecs.push(*codec),
            Packaging::Tar(place) => {
                unpacking.enter_folder();
                // GNU tar recognises one compression, but has no LZ4.
                match codecs.as_slice() {
                    [] => {}
                    [only] if *only != Compression::Lz4 => {}
                    several => unpacking.decompress(several, &unpacking.beside("tar")),
                }
                unpacking.extract(Command::new("tar").arg("-xf"), "-C", place);
                codecs.clear();
            }
            Packaging::Zip(place) => {
                unpacking.enter_folder();
                if !codecs.is_empty() {
                    unpacking.decompress(&codecs, &unpacking.beside("zip"));
                }
                unpacking.extract(Command::new("unzip").arg("-q"), "-d", place);
                codecs.clear();
            }
        }
    }
    if !codecs.is_empty() {
        unpacking.enter_folder();
        let db = unpacking.folder.join("db");
        unpacking.decompress(&codecs, &db);
    }
    (unpacking.commands, unpacking.at)
}

struct UnpackingCommands {
    commands: Vec<Command>,
    /// What is to be unpacked next; at the end the evidence.
    at: PathBuf,
    /// The folder for what comes out of it.
    folder: PathBuf,
    name: String,
    folders: usize,
}

impl UnpackingCommands {
    fn enter_folder(&mut self) {
        self.folders = self.folders.saturating_add(1);
        self.folder = match self.folders {
            1 => PathBuf::from(format!("{}-unpacked", self.name)),
            number => PathBuf::from(format!("{}-unpacked-{number}", self.name)),
        };
        let mkdir = Command::new("mkdir").path(&self.folder);
        self.commands.push(mkdir);
    }

    /// A file beside the folder: in it an entry of the archive may have the same name.
    fn beside(&self, extension: &str) -> PathBuf {
        with_ending(&self.folder, extension)
    }

    /// Decompresses a file that is compressed several times over, the outermost first, to `to`.
    fn decompress(&mut self, codecs: &[Compression], to: &Path) {
        for (at, codec) in codecs.iter().enumerate() {
            // A file's name ends with its outermost compression.
            let inner = codecs.get(at.saturating_add(1)..).unwrap_or_default();
            let inner = inner.iter().rev();
            let out = inner.fold(to.to_owned(), |path, codec| {
                with_ending(&path, codec.extension())
            });
            self.decompress_once(*codec, &out);
            self.at = out;
        }
    }

    fn decompress_once(&mut self, codec: Compression, out: &Path) {
        let program = match codec {
            Compression::Zstd => {
                let zstd = Command::new("zstd").arg("-d").arg("-q").path(&self.at);
                self.commands.push(zstd.arg("-o").path(out));
                return;
            }
            Compression::Lz4 => {
                let lz4 = Command::new("lz4").arg("-d").arg("-q").path(&self.at);
                self.commands.push(lz4.path(out));
                return;
            }
            Compression::Gzip => "gzip",
            Compression::Xz => "xz",
            Compression::Bzip2 => "bzip2",
        };
        // These have no flag that names the output: they write beside a copy, and remove it.
        let copy = with_ending(out, codec.extension());
        if copy != self.at {
            let cp = Command::new("cp").path(&self.at).path(&copy);
            self.commands.push(cp);
        }
        let command = Command::new(program).arg("-d").path(&copy);
        self.commands.push(command);
    }

    fn extract(&mut self, command: Command, folder_flag: &str, place: &Path) {
        let command = command.path(&local(&self.at));
        self.commands
            .push(command.arg(folder_flag).path(&self.folder));
        self.at = match place.as_os_str().is_empty() {
            true => self.folder.clone(),
            false => self.folder.join(place),
        };
    }
}

/// A name with a colon before any slash is a file of another machine for tar.
fn local(path: &Path) -> PathBuf {
    let bytes = path.as_os_str().as_encoded_bytes();
    let first = bytes.split(|byte| *byte == b'/').next().unwrap_or(bytes);
    match first.contains(&b':') {
        true => Path::new(".").join(path),
        false => path.to_owned(),
    }
}

fn with_ending(path: &Path, extension: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".");
    name.push(extension);
    PathBuf::from(name)
}
