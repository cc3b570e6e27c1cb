//! `report`: an incident on one page, made of the answers of the other verbs alone.
//!
//! Every table and every list of facts is the JSON document that a command prints, and has that command beside it. The page is the
//! same, byte for byte, for the same files and the same question: neither the clock of the host nor fingerprints of a random key
//! are in it.

mod custody;
mod findings;
mod html;
mod kubernetes;
mod model;
mod pages;
mod raft;
mod space;
mod subject;
mod svg;
mod timeline;
mod verdict;

use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::check::{Depth, check_with};
use crate::kubernetes::encryption::Keyring;
use crate::kubernetes::key::Layout;
use crate::kubernetes::mask::{BULLETS, Mask};
use crate::logs::audit::AuditLog;
use crate::logs::etcd::EtcdLog;
use crate::member::Member;
use crate::verdict::{Comparison, compare};
use located::progress::Progress;
use located::text::number::thousands;

use located::{Damage, ReadingFlag};
use model::Section;
use subject::Subject;

/// Rows of a table, unless everything is asked for.
const SHOWN_ROWS: usize = 25;
/// Events around the moment in question.
const SHOWN_EVENTS: usize = 200;

/// What the page is about.
#[derive(Debug)]
pub struct ReportQuestion<'q> {
    /// The copies, as they were given.
    pub members: &'q [Member],
    /// Their paths, in the same order.
    pub paths: &'q [PathBuf],
    /// The moment in question; the newest in the data if `None`.
    pub at: Option<Timestamp>,
    /// Nothing before this.
    pub since: Option<Timestamp>,
    /// The file of notes: lines of text, or of JSON as the browser keeps them.
    pub notes: Option<String>,
    /// The audit log of the API server.
    pub audit: Option<AuditLog>,
    /// etcd's own log.
    pub etcd_log: Option<EtcdLog>,
    /// No table is cut.
    pub full: bool,
    /// Hides secrets.
    pub mask: &'q Mask,
    /// Whether fingerprints stay in the page: their key was given.
    pub with_fingerprints: bool,
    /// Program and version.
    pub tool: &'q str,
    /// Keys that open encrypted values.
    pub keyring: &'q Keyring,
    /// Where Kubernetes keeps its keys; detected if `None`.
    pub layout: Option<Layout>,
    /// Files that were read beside the copies: logs of other programs, notes.
    pub beside: Vec<PathBuf>,
    /// Flags with files of keys and with prefixes, for the commands on the page.
    pub flags: Vec<ReadingFlag>,
    /// Rows of a table; as many as fit a page if `None`.
    pub rows: Option<usize>,
}

impl ReportQuestion<'_> {
    fn limit(&self, rows: usize) -> usize {
        match (self.full, self.rows) {
            (true, _) => usize::MAX,
            (false, Some(rows)) => rows,
            (false, None) => rows,
        }
    }
}

/// A page that is ready to be written.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ReportAnswer {
    /// The page.
    #[serde(skip)]
    pub html: String,
    /// Its length.
    pub size_bytes: usize,
    /// SHA-256 of the page.
    pub sha256: String,
    /// Titles of its sections.
    pub sections: Vec<String>,
    /// Values that are hidden on it.
    pub hidden_values: usize,
    /// One sentence about the evidence.
    pub verdict: String,
    /// The safest next command.
    pub next: String,
    /// What to know about the question, such as a moment outside of the data's time.
    pub notes: Vec<String>,
    /// Whether a part of the evidence could not be read.
    pub is_partial: bool,
    /// What could not be read of it.
    #[serde(skip)]
    pub damage: Damage,
}

impl ReportAnswer {
    /// Asks every question, and draws the page.
    pub fn read(question: &ReportQuestion<'_>, progress: &dyn Progress) -> Self {
        let (custody, found) = rayon::join(
            || custody::inventories(question, progress),
            || answered(question, progress),
        );
        let mut sections = found.sections;
        sections.insert(1.min(sections.len()), custody::section(question, &custody));
        let several = match question.paths {
            [only] => model::text_of(&only.to_string_lossy()),
            paths => format!("{} copies", paths.len()),
        };
        let mut head = html::PageHead {
            title: format!("etcd incident: {several}"),
            subtitle: found.subtitle,
            tool: question.tool.to_owned(),
            redacted: String::new(),
        };
        let mut body = html::body(&sections);
        for name in &found.token_names {
            body = body.replace(name.as_str(), BULLETS);
        }
        let hidden_values = body.matches(BULLETS).count();
        head.redacted = redacted(hidden_values, found.secrets);
        let mut html = html::page(&head, &sections, body);
        if !question.with_fingerprints {
            html = without_fingerprints(&html);
        }
        Self {
            size_bytes: html.len(),
            sha256: sum(&html),
            html,
            sections: sections.into_iter().map(|section| section.title).collect(),
            hidden_values,
            verdict: found.verdict,
            next: found.next,
            notes: found.notes,
            is_partial: found.is_partial,
            damage: found.damage,
        }
    }
}

fn sum(text: &str) -> String {
    let sum = Sha256::digest(text.as_bytes());
    sum.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn redacted(hidden: usize, secrets: Option<u64>) -> String {
    let count = |count: u64, one: &str, many: &str| crate::start::counted(count, one, many);
    let values = count(hidden as u64, "value is hidden", "values are hidden");
    let secrets = secrets.map(|secrets| {
        format!(
            "; the content of {} is nowhere in it",
            count(secrets, "Secret", "Secrets")
        )
    });
    format!(
        "redacted: {values} on this page as {BULLETS}{}. Names of keys and objects are shown.",
        secrets.unwrap_or_default()
    )
}

/// Fingerprints are made with a random key of one run: they would make every page another one.
fn without_fingerprints(html: &str) -> String {
    let mark = format!("{BULLETS} fp ");
    let mut parts = html.split(mark.as_str());
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(BULLETS);
        out.push_str(part.get(8..).unwrap_or_default());
    }
    out
}

/// What the questions gave.
struct Answered {
    sections: Vec<Section>,
    subtitle: String,
    secrets: Option<u64>,
    verdict: String,
    next: String,
    notes: Vec<String>,
    is_partial: bool,
    /// Whether damage was met that the check did not look for.
    has_unjudged: bool,
    /// Names of objects that are secrets themselves.
    token_names: Vec<String>,
    damage: Damage,
}

fn answered(question: &ReportQuestion<'_>, progress: &dyn Progress) -> Answered {
    let compared = (question.members.len() > 1).then(|| compare(question.members, true, progress));
    let best = compared
        .as_ref()
        .and_then(|compared| compared.best)
        .unwrap_or(0);
    let Some((member, path)) = question.members.get(best).zip(question.paths.get(best)) else {
        return Answered {
            sections: Vec::new(),
            subtitle: String::new(),
            secrets: None,
            verdict: String::new(),
            next: String::new(),
            notes: Vec::new(),
            is_partial: true,
            has_unjudged: false,
            token_names: Vec::new(),
            damage: Damage::default(),
        };
    };
    let at = |depth| {
        let layout = question.layout.clone();
        let report = check_with(member, depth, question.keyring, layout, progress);
        let subject = Subject::new(question, member, path, (&report, depth), progress);
        about(question, &subject, compared.as_ref(), progress)
    };
    let found = at(Depth::Default);
    // That check looks into no value: what the sections met there is judged by one that does.
    match found.has_unjudged {
        true => at(Depth::Deep),
        false => found,
    }
}

/// The page of one copy.
fn about(
    question: &ReportQuestion<'_>,
    subject: &Subject<'_>,
    compared: Option<&Comparison>,
    progress: &dyn Progress,
) -> Answered {
    let (sections, notes) = sections(question, subject, compared, progress);
    let subtitle = match (question.paths.len(), compared) {
        (1, _) | (_, None) => subject.subtitle(),
        (count, Some(_)) => format!(
            "{count} copies are compared; sections about one copy are about the best one, {}: {}",
            model::text_of(&subject.path.to_string_lossy()),
            subject.subtitle()
        ),
    };
    Answered {
        sections,
        subtitle,
        secrets: subject.secrets(),
        verdict: verdict::headline(subject, compared),
        next: subject.next(compared).to_string(),
        notes,
        is_partial: subject.is_partial(),
        has_unjudged: subject.has_unjudged_damage(),
        token_names: subject.token_names(),
        damage: subject.damage(),
    }
}

fn sections(
    question: &ReportQuestion<'_>,
    subject: &Subject<'_>,
    compared: Option<&Comparison>,
    progress: &dyn Progress,
) -> (Vec<Section>, Vec<String>) {
    let events = subject.events(progress);
    let notes = timeline::outside(subject, events.as_ref());
    let mut sections = vec![
        findings::section(subject),
        timeline::section(subject, events.as_ref(), &notes),
        findings::objects(subject),
        space::section(subject),
        raft::section(subject),
        pages::section(subject),
        raft::members(question, subject, compared),
        kubernetes::section(subject, events.as_ref()),
        findings::notes(question),
        verdict::appendix(subject),
    ];
    // It says what the others could not read.
    sections.insert(0, verdict::section(subject, compared));
    (sections, notes)
}

/// `3,121 keys` of a count.
fn count_of(count: usize, what: &str) -> String {
    format!("{} {what}", thousands(count as i128))
}
