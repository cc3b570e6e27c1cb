//! `page`: the raw pages of the db, as a list, a map, trees, or one page taken apart.

mod commit;
mod fields;
mod key;

pub use commit::{CommitRow, RecordChange, last_commit};
pub use fields::{BYTES, ByteRow, FIELDS, FieldRow, PageBytes, PageFields, PageMask};
pub use key::{RecordPlaceRow, places};

use located::Finding;
use serde::Serialize;
use serde_json::json;

use super::{Answer, Cell, Column, Damage, Label, Row, Table};
use crate::bolt::{Db, Page, PageCounts, PageMap, PageType, PageUse, Pgid};
use located::text::number::thousands;

static LIST: [Column; 9] = [
    Column::right("ID", "id"),
    Column::left("TYPE", "type"),
    Column::right("ITEMS", "items"),
    Column::right("OVERFLOW", "overflow"),
    Column::left("STATE", "state"),
    Column::right("USED%", "used_percent"),
    Column::left("BUCKET", "bucket"),
    Column::right("OFFSET", "offset").wide(),
    Column::json("used_bytes"),
];

static TREE: [Column; 5] = [
    Column::left("PAGE", "page"),
    Column::left("TYPE", "type"),
    Column::right("ITEMS", "items"),
    Column::right("OVERFLOW", "overflow"),
    Column::left("FIRST KEY", "first_key"),
];

/// One page and its overflow run.
#[derive(Clone, Debug)]
pub struct PageRow<'a> {
    id: Pgid,
    usage: PageUse,
    bucket: Option<Vec<u8>>,
    page: Option<Page<'a>>,
    page_size: u64,
}

impl Row for PageRow<'_> {
    fn cells(&self) -> Vec<Cell> {
        let state = match self.usage {
            PageUse::Free => Cell::text("free").label(Label::Dim),
            PageUse::Unknown => Cell::text("unknown").label(Label::Warning),
            _ => Cell::text("used"),
        };
        let known = self.page.as_ref();
        let kind = known.and_then(|page| page.header.page_type());
        // Of a page without a type nothing else in its header can be believed.
        let known = kind.and(known);
        let cell = |make: fn(&Page<'_>) -> Cell| known.map(make).unwrap_or_default();
        vec![
            Cell::plain(self.id.0),
            kind.map(|kind| Cell::text(kind.as_str()))
                .unwrap_or_default(),
            cell(|page| Cell::plain(page.header.count)),
            cell(|page| Cell::plain(page.header.overflow)),
            state,
            cell(|page| Cell::percent(page.used_bytes(), page.bytes.len() as u64)),
            self.bucket.as_deref().map(Cell::bytes).unwrap_or_default(),
            Cell::plain(self.id.0.saturating_mul(self.page_size)),
            cell(|page| Cell::plain(page.used_bytes())),
        ]
    }
}

/// Damage that was met while the trees were walked.
fn met(findings: Vec<Finding>) -> Damage {
    let lost = u64::try_from(findings.len()).unwrap_or(u64::MAX);
    Damage::new(findings, lost)
}

/// Every page that begins something, with what the chosen meta page makes of it. Pages that cannot be followed are damage.
pub fn list<'a>(db: &Db<'a>) -> Answer<Table<PageRow<'a>>> {
    let mut findings = Vec::new();
    let pages = PageMap::build(db, &mut |finding| findings.push(finding));
    let rows = pages
        .iter()
        .filter(|(_, usage, _)| !matches!(usage, PageUse::Overflow | PageUse::Outside))
        .map(|(id, usage, bucket)| PageRow {
            id,
            usage,
            bucket: bucket.map(<[u8]>::to_vec),
            page: db.page(id).ok(),
            page_size: db.page_size(),
        })
        .collect();
    let counts = pages.counts();
    let mut total = json!({
        "page_size": db.page_size(), "used_pages": counts.used_pages, "free_pages": counts.free_pages,
        "outside_pages": counts.outside_pages,
    });
    if let Some(total) = total.as_object_mut().filter(|_| counts.unknown_pages > 0) {
        total.insert("unknown_pages".to_owned(), counts.unknown_pages.into());
    }
    let table = Table::new(&LIST, rows)
        .tail("total", total)
        .all(summary(db, counts));
    Answer::new(table, met(findings))
}

/// `41,112 pages of 4096 B: 36,000 used, 5,000 free, 112 never used`.
fn summary(db: &Db<'_>, counts: PageCounts) -> String {
    let unknown = match counts.unknown_pages {
        0 => String::new(),
        unknown => format!(
            "{} not known to be used or free, ",
            thousands(unknown.into())
        ),
    };
    format!(
        "{} pages of {} B: {} used, {} free, {unknown}{} never used",
        thousands(db.file_pages().into()),
        db.page_size(),
        thousands(counts.used_pages.into()),
        thousands(counts.free_pages.into()),
        thousands(counts.outside_pages.into()),
    )
}

/// Consecutive pages of one use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PageRun {
    /// The first.
    pub from: usize,
    /// The last.
    pub to: usize,
    /// What they are used for.
    #[serde(rename = "use")]
    pub usage: PageUse,
}

/// The file as a sequence of uses.
#[derive(Clone, Debug, Serialize)]
pub struct MapAnswer {
    /// Size of a page in bytes.
    pub page_size: u64,
    /// How many pages have which use.
    pub counts: PageCounts,
    /// Every page, in runs of one use.
    pub runs: Vec<PageRun>,
    /// One sentence about all pages.
    #[serde(skip)]
    pub summary: String,
}

impl MapAnswer {
    /// Every page up to the high-water mark.
    pub fn used_pages(&self) -> Vec<PageUse> {
        let mut pages = Vec::new();
        for run in &self.runs {
            if run.usage != PageUse::Outside {
                pages.resize(run.from, PageUse::Outside);
                pages.resize(run.to.saturating_add(1), run.usage);
            }
        }
        pages
    }
}

/// The number of pages that the file or its meta page has: ids are lower.
pub fn count(db: &Db<'_>) -> u64 {
    let of_file = (db.file().len() as u64).div_ceil(db.page_size().max(1));
    of_file.max(db.pages())
}

/// What every page of the file is used for. Pages that cannot be followed are damage.
pub fn map(db: &Db<'_>) -> Answer<MapAnswer> {
    let mut findings = Vec::new();
    let pages = PageMap::build(db, &mut |finding| findings.push(finding));
    let mut runs: Vec<PageRun> = Vec::new();
    for (at, (_, usage, _)) in pages.iter().enumerate() {
        match runs.last_mut() {
            Some(run) if run.usage == usage => run.to = at,
            _ => runs.push(PageRun {
                from: at,
                to: at,
                usage,
            }),
        }
    }
    // The pages after those that the map lists.
    let end = usize::try_from(pages.pages()).unwrap_or(usize::MAX);
    match (runs.last_mut(), end.checked_sub(1)) {
        (Some(run), Some(last)) if run.usage == PageUse::Outside => run.to = last,
        (Some(run), Some(last)) if run.to < last => {
            let from = run.to.saturating_add(1);
            runs.push(PageRun {
                from,
                to: last,
                usage: PageUse::Outside,
            });
        }
        _ => {}
    }
    let map = MapAnswer {
        page_size: db.page_size(),
        counts: pages.counts(),
        runs,
        summary: summary(db, pages.counts()),
    };
    Answer::new(map, met(findings))
}

/// The letter of a use in a picture of the file, and what it means.
pub fn letter(usage: PageUse) -> (&'static str, Label) {
    match usage {
        PageUse::Free => (".", Label::Dim),
        PageUse::Unknown => ("?", Label::Warning),
        PageUse::Meta => ("M", Label::Heading),
        PageUse::Freelist => ("F", Label::Heading),
        PageUse::Branch => ("B", Label::Name),
        PageUse::Leaf => ("L", Label::Good),
        PageUse::Overflow => ("o", Label::Good),
        PageUse::Outside => (" ", Label::Dim),
    }
}

/// The use that most of some pages have.
pub fn commonest(uses: &[PageUse]) -> PageUse {
    let count = |usage: &PageUse| uses.iter().filter(|other| *other == usage).count();
    uses.iter()
        .copied()
        .max_by_key(count)
        .unwrap_or(PageUse::Free)
}

/// A line of the trees of all buckets.
#[derive(Clone, Debug)]
pub enum TreeRow<'a> {
    /// A page.
    Page {
        /// Pages between it and the root.
        depth: usize,
        /// The page.
        page: Page<'a>,
    },
    /// The name of a bucket, whose tree follows.
    Bucket {
        /// Its name.
        name: Vec<u8>,
        /// Whether it has no page of its own.
        is_inline: bool,
    },
}

impl Row for TreeRow<'_> {
    fn cells(&self) -> Vec<Cell> {
        match self {
            Self::Bucket { name, is_inline } => vec![
                Cell::unknown(),
                Cell::text(if *is_inline {
                    "inline bucket"
                } else {
                    "bucket"
                })
                .label(Label::Heading),
                Cell::unknown(),
                Cell::unknown(),
                Cell::bytes(name.as_slice()).label(Label::Heading),
            ],
            Self::Page { depth, page } => {
                let kind = page.header.page_type();
                let first = match kind {
                    Some(PageType::Branch) => page.child(0).ok().map(|child| child.key),
                    _ => page.item(0).ok().map(|item| item.key),
                };
                let indent = depth.saturating_mul(2);
                vec![
                    Cell::shown(format!("{:indent$}{}", "", page.pgid.0), page.pgid.0),
                    Cell::text(kind.map_or("?", |kind| kind.as_str())),
                    Cell::plain(page.header.count),
                    Cell::plain(page.header.overflow),
                    first.map(Cell::bytes).unwrap_or_default(),
                ]
            }
        }
    }
}

/// The trees of all buckets, page by page. Pages that cannot be followed are damage.
pub fn tree<'a>(db: &Db<'a>) -> Answer<Table<TreeRow<'a>>> {
    let mut rows = Vec::new();
    let mut findings = Vec::new();
    let mut sink = |finding| findings.push(finding);
    db.root().walk(&mut sink, &mut |seen| {
        rows.push(TreeRow::Page {
            depth: seen.stack.len(),
            page: seen.page,
        });
    });
    for (name, bucket) in db.buckets(&mut sink) {
        rows.push(TreeRow::Bucket {
            name: name.to_vec(),
            is_inline: bucket.inline().is_some(),
        });
        bucket.walk(&mut sink, &mut |seen| {
            rows.push(TreeRow::Page {
                depth: seen.stack.len().saturating_add(1),
                page: seen.page,
            });
        });
    }
    Answer::new(Table::new(&TREE, rows), met(findings))
}
