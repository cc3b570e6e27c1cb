//! `redact`: what a shared copy has of the original, and whether the check finds the same in both.

use std::path::PathBuf;

use serde::Serialize;

use crate::check::{Depth, Report, check};
use crate::evidence::Evidence;
use crate::member::{Member, Options};
use crate::salvage::redact::Redacted;
use located::progress::Progress;
use located::{Error, Finding};

/// What stays in a copy.
pub static KEPT: [&str; 5] = [
    "metas, headers and elements of pages, ids of free pages",
    "revisions, leases, versions and the settings of etcd itself",
    "names of buckets, members, users and roles, and user keys",
    "of values: apiVersion and kind, tags and lengths of protobuf, the names of 12 fields and the brackets of JSON, numbers 0 and 1, zeros",
    "which values are equal, and how long each is",
];

/// What stays in place of the names of [`KEPT`] if names are replaced.
static KEPT_NAMES: &str = "names of buckets, members, users and roles, and of user keys the paths of Kubernetes resources";

/// What `redact` answers.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct RedactAnswer {
    /// The copy.
    pub out: PathBuf,
    /// Its length.
    pub size_bytes: u64,
    /// SHA-256 of the whole file.
    pub sha256: String,
    /// Pages of trees, in which values were filled.
    pub tree_pages: u64,
    /// Of the tree pages, those that no tree reaches because a tree is damaged or none can be read: their own headers decided.
    pub orphan_pages: u64,
    /// Pages that no tree has, all wiped.
    pub wiped_pages: u64,
    /// Names that were replaced, if that was asked for.
    pub names_replaced: Option<u64>,
    /// Names that could not be replaced, because all names of their length are taken.
    pub names_kept: u64,
    /// Whether the SHA-256 at the end of a backup matched: it was computed again, and matches as it did. Absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trailer_matches: Option<bool>,
    /// Bytes of the hole at the end of the db that the copy leaves out; `None` if it is as long as the db.
    pub cut_bytes: Option<u64>,
    /// What stays.
    pub kept: Vec<&'static str>,
    /// HashKV at the newest revision; other values hash differently.
    pub hashkv: HashesRow,
    /// What `check` finds in both.
    pub check: CheckedBoth,
}

/// HashKV of both files.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct HashesRow {
    /// Of the original; `null` if it cannot be computed.
    pub original: Option<u32>,
    /// Of the copy.
    pub copy: Option<u32>,
}

/// The findings of the original db and of the copy.
#[derive(Clone, Debug, Serialize)]
pub struct CheckedBoth {
    /// Whether they are the same, at the same places.
    pub same: bool,
    /// Number of findings in both.
    pub findings: usize,
    /// Findings that the copy lost.
    pub only_in_original: Vec<String>,
    /// Findings that the copy got.
    pub only_in_copy: Vec<String>,
}

impl RedactAnswer {
    /// Checks the copy against the db it was made of.
    ///
    /// # Errors
    /// The copy cannot be opened again.
    pub fn new(
        member: &Member,
        redacted: &Redacted,
        with_names: bool,
        progress: &dyn Progress,
    ) -> Result<Self, Error> {
        let options = member.options();
        let original = Member::from_evidence(member.evidence().db_alone(), options.clone());
        let copy = open(&redacted.file.path, &original, options)?;
        let hash = |member: &Member| {
            let keyspace = member.readable_keyspace().ok()?;
            Some(keyspace.hash_kv(None).ok()?.hash)
        };
        Ok(Self {
            out: redacted.file.path.clone(),
            size_bytes: redacted.file.size_bytes,
            sha256: redacted.file.sha256.clone(),
            tree_pages: redacted.tree_pages,
            orphan_pages: redacted.orphan_pages,
            wiped_pages: redacted.wiped_pages,
            names_replaced: with_names.then_some(redacted.names),
            names_kept: redacted.names_kept,
            trailer_matches: redacted.trailer,
            cut_bytes: (redacted.cut_bytes > 0).then_some(redacted.cut_bytes),
            kept: KEPT
                .iter()
                .map(|kept| match kept.contains("user keys") && with_names {
                    true => KEPT_NAMES,
                    false => kept,
                })
                .collect(),
            hashkv: HashesRow {
                original: hash(&original),
                copy: hash(&copy),
            },
            check: compare(
                &check(&original, Depth::Default, progress),
                &check(&copy, Depth::Default, progress),
            ),
        })
    }
}

fn open(path: &std::path::Path, original: &Member, options: &Options) -> Result<Member, Error> {
    let kind = original.evidence().kind();
    let evidence = Evidence::open_piece(path, kind, &options.evidence)?;
    Ok(Member::from_evidence(evidence, options.clone()))
}

/// Compares findings by code, place and number. Names and modes of the files themselves are not of the db.
fn compare(original: &Report, copy: &Report) -> CheckedBoth {
    let lines = |report: &Report| {
        let findings = report
            .findings
            .iter()
            .filter(|finding| !is_of_file(finding));
        let mut lines: Vec<String> = findings.map(line).collect();
        lines.sort();
        lines
    };
    let (before, after) = (lines(original), lines(copy));
    let without = |these: &[String], those: &[String]| {
        let lost = these.iter().filter(|line| !those.contains(line));
        lost.cloned().collect::<Vec<_>>()
    };
    CheckedBoth {
        same: before == after,
        findings: before.len(),
        only_in_original: without(&before, &after),
        only_in_copy: without(&after, &before),
    }
}

/// Whether a finding is about the file in its directory, or that a db has no sum at its end: the copy of a directory gets one.
fn is_of_file(finding: &Finding) -> bool {
    let is_sum = finding.code.id == "SNAP-012";
    is_sum || (finding.code.id.starts_with("DIR-") && finding.place.offset.is_none())
}

fn line(finding: &Finding) -> String {
    let place = &finding.place;
    let offset = place
        .offset
        .map_or(String::new(), |offset| format!(" @ {offset:#x}"));
    let page = place
        .page
        .map_or(String::new(), |page| format!(" page {page}"));
    format!("{}{offset}{page} ×{}", finding.code.id, finding.count)
}
