mod key;

use std::ffi::{OsStr, OsString};
use std::ops::Range;
use std::path::Path;

use etcd_inspect::answers::Damage;
use etcd_inspect::bolt::fields::{FieldValue, fields};
use etcd_inspect::bolt::{Db, Page, PageMap, PageType, PageUse, Pgid};
use etcd_inspect::kubernetes::key::Layout;
use etcd_inspect::member::{secrets_in_page, veiled};
use serde_json::{Map, Value, json};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::kube::LayoutArgs;
use crate::output::{Cell, Column, Format, Label, Line, Tail, hex, number};
use crate::secrets::Reveal;
use crate::ui::Ui;
use crate::what;

/// Look at the raw pages of the db: list, map, tree, one page decoded or in hex
///
/// The list has one line for every page and its overflow run. STATE is what the chosen meta page makes of it: a free page
/// keeps its old content until it is used again, and TYPE is what stands there.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect page /copy/m1                 all pages
  etcd-inspect page --map /copy/m1           the file as a picture
  etcd-inspect page 20731 /copy/m1           one page, every field with its offset
  etcd-inspect page 20731 --hex /copy/m1
  etcd-inspect page --key /registry/pods/shop/web-1 /copy/m1     where its versions stand
  etcd-inspect page --sort-by items -d /copy/m1")]
pub(crate) struct PageArgs {
    /// A page id (20731 or page:20731), and the PATH
    #[arg(value_name = "ID|PATH", num_args = 0..=2)]
    words: Vec<OsString>,
    /// The file as a picture, one letter for a page or a run of pages
    #[arg(long, conflicts_with_all = ["tree", "hex"])]
    map: bool,
    /// The trees of all buckets, page by page
    #[arg(long, conflicts_with = "hex")]
    tree: bool,
    /// The page's bytes
    #[arg(long)]
    hex: bool,
    /// The pages on which the versions of a raw key stand
    #[arg(long, value_name = "KEY", conflicts_with_all = ["map", "tree", "hex"])]
    key: Option<OsString>,
    #[command(flatten)]
    layout: LayoutArgs,
    /// Show the bytes of Secrets and password hashes; otherwise they are `*`
    #[arg(long, value_name = "all", num_args = 0..=1, require_equals = true, default_missing_value = "all")]
    reveal: Option<Reveal>,
}

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

static FIELDS: [Column; 5] = [
    Column::right("OFFSET", "offset"),
    Column::right("SIZE", "size_bytes"),
    Column::left("FIELD", "field"),
    Column::left("VALUE", "value"),
    Column::json("page"),
];

static TREE: [Column; 5] = [
    Column::left("PAGE", "page"),
    Column::left("TYPE", "type"),
    Column::right("ITEMS", "items"),
    Column::right("OVERFLOW", "overflow"),
    Column::left("FIRST KEY", "first_key"),
];

pub(crate) fn run(args: &PageArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let (id, path) = split(&args.words)?;
    let member = ui.member(path)?;
    let db = member.db()?;
    if let Some(key) = &args.key {
        return key::places(&member, &db, &what::unescape(key), ui);
    }
    let veil = Veil {
        // Under a prefix that is not known any `/secrets/` in a key is enough.
        layout: args.layout.layout().unwrap_or_default(),
        lifted: args.reveal.is_some(),
    };
    match id {
        Some(id) if args.hex || ui.format() == Format::Hex => dump(&db, id, &veil, ui),
        Some(id) if ui.format() == Format::Raw => raw(&db, id, &veil, ui),
        Some(id) => decode(&db, id, &veil, ui),
        None if args.hex => Err(Failure::usage("--hex of which page?")
            .next("etcd-inspect page 0 --hex {path}")
            .into()),
        None if args.map => map(&db, ui),
        None if args.tree => tree(&db, ui),
        None => list(&db, ui),
    }
}

/// Which of the words is the id.
fn split(words: &[OsString]) -> Result<(Option<Pgid>, Option<&Path>), Failure> {
    let id = |word: &OsStr| {
        let word = word.to_str()?;
        let digits = word.strip_prefix("page:").unwrap_or(word);
        match digits.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16).ok(),
            None => digits.replace(',', "").parse().ok(),
        }
    };
    let mut found = (None, None);
    for word in words {
        match id(word) {
            Some(id) if found.0.is_none() => found.0 = Some(Pgid(id)),
            _ if found.1.is_none() => found.1 = Some(Path::new(word)),
            _ => {
                return Err(Failure::usage(format!(
                    "{word:?} is neither a page id nor the only PATH"
                ))
                .next("etcd-inspect page 20731 {path}"));
            }
        }
    }
    Ok(found)
}

fn list(db: &Db<'_>, ui: &mut Ui) -> anyhow::Result<Exit> {
    let pages = PageMap::build(db, &mut |_| {});
    let mut rows = ui.rows("page", &LIST)?;
    for (id, usage, bucket) in pages.iter() {
        if matches!(usage, PageUse::Overflow | PageUse::Outside) {
            continue;
        }
        let page = db.page(id).ok();
        let state = match usage {
            PageUse::Free => Cell::text("free").label(Label::Dim),
            _ => Cell::text("used"),
        };
        let known = page.as_ref();
        let kind = known.and_then(|page| page.header.page_type());
        let cell = |value: Option<Cell>| value.unwrap_or_default();
        rows.push(vec![
            Cell::plain(id.0),
            cell(kind.map(|kind| Cell::text(kind.as_str()))),
            cell(kind.and(known).map(|page| Cell::plain(page.header.count))),
            cell(
                kind.and(known)
                    .map(|page| Cell::plain(page.header.overflow)),
            ),
            state,
            cell(
                kind.and(known)
                    .map(|page| Cell::percent(page.used_bytes(), page.bytes.len() as u64)),
            ),
            cell(bucket.map(Cell::bytes)),
            Cell::plain(id.0.saturating_mul(db.page_size())),
            cell(kind.and(known).map(|page| Cell::plain(page.used_bytes()))),
        ])?;
    }
    let counts = pages.counts();
    let mut tail = Tail::default();
    let total = json!({
        "page_size": db.page_size(), "used_pages": counts.used_pages, "free_pages": counts.free_pages,
        "outside_pages": counts.outside_pages,
    });
    tail.fields.insert("total".to_owned(), total);
    tail.all = Some(summary(db, &pages));
    rows.finish(tail)?;
    Ok(Exit::Ok)
}

fn summary(db: &Db<'_>, pages: &PageMap<'_>) -> String {
    let counts = pages.counts();
    format!(
        "{} pages of {} B: {} used, {} free, {} never used",
        number::thousands(db.file_pages().into()),
        db.page_size(),
        number::thousands(counts.used_pages.into()),
        number::thousands(counts.free_pages.into()),
        number::thousands(counts.outside_pages.into()),
    )
}

/// The letter of a use, for the picture.
fn letter(usage: PageUse) -> (char, Label) {
    match usage {
        PageUse::Free => ('.', Label::Dim),
        PageUse::Meta => ('M', Label::Heading),
        PageUse::Freelist => ('F', Label::Heading),
        PageUse::Branch => ('B', Label::Name),
        PageUse::Leaf => ('L', Label::Good),
        PageUse::Overflow => ('o', Label::Good),
        PageUse::Outside => (' ', Label::Dim),
    }
}

const MAP_WIDTH: usize = 64;
const MAP_LINES: usize = 40;

fn map(db: &Db<'_>, ui: &mut Ui) -> anyhow::Result<Exit> {
    let pages = PageMap::build(db, &mut |_| {});
    let uses: Vec<_> = pages.iter().map(|(_, usage, _)| usage).collect();
    let mut runs: Vec<(usize, usize, PageUse)> = Vec::new();
    for (at, usage) in uses.iter().enumerate() {
        match runs.last_mut() {
            Some((_, to, last)) if last == usage => *to = at,
            _ => runs.push((at, at, *usage)),
        }
    }
    let mut fields = Map::new();
    fields.insert("page_size".to_owned(), Value::from(db.page_size()));
    fields.insert("counts".to_owned(), serde_json::to_value(pages.counts())?);
    let runs: Vec<_> = runs
        .into_iter()
        .map(|(from, to, usage)| json!({"from": from, "to": to, "use": usage}))
        .collect();
    fields.insert("runs".to_owned(), Value::from(runs));
    ui.document("page", fields, |ui| {
        let used = uses
            .iter()
            .rposition(|usage| *usage != PageUse::Outside)
            .map_or(0, |last| last + 1);
        let uses = uses.get(..used).unwrap_or_default();
        let each = used.div_ceil(MAP_WIDTH * MAP_LINES).max(1);
        for (number, line) in uses.chunks(MAP_WIDTH * each).enumerate() {
            let at = number * MAP_WIDTH * each;
            let mut text = Line::new().with(Label::Dim, format!("{at:>10}  "));
            for cell in line.chunks(each) {
                let (letter, label) = letter(commonest(cell));
                text = text.with(label, letter);
            }
            ui.line(text)?;
        }
        ui.line("")?;
        ui.line("M meta  B branch  L leaf  o overflow  F free list  . free")?;
        let scale = if each > 1 {
            format!(" (a letter is {each} pages)")
        } else {
            String::new()
        };
        Ok(ui.line(summary(db, &pages) + &scale)?)
    })?;
    Ok(Exit::Ok)
}

fn commonest(uses: &[PageUse]) -> PageUse {
    let count = |usage: &PageUse| uses.iter().filter(|other| *other == usage).count();
    uses.iter()
        .copied()
        .max_by_key(count)
        .unwrap_or(PageUse::Free)
}

fn tree(db: &Db<'_>, ui: &mut Ui) -> anyhow::Result<Exit> {
    let mut lines: Vec<Vec<Cell>> = Vec::new();
    let mut findings = Vec::new();
    let mut sink = |finding| findings.push(finding);
    db.root().walk(&mut sink, &mut |seen| {
        lines.push(tree_line(seen.stack.len(), &seen.page))
    });
    for (name, bucket) in db.buckets(&mut |_| {}) {
        let kind = if bucket.inline().is_some() {
            "inline bucket"
        } else {
            "bucket"
        };
        lines.push(vec![
            Cell::unknown(),
            Cell::text(kind).label(Label::Heading),
            Cell::unknown(),
            Cell::unknown(),
            Cell::bytes(name).label(Label::Heading),
        ]);
        bucket.walk(&mut sink, &mut |seen| {
            lines.push(tree_line(seen.stack.len() + 1, &seen.page))
        });
    }
    let lost = findings.len() as u64;
    ui.partial(Damage::new(findings, lost));
    let mut rows = ui.rows("page", &TREE)?;
    for line in lines {
        rows.push(line)?;
    }
    rows.finish(Tail::default())?;
    Ok(Exit::Ok)
}

fn tree_line(depth: usize, page: &Page<'_>) -> Vec<Cell> {
    let kind = page.header.page_type();
    let first = match kind {
        Some(PageType::Branch) => page.child(0).ok().map(|child| child.key),
        _ => page.item(0).ok().map(|item| item.key),
    };
    vec![
        Cell::shown(format!("{:1$}{2}", "", depth * 2, page.pgid.0), page.pgid.0),
        Cell::text(kind.map_or("?", |kind| kind.as_str())),
        Cell::plain(page.header.count),
        Cell::plain(page.header.overflow),
        first.map(Cell::bytes).unwrap_or_default(),
    ]
}

/// What hides secrets in a page.
struct Veil {
    layout: Layout,
    lifted: bool,
}

impl Veil {
    /// Where they stand within the page's bytes.
    fn secrets(&self, db: &Db<'_>, page: &Page<'_>) -> Vec<Range<usize>> {
        if self.lifted {
            return Vec::new();
        }
        secrets_in_page(db, &self.layout, page)
    }

    /// The page's bytes as they may be shown.
    fn bytes(&self, db: &Db<'_>, page: &Page<'_>, ui: &mut Ui) -> std::io::Result<Vec<u8>> {
        let (bytes, hidden) = veiled(page.bytes.as_slice(), &self.secrets(db, page));
        if hidden > 0 {
            ui.note(format!(
                "{hidden} bytes of secrets are shown as * (--reveal shows them)"
            ))?;
        }
        Ok(bytes)
    }
}

/// A page with its overflow run; one that is not the head of anything alone, because what its bytes claim to be such a run
/// would swallow other pages.
fn own<'a>(db: &Db<'a>, id: Pgid) -> Result<Page<'a>, etcd_inspect::Error> {
    let mut page = db.page(id)?;
    if page.header.id != id {
        let size = usize::try_from(db.page_size())
            .unwrap_or(usize::MAX)
            .min(page.bytes.len());
        page.bytes = page.bytes.slice(0, size, "page")?;
    }
    Ok(page)
}

fn decode(db: &Db<'_>, id: Pgid, veil: &Veil, ui: &mut Ui) -> anyhow::Result<Exit> {
    let page = own(db, id)?;
    let secrets = veil.secrets(db, &page);
    let start = page.bytes.offset();
    if page.header.id != id {
        ui.note(match head_of(db, id) {
            Some(head) => format!("page {} has no header: it continues page {}", id.0, head.0),
            None => format!(
                "page {} calls itself page {}: it continues another page, or was never written",
                id.0, page.header.id.0
            ),
        })?;
    }
    let mut rows = ui.rows("page", &FIELDS)?;
    rows.head("page", id.0);
    rows.head("offset", page.bytes.offset());
    for field in fields(&page) {
        let value = match field.value {
            FieldValue::Number(number) => Cell::plain(number),
            FieldValue::Hex(bits) => Cell::shown(format!("{bits:#x}"), bits),
            FieldValue::Key(bytes) => Cell::bytes(bytes).label(Label::Name),
            FieldValue::Value(bytes) => {
                let at = usize::try_from(field.offset.saturating_sub(start)).unwrap_or(0);
                let here = at..at.saturating_add(bytes.len());
                let inside =
                    |range: &&Range<usize>| range.start < here.end && here.start < range.end;
                let hidden: Vec<_> = secrets
                    .iter()
                    .filter(inside)
                    .map(|range| range.start.saturating_sub(at)..range.end.saturating_sub(at))
                    .collect();
                preview(&veiled(bytes, &hidden).0)
            }
            FieldValue::Gap(bytes) => gap(bytes),
            FieldValue::Unreadable(why) => Cell::text(why).label(Label::Error),
        };
        rows.push(vec![
            Cell::shown(format!("{:08X}", field.offset), field.offset),
            Cell::plain(field.size_bytes),
            Cell::text(field.name),
            value,
            Cell::plain(id.0),
        ])?;
    }
    rows.finish(Tail::default())?;
    Ok(Exit::Ok)
}

/// The page whose overflow run a page belongs to.
fn head_of(db: &Db<'_>, id: Pgid) -> Option<Pgid> {
    let pages = PageMap::build(db, &mut |_| {});
    matches!(pages.get(id)?, (PageUse::Overflow, _)).then_some(())?;
    (0..id.0)
        .rev()
        .map(Pgid)
        .find(|page| !matches!(pages.get(*page), Some((PageUse::Overflow, _))))
}

const PREVIEW: usize = 96;

fn preview(bytes: &[u8]) -> Cell {
    Cell::bytes(bytes.get(..PREVIEW).unwrap_or(bytes))
}

fn gap(bytes: &[u8]) -> Cell {
    if bytes.iter().all(|byte| *byte == 0) {
        Cell::text("zeros").label(Label::Dim)
    } else {
        Cell::text("bytes that no field owns: older content or damage (--hex shows them)")
            .label(Label::Dim)
    }
}

fn dump(db: &Db<'_>, id: Pgid, veil: &Veil, ui: &mut Ui) -> anyhow::Result<Exit> {
    let page = own(db, id)?;
    let bytes = veil.bytes(db, &page, ui)?;
    let terminal = ui.terminal;
    hex::dump(ui.out(), terminal, "", page.bytes.offset(), &bytes)?;
    Ok(Exit::Ok)
}

fn raw(db: &Db<'_>, id: Pgid, veil: &Veil, ui: &mut Ui) -> anyhow::Result<Exit> {
    let page = own(db, id)?;
    let bytes = veil.bytes(db, &page, ui)?;
    ui.raw(&bytes)?;
    Ok(Exit::Ok)
}
