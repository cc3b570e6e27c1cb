use std::ffi::{OsStr, OsString};
use std::path::Path;

use etcd_inspect::answers::page::{self, MapAnswer, PageBytes, PageFields, PageMask};
use etcd_inspect::member::Member;

use crate::at::Side;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::kube::LayoutArgs;
use crate::output::{Format, Label, Line, Row, Rows, Tail, escape, hex, person};
use crate::secrets::Reveal;
use crate::ui::Ui;
use crate::view::View;
use crate::what;

/// Look at the raw pages of the db: list, map, tree, one page decoded or in hex
///
/// The list has one line for every page and its overflow run. STATE is what the chosen meta page makes of it: a free page
/// keeps its old content until it is used again, and TYPE is the type of that.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect page /copy/m1                 all pages
  etcd-inspect page --map /copy/m1           the file as a picture
  etcd-inspect page 20731 /copy/m1           one page, every field with its offset
  etcd-inspect page 20731 --hex /copy/m1
  etcd-inspect page --key /registry/pods/shop/web-1 /copy/m1     the pages of its versions
  etcd-inspect page --diff-metas /copy/m1    what the last commit changed, and what one commit back loses
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
    /// What the last commit changed: records that only the tree of one of the two meta pages has
    ///
    /// Added: the last commit wrote it. Removed: the last commit removed it. The line below the rows says which meta page is
    /// newer, and what the state one commit back (--meta older) loses.
    #[arg(long, conflicts_with_all = ["map", "tree", "hex", "key"])]
    diff_metas: bool,
    /// The pages that contain the versions of a raw key
    #[arg(long, value_name = "KEY", conflicts_with_all = ["map", "tree", "hex"])]
    key: Option<OsString>,
    #[command(flatten)]
    layout: LayoutArgs,
    /// Show the bytes of Secrets and password hashes; otherwise they are `*`
    #[arg(long, value_name = "all", num_args = 0..=1, require_equals = true, default_missing_value = "all")]
    reveal: Option<Reveal>,
}

pub(crate) fn run(args: &PageArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let (id, path) = split(&args.words)?;
    if id.is_some() && (args.map || args.tree) {
        let failure =
            Failure::usage("--map and --tree are of the whole db, and a page id is of one page");
        return Err(failure
            .next(ui.without_flags_alone(&["--map", "--tree"]))
            .into());
    }
    let member = ui.member(path)?;
    let db = member.db()?;
    if let Some(key) = &args.key {
        return places(&member, &what::unescape(key), ui);
    }
    if args.diff_metas {
        let mut table = ui.take(page::last_commit(&db)?);
        let summary = table.all.take();
        ui.table("page", &table)?;
        if let Some(summary) = summary {
            ui.note(summary)?;
        }
        return Ok(Exit::Ok);
    }
    let mask = PageMask {
        // Under a prefix that is not known any `/secrets/` in a key is enough.
        layout: args.layout.layout().unwrap_or_default(),
        reveal: args.reveal.is_some(),
    };
    if let Some(id) = id {
        exists(id, page::count(&db))?;
    }
    let read = |id: u64| PageFields::read(&db, id);
    match id {
        Some(_) if args.hex && !ui.global.columns.is_empty() => {
            return Err(
                Failure::usage("--hex prints no rows: --columns has no meaning")
                    .next("etcd-inspect page 0 {path}")
                    .into(),
            );
        }
        Some(id) if args.hex || ui.global.format() == Format::Hex => {
            dump(id, &read(id)?.bytes(&db, &mask), ui)?;
        }
        Some(id) if ui.global.format() == Format::Raw => {
            let bytes = read(id)?.bytes(&db, &mask);
            say_hidden(&bytes, ui)?;
            person::raw(&bytes.bytes, ui)?;
        }
        Some(id) => {
            let page = read(id)?;
            if let Some(note) = page.note(&db) {
                ui.note(note)?;
            }
            let mut rows = Rows::begin(ui, "page", &page::FIELDS)?;
            rows.head("page", id);
            rows.head("offset", page.offset());
            page.each_row(&db, &mask, &mut |row| rows.push(row.cells()))?;
            rows.finish(Tail::default())?;
        }
        None if args.hex => {
            return Err(Failure::usage("--hex of which page?")
                .next("etcd-inspect page 0 --hex {path}")
                .into());
        }
        None if args.map => {
            let map = ui.take(page::map(&db));
            ui.answer("page", &map, |ui| picture(&map, ui))?;
        }
        None if args.tree => {
            let tree = ui.take(page::tree(&db));
            ui.table("page", &tree)?;
        }
        None => {
            let list = ui.take(page::list(&db));
            ui.table("page", &list)?;
        }
    }
    Ok(Exit::Ok)
}

/// Refuses the id of a page that neither the file nor its meta page has.
fn exists(id: u64, pages: u64) -> Result<(), Failure> {
    match id < pages {
        true => Ok(()),
        false => Err(Failure::not_found(format!(
            "no page {id}: the db has pages 0–{}",
            pages.saturating_sub(1)
        ))
        .next("etcd-inspect page --limit 20 {path}")),
    }
}

/// The records of a key with the way from the bucket's root to each of them.
fn places(member: &Member, key: &[u8], ui: &mut Ui) -> anyhow::Result<Exit> {
    let view = View::open(member, Side::default(), ui)?;
    let table = page::places(&member.db()?, &view.keyspace(), key)?;
    if table.rows.is_empty() {
        let shown = escape::bytes(key, ui.terminal.charset).into_owned();
        let failure = Failure::not_found(format!("no version of {shown} is retained in the db"));
        return Err(failure.next("etcd-inspect keys {path}").into());
    }
    ui.table("page", &table)?;
    person::hint(
        "etcd-inspect page ID -d {path}",
        "every field of one page",
        ui,
    )?;
    Ok(Exit::Ok)
}

/// Which of the words is the id.
fn split(words: &[OsString]) -> Result<(Option<u64>, Option<&Path>), Failure> {
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
            Some(id) if found.0.is_none() => found.0 = Some(id),
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

const MAP_WIDTH: usize = 64;
const MAP_LINES: usize = 40;

/// The file as a picture.
fn picture(map: &MapAnswer, ui: &mut Ui) -> anyhow::Result<()> {
    let uses = map.used_pages();
    let each = uses.len().div_ceil(MAP_WIDTH * MAP_LINES).max(1);
    for (number, line) in uses.chunks(MAP_WIDTH * each).enumerate() {
        let at = number * MAP_WIDTH * each;
        let mut text = Line::new().with(Label::Dim, format!("{at:>10}  "));
        for pages in line.chunks(each) {
            let (letter, label) = page::letter(page::commonest(pages));
            text = text.with(label, letter);
        }
        ui.line(text)?;
    }
    ui.line("")?;
    let unknown = match map.counts.unknown_pages {
        0 => "",
        _ => "  ? used or free: a tree that cannot be read may have it",
    };
    ui.line(format!(
        "M meta  B branch  L leaf  o overflow  F free list  . free{unknown}"
    ))?;
    let scale = if each > 1 {
        format!(" (a letter is {each} pages)")
    } else {
        String::new()
    };
    Ok(ui.line(format!("{}{scale}", map.summary))?)
}

fn say_hidden(bytes: &PageBytes, ui: &mut Ui) -> std::io::Result<()> {
    match bytes.hidden {
        0 => Ok(()),
        hidden => ui.note(format!(
            "{hidden} bytes of secrets are shown as * (--reveal shows them)"
        )),
    }
}

/// The bytes as people read them, or as rows for programs.
fn dump(id: u64, bytes: &PageBytes, ui: &mut Ui) -> anyhow::Result<()> {
    say_hidden(bytes, ui)?;
    let format = ui.global.format();
    if matches!(
        format,
        Format::Json | Format::Jsonl | Format::Yaml | Format::Csv | Format::Tsv
    ) {
        let mut rows = Rows::begin(ui, "page", &page::BYTES)?;
        rows.head("page", id);
        rows.head("offset", bytes.offset);
        bytes.rows().try_for_each(|row| rows.push(row.cells()))?;
        rows.finish(Tail::default())?;
        return Ok(());
    }
    let terminal = ui.terminal;
    hex::dump(ui.out(), terminal, "", bytes.offset, &bytes.bytes)?;
    Ok(())
}
