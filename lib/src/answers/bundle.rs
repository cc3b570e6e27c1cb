//! What is attached to an issue: the page, the manifest and the findings of some evidence, in one archive.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::check::{CheckAnswer, Only};
use super::manifest::ManifestAnswer;
use super::report::ReportAnswer;
use crate::check::{Depth, check_with};
use crate::kubernetes::encryption::Keyring;
use crate::kubernetes::key::Layout;
use crate::member::Member;
use crate::verdict::judge;
use located::progress::Progress;

/// The folder of all files in the archive.
const FOLDER: &str = "etcd-inspect-bundle";
/// The schema of `findings.json`.
const FINDINGS_SCHEMA: &str = "etcd-inspect/bundle-findings/v1";

/// A file of the bundle.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct BundleFile {
    /// Its name.
    pub name: &'static str,
    /// Its length.
    pub size_bytes: usize,
    /// Its SHA-256.
    pub sha256: String,
    /// What it holds.
    #[serde(skip)]
    pub content: Vec<u8>,
}

impl BundleFile {
    fn new(name: &'static str, content: Vec<u8>) -> Self {
        Self {
            name,
            size_bytes: content.len(),
            sha256: sum(&content),
            content,
        }
    }
}

/// What a bundle is made of.
#[derive(Debug)]
pub struct BundleParts<'b> {
    /// What `doctor` prints.
    pub doctor: &'b serde_json::Map<String, serde_json::Value>,
    /// The page.
    pub report: &'b ReportAnswer,
    /// Every file of the evidence.
    pub manifest: &'b ManifestAnswer,
    /// What `check` answers for each path.
    pub checks: &'b [CheckedPath],
}

/// What `check` answers for one path. Values are never part of a finding.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct CheckedPath {
    /// The path.
    pub path: PathBuf,
    /// The answer.
    pub check: CheckAnswer,
}

impl CheckedPath {
    /// Checks a member as `check` does, with the plan.
    pub fn read(
        member: &Member,
        path: &Path,
        layout: Option<Layout>,
        progress: &dyn Progress,
    ) -> Self {
        let report = check_with(
            member,
            Depth::Default,
            &Keyring::default(),
            layout,
            progress,
        );
        let verdict = judge(member, &report, None, progress);
        let operand =
            located::EvidenceOperand::from(path).with_wal_dir(member.evidence().wal_dir());
        Self {
            path: path.to_owned(),
            check: CheckAnswer::new(&report, Only::default(), Some(&verdict), operand),
        }
    }
}

/// A bundle that is ready to be written.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct BundleAnswer {
    /// The archive: tar in zstd.
    #[serde(skip)]
    pub archive: Vec<u8>,
    /// Its length.
    pub size_bytes: usize,
    /// Its SHA-256.
    pub sha256: String,
    /// The files in it.
    pub files: Vec<BundleFile>,
}

impl BundleAnswer {
    /// Packs the parts. `now` becomes the time of the files.
    ///
    /// # Errors
    /// A part cannot be serialized or packed, which does not happen in memory.
    pub fn pack(parts: &BundleParts<'_>, now: Timestamp) -> io::Result<Self> {
        #[derive(Serialize)]
        struct Findings<'b> {
            schema: &'static str,
            evidence: &'b [CheckedPath],
        }
        let findings = Findings {
            schema: FINDINGS_SCHEMA,
            evidence: parts.checks,
        };
        let files = vec![
            BundleFile::new("README.txt", README.as_bytes().to_vec()),
            BundleFile::new("doctor.json", serde_json::to_vec_pretty(parts.doctor)?),
            BundleFile::new("findings.json", pretty(&findings)?),
            BundleFile::new("manifest.json", parts.manifest.document()?),
            BundleFile::new("report.html", parts.report.html.clone().into_bytes()),
        ];
        let archive = compress_to_vec(tar(&files, now)?, CompressionLevel::Fastest);
        Ok(Self {
            size_bytes: archive.len(),
            sha256: sum(&archive),
            archive,
            files,
        })
    }
}

/// JSON in a buffer of its own length: keys of megabytes are not copied while it grows.
fn pretty(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut length = Length(0);
    serde_json::to_writer_pretty(&mut length, value)?;
    let mut json = Vec::with_capacity(length.0);
    serde_json::to_writer_pretty(&mut json, value)?;
    Ok(json)
}

/// Counts what is written.
struct Length(usize);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A tar of these files, read from their contents as it is needed: POSIX pax, "ustar Interchange Format": blocks of 512 bytes, two
/// of zeros at the end.
fn tar(files: &[BundleFile], now: Timestamp) -> io::Result<Box<dyn io::Read + '_>> {
    let mut archive: Box<dyn io::Read> = Box::new(io::empty());
    for file in files {
        let mut header = tar::Header::new_gnu();
        header.set_path(format!("{FOLDER}/{}", file.name))?;
        header.set_size(file.content.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(u64::try_from(now.as_second()).unwrap_or(0));
        header.set_cksum();
        let padding = file.content.len().wrapping_neg() % BLOCK;
        let entry = io::Cursor::new(header.as_bytes().to_vec()).chain(&*file.content);
        archive = Box::new(archive.chain(entry).chain(zeros(padding)));
    }
    Ok(Box::new(archive.chain(zeros(2 * BLOCK))))
}

/// Bytes of a block of a tar.
const BLOCK: usize = 512;

fn zeros(count: usize) -> impl io::Read {
    io::repeat(0).take(count as u64)
}

fn sum(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

const README: &str = "An etcd data directory as a bundle to be attached to an issue, made by `doctor --bundle`.

report.html    the incident on one page, parts of objects with their secrets hidden; open it in a browser, it fetches nothing
findings.json  what `etcd-inspect check` found, with causes and plan, for each path
manifest.json  every file of the evidence with size, times and SHA-256
doctor.json    version, system and paths of the program that wrote this

Not in it: values of Secrets, and whatever else `get` hides.
In it: names of keys, namespaces and members, paths, URLs, and parts of other objects. Read it before you publish it.
For the data itself, without its values: etcd-inspect redact PATH --keys --out shared.db
";
