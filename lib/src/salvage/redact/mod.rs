//! A copy of a db that can be shared: the same pages, revisions, sizes and damage, with other values.
//!
//! The rule is that nothing is copied unless it is known to be structure. A page starts as wiped; then its header, elements, stored
//! revisions, the numbers of records and etcd's own settings are put back, and values are filled (`fill.rs`). So whatever belongs to
//! nothing (free pages, the rest of a page, tails of overflows) cannot hold anything of a value. Of a damaged db records are also found
//! by their own form (`loose.rs`). At last the copy is read back and compared (`proof.rs`): what survived all the same is overwritten.
//!
//! | stays | why |
//! |---|---|
//! | metas, headers and elements of pages, ids of free pages | structure |
//! | revisions, numbers of records, leases | structure |
//! | user keys, unless names are replaced too, but for OAuth tokens that are names; names of members, users, roles and buckets | names |
//! | settings in `meta` and `cluster`: applied index, compaction, versions, ConfState | structure |
//! | of values: `k8s\0`, apiVersion and kind if Kubernetes or a CRD has them; tags and lengths of protobuf; names of 12 fields, brackets and literals of JSON; the provider of an encrypted value; numbers 0 and 1; zeros | structure |

mod content;
mod fill;
mod known_types;
mod loose;
mod names;
mod page;
mod proof;
mod record;

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Mutex;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::backup::{Backup, Out, OutError};
use super::synced::SyncedFile;
use crate::bolt::{Db, MetaChoice, PageType, Pgid};
use crate::evidence::Kind;
use crate::kubernetes::key::Layout;
use crate::member::Member;
use fill::{Filler, wiped};
use known_types::KnownTypes;
use located::progress::Progress;
use located::{Bytes, Error};
use loose::LooseRecord;
use names::NewNames;
use record::{BucketKind, Redactor};

/// Bytes that are filled at a time, but for a run that is larger.
const BATCH_BYTES: u64 = 64 << 20;
/// The shortest hole at the end of a db, in bytes, that the copy leaves out: no growth of bbolt is so long.
const MIN_CUT_BYTES: u64 = 1 << 30;
/// How often what survived is overwritten before no copy is kept.
const MAX_SCRUBS: usize = 4;
/// Bytes that are read at a time.
const CHUNK_BYTES: usize = 1 << 20;
/// Pages of free space that are one run.
const FREE_RUN_PAGES: u64 = 64;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct RedactOptions {
    /// Also names: the user's keys.
    pub names: bool,
    /// The secret under which fillings are made. Whoever has it can try values one after the other.
    pub salt: Vec<u8>,
    /// Prefixes and custom resources of Kubernetes, whose paths stay in names.
    pub layout: Layout,
}

/// What was written.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Redacted {
    /// The file.
    pub file: Backup,
    /// Pages of trees, of both metas.
    pub tree_pages: u64,
    /// Pages that no tree reaches and that were filled by their own headers, because a tree is damaged or none is found.
    pub orphan_pages: u64,
    /// Pages that no tree has, all of them wiped.
    pub wiped_pages: u64,
    /// NewNames that were replaced.
    pub names: u64,
    /// NewNames that could not be replaced: all names of their length are taken.
    pub names_kept: u64,
    /// The trailer: `None` if there is none, `Some(false)` if it did not match, and does not now. The copy of a directory has one.
    pub trailer: Option<bool>,
    /// Bytes of the hole at the end of the db that the copy leaves out; 0: it is as long as the db.
    pub cut_bytes: u64,
}

/// What a run of pages is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum RunRole {
    Meta,
    Tree(BucketKind),
    /// A tree points here, and the page is none that it can follow.
    Refused,
    Freelist,
    Free,
}

/// Pages that are filled together: a page with its overflow.
#[derive(Clone, Debug)]
struct FilledRun {
    first: u64,
    pages: u64,
    role: RunRole,
}

/// Writes the copy of a member's db.
///
/// # Errors
/// The db cannot be read at all, or the copy cannot be written.
pub fn redact(
    member: &Member,
    options: &RedactOptions,
    out: &Out,
    progress: &dyn Progress,
) -> Result<Redacted, RedactError> {
    let whole = member.db_bytes()?;
    let (image, cut_bytes) = without_last_hole(member, whole)?;
    let runs = runs(member, image.as_slice());
    let filler = Filler::new(&options.salt).keeping(KnownTypes::with_crds(&options.layout));
    let names = options
        .names
        .then(|| Mutex::new(NewNames::new(filler.clone(), options.layout.clone())));
    let redactor = Redactor { filler, names };
    let mut writing = Writing {
        temporary: out.temporary()?,
        sum: Sha256::new(),
    };
    fill_runs(&runs, image.as_slice(), &redactor, progress, &mut |bytes| {
        writing.put(out, bytes)
    })?;
    let survivor = writing.prove(image.as_slice(), runs.page_size, &redactor);
    let survivor = survivor.map_err(|source| OutError::Io {
        path: out.path().to_owned(),
        source,
    })?;
    if let Some(offset) = survivor {
        return Err(RedactError::Survives { offset });
    }
    if progress.cancelled() {
        return Err(OutError::Cancelled.into());
    }
    let trailer = member.trailer().map(|trailer| trailer.matches());
    // A restore of etcd takes a backup file, which ends with a sum; a file that was given alone keeps its length.
    let is_directory = matches!(
        member.evidence().kind(),
        Kind::DataDir | Kind::MemberDir | Kind::SnapDir
    );
    let becomes_backup = is_directory && image.len().is_multiple_of(512);
    let trailer = trailer.or(becomes_backup.then_some(true));
    let file = writing.finish(out, trailer, image.len() as u64)?;
    let names = redactor.names.as_ref().map(|names| {
        let names = names
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        (names.count(), names.kept)
    });
    let (names, names_kept) = names.unwrap_or_default();
    Ok(Redacted {
        file,
        tree_pages: runs
            .count(|role| matches!(role, RunRole::Tree(_) | RunRole::Meta | RunRole::Freelist)),
        orphan_pages: runs.orphans,
        wiped_pages: runs.count(|role| matches!(role, RunRole::Free | RunRole::Refused)),
        names,
        names_kept,
        trailer,
        cut_bytes,
    })
}

/// The db up to its last page or the last bytes that are on the disk, and the length of the hole that is left out: a copy of it would
/// be as long, and take as long to write and to hash.
fn without_last_hole<'a>(member: &Member, image: Bytes<'a>) -> Result<(Bytes<'a>, u64), Error> {
    let size = image.len() as u64;
    let data = member.db_file()?.data_extents();
    let data_end = data.last().map_or(0, |extent| extent.end);
    let pages = [MetaChoice::Newest, MetaChoice::Older].map(|choice| {
        let db = member.db_at(choice).ok();
        db.map_or(0, |db| {
            db.meta().high_water_mark.0.saturating_mul(db.page_size())
        })
    });
    let end = pages.into_iter().fold(data_end, u64::max);
    let end = end.checked_next_multiple_of(64 << 10).unwrap_or(size);
    match size.checked_sub(end) {
        Some(hole) if hole >= MIN_CUT_BYTES => {
            let end = usize::try_from(end).unwrap_or(image.len());
            Ok((image.slice(0, end, "db")?, hole))
        }
        _ => Ok((image, 0)),
    }
}

/// The runs that are filled at a time.
fn batches(runs: &Runs) -> impl Iterator<Item = &[FilledRun]> {
    let mut rest = runs.all.as_slice();
    std::iter::from_fn(move || {
        let mut bytes = 0u64;
        let count = rest.iter().take_while(|run| {
            bytes = bytes.saturating_add(run.pages.saturating_mul(runs.page_size));
            bytes <= BATCH_BYTES
        });
        let count = count.count().max(1);
        let (batch, after) = rest.split_at_checked(count)?;
        rest = after;
        Some(batch)
    })
}

/// Fills the runs in the order of the file.
fn fill_runs(
    runs: &Runs,
    image: &[u8],
    redactor: &Redactor,
    progress: &dyn Progress,
    write: &mut dyn FnMut(&[u8]) -> Result<(), OutError>,
) -> Result<(), OutError> {
    progress.begin("redacting", image.len() as u64);
    let fill = |run: &FilledRun| {
        let offset =
            |page: u64| usize::try_from(page.saturating_mul(runs.page_size)).unwrap_or(usize::MAX);
        let end = offset(run.first.saturating_add(run.pages)).min(image.len());
        let start = offset(run.first);
        let input = image.get(start..end).unwrap_or_default();
        let mut filled = match &run.role {
            RunRole::Meta => return page::meta(input),
            RunRole::Freelist => return page::freelist(input, runs.pages),
            RunRole::Tree(kind) => redactor.page(kind, input),
            RunRole::Refused => page::header(input),
            RunRole::Free => wiped(input),
        };
        redactor.put_loose(&runs.loose, image, start, &mut filled);
        filled
    };
    for batch in batches(runs) {
        if progress.cancelled() {
            return Err(OutError::Cancelled);
        }
        // Which of two names that collide is given first must not depend on threads.
        let filled: Vec<Vec<u8>> = match redactor.names.is_some() {
            true => batch.iter().map(fill).collect(),
            false => batch.par_iter().map(fill).collect(),
        };
        for bytes in filled {
            progress.advance(bytes.len() as u64);
            write(&bytes)?;
        }
    }
    Ok(())
}

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedactError {
    /// The db cannot be read.
    #[error(transparent)]
    Read(#[from] Error),
    /// The copy cannot be written.
    #[error(transparent)]
    Out(#[from] OutError),
    /// Bytes of a value are in the copy; it was removed.
    #[error(
        "no copy was kept: at {offset:#x} it had four bytes or more of a value or name that must not be in it"
    )]
    Survives {
        /// Where in the copy.
        offset: u64,
    },
}

struct Writing {
    temporary: super::backup::Temporary,
    sum: Sha256,
}

impl Writing {
    fn put(&mut self, out: &Out, bytes: &[u8]) -> Result<(), OutError> {
        self.sum.update(bytes);
        let written = self.temporary.file.write_all(bytes);
        written.map_err(|source| OutError::Io {
            path: out.path().to_owned(),
            source,
        })
    }

    /// Compares the copy with every record of the original, and overwrites what survived of one: damage may make structure of it that
    /// stays. Returns where something is left all the same.
    fn prove(
        &mut self,
        image: &[u8],
        page_size: u64,
        redactor: &Redactor,
    ) -> io::Result<Option<u64>> {
        let page_size = usize::try_from(page_size).unwrap_or(usize::MAX);
        let mut left = proof::survivors(image, page_size, &mut self.temporary.file, redactor)?;
        if left.is_empty() {
            return Ok(None);
        }
        for _ in 0..MAX_SCRUBS {
            let file = &mut self.temporary.file;
            for bytes in &left {
                let letters = redactor
                    .filler
                    .letters(image.get(bytes.clone()).unwrap_or_default());
                file.seek(SeekFrom::Start(bytes.start as u64))?;
                file.write_all(&letters)?;
            }
            left = proof::survivors(image, page_size, file, redactor)?;
            if left.is_empty() {
                break;
            }
        }
        self.sum_again()?;
        Ok(left.first().map(|bytes| bytes.start as u64))
    }

    /// The sum of what is in the file now.
    fn sum_again(&mut self) -> io::Result<()> {
        self.sum = Sha256::new();
        let file = &mut self.temporary.file;
        file.rewind()?;
        let mut buffer = vec![0; CHUNK_BYTES];
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                return Ok(());
            }
            self.sum.update(buffer.get(..read).unwrap_or_default());
        }
    }

    /// Appends the trailer; one that did not match does not match afterwards.
    fn finish(
        mut self,
        out: &Out,
        trailer: Option<bool>,
        image_bytes: u64,
    ) -> Result<Backup, OutError> {
        let mut size_bytes = image_bytes;
        if let Some(matches) = trailer {
            let mut sum: [u8; 32] = self.sum.clone().finalize().into();
            if let Some(first) = sum.first_mut().filter(|_| !matches) {
                *first ^= 0xff;
            }
            self.put(out, &sum)?;
            size_bytes = size_bytes.saturating_add(32);
        }
        let io_error = |source| OutError::Io {
            path: out.path().to_owned(),
            source,
        };
        SyncedFile::new(&mut self.temporary.file)
            .and_then(SyncedFile::finish)
            .map_err(io_error)?;
        let sum = self.sum.finalize();
        self.temporary.keep(out)?;
        Ok(Backup {
            path: out.path().to_owned(),
            size_bytes,
            sha256: sum.iter().map(|byte| format!("{byte:02x}")).collect(),
        })
    }
}

/// All pages of the file.
struct Runs {
    all: Vec<FilledRun>,
    page_size: u64,
    pages: u64,
    /// Pages that were taken by their headers alone.
    orphans: u64,
    /// Records by their own form, if a tree is damaged or none is found.
    loose: Vec<LooseRecord>,
}

impl Runs {
    fn count(&self, is_meant: impl Fn(&RunRole) -> bool) -> u64 {
        let runs = self.all.iter().filter(|run| is_meant(&run.role));
        runs.map(|run| run.pages).sum()
    }
}

/// What each page is, in the order of the file. Both metas count: the older one shows the state before the last commit.
///
/// If a tree is damaged or none is found, pages that no tree reaches may be the missing part of it: their headers decide.
fn runs(member: &Member, image: &[u8]) -> Runs {
    let bytes = image.len() as u64;
    let chosen = member.options().meta;
    let others = [MetaChoice::Newest, MetaChoice::Older];
    let mut heads: BTreeMap<u64, (u64, RunRole)> = BTreeMap::new();
    let mut page_size = 4096;
    let mut damage = TreeDamage::default();
    for choice in [chosen].into_iter().chain(others).rev() {
        match member.db_at(choice) {
            Ok(db) => {
                page_size = db.page_size();
                claim_trees(&db, &mut heads, &mut damage);
            }
            Err(_) => damage.found = true,
        }
    }
    damage.found |= crate::check::has_bent_root(member);
    let pages = bytes.div_ceil(page_size);
    let trees = heads.len();
    for meta in 0..2 {
        heads.insert(meta, (1, RunRole::Meta));
    }
    let (mut orphans, mut loose) = (0, Vec::new());
    if damage.found || trees == 0 {
        orphans = claim_orphans(image, page_size, &mut heads);
        loose = loose::records(image, page_size);
    }
    Runs {
        loose,
        all: in_order(heads, pages),
        page_size,
        pages,
        orphans,
    }
}

/// The runs in the order of the file, with what is free between them.
fn in_order(heads: BTreeMap<u64, (u64, RunRole)>, pages: u64) -> Vec<FilledRun> {
    let mut all = Vec::new();
    let mut at = 0;
    let mut heads = heads
        .into_iter()
        .filter(|(first, _)| *first < pages)
        .peekable();
    while at < pages {
        let next = heads.peek().map_or(pages, |(first, _)| *first);
        if next > at {
            let free = next.saturating_sub(at).min(FREE_RUN_PAGES);
            all.push(FilledRun {
                first: at,
                pages: free,
                role: RunRole::Free,
            });
            at = at.saturating_add(free);
            continue;
        }
        let Some((first, (length, role))) = heads.next() else {
            break;
        };
        let next = heads.peek().map_or(pages, |(first, _)| *first);
        // A head within the overflow of another page: damage, and what is there is that page.
        let length = length.min(next.saturating_sub(first)).max(1);
        all.push(FilledRun {
            first,
            pages: length,
            role,
        });
        at = first.saturating_add(length);
    }
    all
}

/// Whether a walk of the trees found damage.
#[derive(Debug, Default)]
struct TreeDamage {
    found: bool,
}

/// Adds the pages of leaves and branches that no tree reaches; returns how many pages they have.
fn claim_orphans(image: &[u8], page_size: u64, heads: &mut BTreeMap<u64, (u64, RunRole)>) -> u64 {
    let Ok(step) = usize::try_from(page_size) else {
        return 0;
    };
    let mut claimed = 0u64;
    let mut free_from = 2;
    for (page, start) in (0u64..).zip((0..image.len()).step_by(step.max(1))) {
        if let Some((length, _)) = heads.get(&page) {
            free_from = page.saturating_add(*length);
        }
        if page < free_from {
            continue;
        }
        let head = image.get(start..).unwrap_or_default();
        let head = head.get(..step.saturating_mul(2)).unwrap_or(head);
        if let Some((kind, overflow)) = Redactor::orphan(page, head) {
            let length = u64::from(overflow).saturating_add(1);
            let next = heads
                .range(page..)
                .next()
                .map_or(u64::MAX, |(first, _)| *first);
            let length = length.min(next.saturating_sub(page));
            claimed = claimed.saturating_add(length);
            heads.insert(page, (length, RunRole::Tree(kind)));
        }
    }
    claimed
}

fn claim_trees(db: &Db<'_>, heads: &mut BTreeMap<u64, (u64, RunRole)>, damage: &mut TreeDamage) {
    if db.meta().has_freelist()
        && let Ok(page) = db.page(db.meta().freelist)
        && page.header.page_type() == Some(PageType::Freelist)
    {
        let length = u64::from(page.header.overflow).saturating_add(1);
        heads.insert(page.pgid.0, (length, RunRole::Freelist));
    }
    let root = std::iter::once((BucketKind::Root, db.root()));
    let buckets = db.buckets(&mut |_| damage.found = true).into_iter();
    let buckets = buckets.map(|(name, bucket)| (BucketKind::of_name(name), bucket));
    for (kind, bucket) in root
        .chain(buckets)
        .filter(|(_, bucket)| bucket.inline().is_none())
    {
        let mut children: Vec<Pgid> = vec![bucket.root()];
        bucket.walk(&mut |_| damage.found = true, &mut |visit| {
            let page = &visit.page;
            if page.header.page_type() == Some(PageType::Branch) {
                children.extend(page.children().flatten().map(|child| child.pgid));
            }
            let length = u64::from(page.header.overflow).saturating_add(1);
            heads.insert(page.pgid.0, (length, RunRole::Tree(kind.clone())));
        });
        // A page with its own id that is none of a tree: its header says why it is not followed.
        for pgid in children {
            let is_own = db.page(pgid).is_ok_and(|page| page.header.id == pgid);
            if is_own {
                heads.entry(pgid.0).or_insert((1, RunRole::Refused));
            }
        }
    }
}
