//! The one table of keys: help, footer, `:` completion and documentation are made from it.
//!
//! Digits are screens, so there are no counts. What only some screens understand says so with `on`; a screen's own row wins
//! over one for all screens.

use super::Binding;
use crate::act::{Act, Copied, Exported};
use crate::screen::ScreenId;
use crate::target::Want;

const fn key(keys: &'static [&'static str], act: Act, help: &'static str) -> Binding {
    Binding::new(keys, act, help)
}

/// Screens that show an object.
const OBJECT: &[ScreenId] = &[ScreenId::Browse];

/// Screens with a column of which one wants single values.
const FACETS: &[ScreenId] = &[
    ScreenId::History,
    ScreenId::Wal,
    ScreenId::Pages,
    ScreenId::Check,
    ScreenId::Search,
];

/// Screens with a text beside the rows.
const TEXTS: &[ScreenId] = &[
    ScreenId::Browse,
    ScreenId::History,
    ScreenId::Wal,
    ScreenId::Check,
    ScreenId::Compare,
];

/// Screens with a plan.
const PLANS: &[ScreenId] = &[ScreenId::Check, ScreenId::Compare];

/// The versions of a key.
const HISTORY: &[ScreenId] = &[ScreenId::History];

/// Screens that show bytes of the log or the db.
const STORED: &[ScreenId] = &[ScreenId::Wal, ScreenId::Pages];

/// Every key.
pub const TABLE: &[Binding] = &[
    key(
        &["?"],
        Act::Help,
        "keys of this screen; type to filter, ⏎ runs one",
    )
    .hint("help")
    .command("help"),
    key(
        &[":"],
        Act::Command,
        "command line: resources, rev, key, page … with completion",
    )
    .hint("command"),
    key(
        &["/"],
        Act::Filter,
        "filter as you type: text, regex, !inverse",
    )
    .hint("filter"),
    key(
        &["F"],
        Act::Facets,
        "facets: choose a value of the column that tells rows apart",
    )
    .on(FACETS),
    key(&["enter"], Act::Open, "open what is under the cursor").hint("open"),
    key(&["j", "down"], Act::Down, "down"),
    key(&["k", "up"], Act::Up, "up"),
    key(&["h", "left"], Act::Left, "left, or one level up"),
    key(&["l", "right"], Act::Right, "right, or one level down"),
    key(&["g g", "home"], Act::Top, "first row"),
    key(&["G", "end"], Act::Bottom, "last row"),
    key(&["ctrl-d"], Act::HalfDown, "half a page down"),
    key(&["ctrl-u"], Act::HalfUp, "half a page up"),
    key(&["pgdn", "ctrl-f"], Act::PageDown, "a page down"),
    key(&["pgup", "ctrl-b"], Act::PageUp, "a page up"),
    key(&["tab"], Act::NextPane, "next pane"),
    key(&["s-tab"], Act::PrevPane, "pane before"),
    key(
        &["f"],
        Act::FullScreen,
        "focused pane over the whole screen, and back",
    ),
    key(
        &["{"],
        Act::PrevMark,
        "landmark before: finding, change, deletion",
    ),
    key(
        &["}"],
        Act::NextMark,
        "next landmark: finding, change, deletion",
    ),
    key(&[","], Act::PrevVersion, "previous version of this object")
        .hint("version")
        .command("prev")
        .cli("history {key} -d {path}"),
    key(&["."], Act::NextVersion, "next version of this object")
        .command("next")
        .cli("history {key} -d {path}"),
    key(&["<"], Act::PrevRevision, "previous revision of anything").cli("changes {path}"),
    key(&[">"], Act::NextRevision, "next revision of anything").cli("changes {path}"),
    key(&["t"], Act::GoTime, "go to a revision or time")
        .cli("get {key} {rev} -d {path}")
        .hint("time"),
    key(&["T"], Act::Latest, "newest revision").command("latest"),
    key(&["n"], Act::NextHit, "next match"),
    key(&["N"], Act::PrevHit, "match before"),
    key(&["y"], Act::Yaml, "YAML")
        .on(OBJECT)
        .cli("get {key} {rev} -o yaml -d {path}"),
    key(
        &["d"],
        Act::Describe,
        "summary: fields, conditions, owners, events",
    )
    .on(OBJECT)
    .hint("describe")
    .cli("get {key} {rev} --describe -d {path}"),
    key(
        &["b"],
        Act::Blame,
        "who wrote which line, with which revision and when",
    )
    .on(OBJECT)
    .hint("blame")
    .cli("blame {key} {rev} -d {path}"),
    key(&["x"], Act::Hex, "stored bytes")
        .on(OBJECT)
        .hint("hex")
        .cli("get {key} {rev} -o hex -d {path}"),
    key(
        &["y"],
        Act::Yaml,
        "the objects that the entry wrote, as YAML",
    )
    .on(&[ScreenId::Wal])
    .hint("objects")
    .cli("wal -o yaml {path}"),
    key(&["x"], Act::Hex, "stored bytes, or what they mean")
        .on(STORED)
        .hint("hex"),
    key(
        &["s"],
        Act::Sort,
        "order of the file, or the trees of the buckets",
    )
    .on(&[ScreenId::Pages])
    .hint("order"),
    key(
        &["R"],
        Act::Refresh,
        "check again, every Kubernetes value too",
    )
    .on(&[ScreenId::Check])
    .hint("deeper")
    .cli("check --deep {path}"),
    key(&["R"], Act::Refresh, "read again what was stopped"),
    key(&["z"], Act::ZoomIn, "closer")
        .cli("timeline {path}")
        .on(&[ScreenId::Timeline])
        .hint("zoom"),
    key(&["Z"], Act::ZoomOut, "further away").on(&[ScreenId::Timeline]),
    key(
        &["v"],
        Act::Metric,
        "measure live and history, one of them, or what is free",
    )
    .on(&[ScreenId::Space])
    .hint("metric")
    .command("metric"),
    key(
        &["v"],
        Act::Metric,
        "another purpose: start, force-new-cluster, restore, upgrade",
    )
    .on(&[ScreenId::Compare])
    .hint("purpose")
    .command("purpose"),
    key(&["s"], Act::Ask, "search for something else")
        .on(&[ScreenId::Search])
        .hint("search"),
    key(&["s"], Act::Sort, "by resource, or by namespace")
        .on(&[ScreenId::Space])
        .hint("group"),
    key(
        &["m"],
        Act::Neat,
        "more of the object: with status, full, neat as for get --neat",
    )
    .on(OBJECT)
    .command("neat"),
    key(&["o"], Act::Owner, "the object that owns this one")
        .on(OBJECT)
        .command("owner"),
    key(
        &["D"],
        Act::MarkDiff,
        "mark this version as A; at another version: the difference",
    )
    .on(OBJECT)
    .cli("history {key} --diff -d {path}"),
    key(
        &["u"],
        Act::Users,
        "used by: search for the uid of this object",
    )
    .on(OBJECT)
    .command("used-by"),
    key(
        &["*"],
        Act::Same,
        "search for the value on this line of the object",
    )
    .on(OBJECT),
    key(&["w"], Act::Wrap, "long lines wrapped or cut").on(TEXTS),
    key(&["space"], Act::Fold, "fold or unfold what begins here").on(OBJECT),
    key(&["("], Act::FoldMore, "fold the second level").on(OBJECT),
    key(&[")"], Act::FoldLess, "unfold everything").on(OBJECT),
    key(&["X"], Act::Reveal, "show one secret for ten seconds")
        .cli("get {key} {rev} -o yaml --reveal -d {path}"),
    key(
        &["D"],
        Act::MarkDiff,
        "mark this version as A; the diff is then from A to the cursor; again: unmark",
    )
    .on(HISTORY)
    .hint("mark A")
    .cli("history {key} --diff -d {path}"),
    key(&["|"], Act::DiffLayout, "unified or side by side")
        .on(HISTORY)
        .hint("layout"),
    key(
        &["y"],
        Act::Yaml,
        "the whole version instead of the difference",
    )
    .on(HISTORY)
    .hint("YAML"),
    key(
        &["s"],
        Act::Sort,
        "only changes of spec and metadata, or also those of status",
    )
    .on(HISTORY)
    .hint("spec only"),
    key(
        &["W"],
        Act::WithLog,
        "the db alone, or also versions that only the log or carved records have",
    )
    .on(HISTORY)
    .cli("history {key} -d {path}"),
    key(
        &["C"],
        Act::Carve,
        "look for versions that neither db nor log have (carved; small dbs: looked at once)",
    )
    .on(HISTORY)
    .command("carved")
    .cli("history {key} --carved -d {path}"),
    key(
        &["s"],
        Act::Sort,
        "order of the table by a column: its letter, or ⏎; without the list: Shift and the letter that the heading marks",
    )
    .on(&[ScreenId::Browse])
    .hint("sort"),
    key(
        &["S"],
        Act::BySize,
        "largest values first; from the tree: of all keys",
    )
    .on(&[ScreenId::Browse])
    .command("largest")
    .cli("keys {path} --sort-by value_bytes"),
    key(
        &["\\"],
        Act::Tree,
        "the table of this resource, or the tree of keys",
    )
    .on(&[ScreenId::Browse])
    .command("tree"),
    key(
        &["A"],
        Act::Deleted,
        "also keys that were deleted, with their time",
    )
    .cli("keys --deleted {path}")
    .on(&[ScreenId::Browse])
    .command("deleted"),
    key(&["H"], Act::History, "history of the selected key")
        .command("history")
        .cli("history {key} -d {path}"),
    key(&["g k"], Act::Pivot(Want::Key), "go to the key in Browse")
        .cli("get {key} {rev} -d {path}"),
    key(
        &["g r"],
        Act::Pivot(Want::Revision),
        "go to the revision of this version",
    )
    .cli("get {key} {rev} -d {path}"),
    key(
        &["g t"],
        Act::Pivot(Want::Time),
        "go to this time in the timeline",
    )
    .cli("timeline {path}"),
    key(
        &["g p"],
        Act::Pivot(Want::Page),
        "go to the page that stores this version",
    )
    .cli("page --key {key} -d {path}"),
    key(
        &["g w"],
        Act::Pivot(Want::Wal),
        "go to the WAL entry that wrote it",
    )
    .cli("wal {path}"),
    key(
        &["g f"],
        Act::Pivot(Want::Finding),
        "go to the finding that touches it",
    )
    .cli("check {path}"),
    key(&["g s"], Act::Pivot(Want::Space), "go to its space").cli("space {path}"),
    key(
        &["c c"],
        Act::Copy(Copied::Command),
        "copy the command line that answers the same",
    )
    .hint("copy")
    .command("copy"),
    key(&["c k"], Act::Copy(Copied::Key), "copy the key"),
    key(&["c v"], Act::Copy(Copied::Yaml), "copy the value as YAML")
        .cli("get {key} {rev} -o yaml -d {path}"),
    key(&["c j"], Act::Copy(Copied::Json), "copy the value as JSON")
        .cli("get {key} {rev} -o json -d {path}"),
    key(
        &["c R"],
        Act::Copy(Copied::Neat),
        "copy YAML that creates it again (get --neat)",
    )
    .cli("get {key} {rev} -o yaml --neat -d {path}"),
    key(
        &["c p"],
        Act::Copy(Copied::Path),
        "copy the path of the evidence",
    ),
    key(&["c r"], Act::Copy(Copied::Revision), "copy the revision"),
    key(&["c o"], Act::Copy(Copied::Place), "copy file@offset"),
    key(
        &["e"],
        Act::Salvage,
        "on a plan step: salvage, dry run first",
    )
    .on(PLANS)
    .on_step()
    .hint("salvage")
    .cli("salvage {path} --dry-run"),
    key(
        &["e e"],
        Act::Export(Exported::Object),
        "export the object; secrets that are hidden: X first",
    )
    .cli("get {key} {rev} -o yaml -d {path}"),
    key(
        &["e v"],
        Act::Export(Exported::View),
        "export what the screen shows as text",
    ),
    key(
        &["e m"],
        Act::Export(Exported::Marked),
        "export the marked versions as YAML",
    ),
    key(
        &["e r"],
        Act::Export(Exported::Report),
        "export notes, marks and findings as a report",
    )
    .cli("report {path} --out incident.html"),
    key(&["a"], Act::Note, "note something about what is shown"),
    key(
        &["M"],
        Act::Mark,
        "mark this version as evidence; again: unmark",
    ),
    key(&[], Act::Notes, "what was noted and marked").command("notes"),
    key(
        &["p"],
        Act::Print,
        "print what is shown on the normal screen; any key returns",
    )
    .command("print"),
    key(
        &["0"],
        Act::Tab(0),
        "home: what this is, how far back it reaches, what happened lately",
    )
    .hint("home")
    .cli("status {path}"),
    key(&["1"], Act::Tab(1), "screen 1").cli("keys {path}"),
    key(&["2"], Act::Tab(2), "screen 2").cli("history {key} -d {path}"),
    key(&["3"], Act::Tab(3), "screen 3").cli("timeline {path}"),
    key(&["4"], Act::Tab(4), "screen 4").cli("wal {path}"),
    key(&["5"], Act::Tab(5), "screen 5").cli("page {path}"),
    key(&["6"], Act::Tab(6), "screen 6").cli("space {path}"),
    key(&["7"], Act::Tab(7), "screen 7").cli("check {path}"),
    key(&["8"], Act::Tab(8), "screen 8"),
    key(&["9"], Act::Tab(9), "screen 9"),
    key(&["["], Act::Back, "back through everything visited"),
    key(&["]"], Act::Forward, "forward again"),
    key(&["-"], Act::LastScreen, "last screen"),
    key(
        &["S"],
        Act::Side,
        "the other side: the db as it is, or as etcd has it after a start (replay)",
    )
    .on(&[
        ScreenId::Home,
        ScreenId::History,
        ScreenId::Timeline,
        ScreenId::Wal,
        ScreenId::Pages,
        ScreenId::Space,
        ScreenId::Check,
        ScreenId::Search,
        ScreenId::Compare,
        ScreenId::Lists,
    ])
    .command("replay")
    .cli("status --replay {path}"),
    // S sorts by size there.
    key(
        &[],
        Act::Side,
        "the other side: the db as it is, or as etcd has it after a start (replay)",
    )
    .on(&[ScreenId::Browse])
    .command("replay")
    .cli("status --replay {path}"),
    key(
        &["f2"],
        Act::Mouse,
        "mouse on or off; Shift-drag selects text in any case",
    )
    .command("mouse"),
    key(
        &["ctrl-c"],
        Act::Stop,
        "stop the running task and keep its results; twice: quit",
    ),
    key(&["ctrl-z"], Act::Suspend, "suspend"),
    key(&["esc"], Act::Cancel, "cancel, then back; never quits"),
    key(&["q"], Act::Leave, "back; quits at the root").hint("back"),
    key(
        &[],
        Act::ReadOn,
        "read the index on, where that was stopped or failed",
    )
    .command("index"),
    key(&[], Act::Quit, "quit at once").command("quit"),
];
