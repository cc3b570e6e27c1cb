//! How the Pages screen looks.

use etcd_inspect::dataset::pages::{PageEntry, PageList, PageSummary, PageView};
use etcd_inspect::text::{escape, number};
use ratatui::layout::Rect;

use super::content::{self, revision};
use super::{Pages, WIDTH};
use crate::object::Hex;
use crate::paint::{Line, Pen, cells};
use crate::session::Session;
use crate::theme::Role;
use crate::widgets::Column;

static COLUMNS: [Column; 8] = [
    Column::left("PAGE", 12),
    Column::left("", 1),
    Column::left("TYPE", 8),
    Column::right("ITEMS", 5),
    Column::right("+", 4).from(60),
    Column::right("USED", 5).from(60),
    Column::left("BUCKET", 10).from(60),
    Column::left("FIRST", 0),
];

/// Cells before the first byte of a row of hex.
const HEX_START: u16 = 10;

fn role_of(letter: char) -> Role {
    match letter {
        'M' | 'F' => Role::Heading,
        'B' => Role::Name,
        'L' | 'o' => Role::Good,
        'H' => Role::Warning,
        '!' => Role::Error,
        '?' => Role::Warning,
        _ => Role::Dim,
    }
}

impl Pages {
    pub(super) fn draw_all(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session) {
        self.view.panes = self.view.split.panes(area, 34);
        let (list, pane) = (self.view.panes.list, self.view.panes.detail);
        if list.width > 0 && list.height > 0 {
            self.draw_list(list, pen, session);
        }
        if pane.width > 0 && pane.height > 0 {
            self.draw_page(pane, pen, session);
        }
    }

    fn draw_list(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session) {
        let Some(loaded) = self.loaded.clone() else {
            let inner = pen.frame(area, &Line::from("pages"), !self.view.split.detail);
            let why = match session.data() {
                Some(_) => Line::piece(Role::Dim, "walking the trees…"),
                None => session.why_no_data(),
            };
            pen.wrapped(inner, &why);
            return;
        };
        let loaded = match &*loaded {
            Ok(loaded) => loaded,
            Err(why) => {
                let inner = pen.frame(area, &Line::from("pages"), !self.view.split.detail);
                pen.wrapped(inner, &Line::piece(Role::Error, why.clone()));
                return;
            }
        };
        let rows = self.rows().len();
        let title = match loaded.lost {
            Some(_) => lost_title(loaded),
            None => title(loaded, self.look.tree),
        };
        let title = self.view.title(title, rows);
        let inner = pen.frame(area, &title, !self.view.split.detail);
        let mut body = inner;
        if inner.height >= 7 && inner.width >= 20 {
            let rows = (inner.height / 4).min(7);
            self.draw_map(
                Rect {
                    height: rows,
                    ..inner
                },
                pen,
                loaded,
                session,
            );
            let legend = "L live H history B branch o overflow F free list M meta . free ? not reached ! finding";
            pen.put(inner, 1, rows, legend, Role::Dim);
            body = Rect {
                y: inner.y.saturating_add(rows).saturating_add(1),
                height: inner.height - rows - 1,
                ..inner
            };
        }
        let shown = match self.look.tree {
            true => &loaded.tree,
            false => &loaded.file,
        };
        self.view
            .draw_rows(body, pen, &COLUMNS, rows, |at| match shown.get(at) {
                Some(PageEntry::Page { id, depth }) => page_cells(loaded, *id, *depth, session),
                Some(PageEntry::Bucket(at)) => bucket_cells(loaded, *at, session),
                None => Vec::new(),
            });
    }

    /// The file as a picture, the cursor's page in it.
    fn draw_map(&mut self, area: Rect, pen: &mut Pen<'_>, loaded: &PageList, session: &Session) {
        let count = usize::from(area.width) * usize::from(area.height);
        if self
            .picture
            .as_ref()
            .is_none_or(|(cells, _, _)| *cells != count)
        {
            let (picture, each) = loaded.picture(count);
            self.picture = Some((count, picture, each));
        }
        let Some((_, picture, each)) = &self.picture else {
            return;
        };
        self.map = area;
        let place = |page: u64| {
            let cell = usize::try_from(page.checked_div(*each)?).ok()?;
            let (x, y) = (
                cell % usize::from(area.width.max(1)),
                cell / usize::from(area.width.max(1)),
            );
            (cell < picture.len()).then_some((cells(x), cells(y)))
        };
        for (y, row) in picture.chunks(usize::from(area.width.max(1))).enumerate() {
            let mut x = 0;
            for run in row.chunk_by(|a, b| a == b) {
                let text: String = run.iter().collect();
                let letter = run.first().copied().unwrap_or(' ');
                x = pen.put(area, x, cells(y), &text, role_of(letter));
            }
        }
        let report = session.slot().and_then(|slot| slot.report.as_ref());
        let findings = report.into_iter().flat_map(|report| &report.findings);
        for (x, y) in findings
            .filter_map(|finding| finding.place.page)
            .filter_map(place)
        {
            pen.put(area, x, y, "!", Role::Error);
        }
        if let Some((x, y)) = self.page().and_then(place) {
            let cell = Rect {
                x: area.x.saturating_add(x),
                width: 1,
                ..area
            };
            pen.highlight(cell, y, Role::Cursor);
        }
    }

    fn draw_page(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session) {
        let title = match &self.content {
            Some(Ok(content)) => page_title(content, self.list(), session),
            _ => Line::from("page"),
        };
        let inner = pen.frame(area, &title, self.view.split.detail);
        let content = match &self.content {
            Some(Ok(content)) => content,
            Some(Err(why)) => {
                pen.wrapped(inner, &Line::piece(Role::Error, why.clone()));
                return;
            }
            None => return,
        };
        let hex_rows = if inner.height >= 4 {
            inner.height * 2 / 5
        } else {
            0
        };
        let body = Rect {
            height: inner.height - hex_rows,
            ..inner
        };
        for (y, at) in self.fields.window(body.height, content.fields.len()) {
            pen.line(body, y, &content::line(content, at, session), 0);
            if at == self.fields.cursor() {
                let role = if self.view.split.detail && !self.look.hex {
                    Role::Cursor
                } else {
                    Role::Shadow
                };
                pen.highlight(body, y, role);
            }
        }
        pen.note_cut(inner, self.fields.span(), content.fields.len(), &[]);
        if hex_rows == 0 {
            return;
        }
        let below = Rect {
            y: inner.y.saturating_add(body.height),
            height: hex_rows,
            ..inner
        };
        let mut rule = "── bytes ".to_owned();
        if content.hidden > 0 {
            rule.push_str(&format!("({} B of secrets are *) ", content.hidden));
        }
        rule.push_str(&"─".repeat(usize::from(below.width)));
        pen.put(below, 0, 0, &rule, Role::Dim);
        let below = Rect {
            y: below.y.saturating_add(1),
            height: hex_rows - 1,
            ..below
        };
        self.draw_hex(below, pen, content);
    }

    fn draw_hex(&self, area: Rect, pen: &mut Pen<'_>, content: &PageView) {
        let base = content.offset;
        let hex = Hex {
            offset: base,
            bytes: &content.bytes,
        };
        let (from, to) = match content.fields.get(self.fields.cursor()) {
            Some(field) => (field.offset, field.offset.saturating_add(field.size_bytes)),
            None => (base, base),
        };
        let row = self.look.at.saturating_sub(base) / WIDTH;
        let last = (hex.len() as u64).saturating_sub(area.height.into());
        let top = row.saturating_sub(u64::from(area.height) / 3).min(last);
        for y in 0..area.height {
            let at = top.saturating_add(y.into());
            let Ok(line) = usize::try_from(at) else {
                return;
            };
            if line >= hex.len() {
                return;
            }
            pen.line(area, y, &hex.row(line), 0);
            let start = base.saturating_add(at.saturating_mul(WIDTH));
            for column in 0..WIDTH {
                let offset = start.saturating_add(column);
                let is_cursor = self.look.hex && offset == self.look.at;
                if !is_cursor && !(from..to).contains(&offset) {
                    continue;
                }
                let column = u16::try_from(column).unwrap_or(0);
                let x = HEX_START + column * 3 + u16::from(column >= 8);
                let cell = Rect {
                    x: area.x.saturating_add(x),
                    width: 2.min(area.width.saturating_sub(x)),
                    ..area
                };
                let role = if is_cursor { Role::Cursor } else { Role::Match };
                pen.highlight(cell, y, role);
            }
        }
    }
}

fn title(loaded: &PageList, tree: bool) -> Line {
    let counts = &loaded.counts;
    let order = if tree { "trees" } else { "file" };
    let unknown = match counts.unknown_pages {
        0 => String::new(),
        unknown => format!("{} used or free · ", number::thousands(unknown.into())),
    };
    Line::from(format!(
        "{order} · {} used · {} free · {unknown}{} never used",
        number::thousands(counts.used_pages.into()),
        number::thousands(counts.free_pages.into()),
        number::thousands(counts.outside_pages.into())
    ))
    .with(Role::Dim, " · s order")
}

/// How the pages are known if no meta page is valid.
fn lost_title(loaded: &PageList) -> Line {
    let pages = number::thousands(loaded.file_pages.into());
    Line::piece(
        Role::Error,
        format!("no tree is known: {pages} pages by their headers"),
    )
}

/// The line of a bucket: its name, and where it is if it has no page of its own.
fn bucket_cells(loaded: &PageList, at: u8, session: &Session) -> Vec<Line> {
    let bucket = loaded.buckets.get(usize::from(at));
    let (name, inline) = bucket
        .map(|(name, inline)| (name.as_slice(), *inline))
        .unwrap_or_default();
    let place = match inline {
        true => "  in the page of the root",
        false => "",
    };
    let name = escape::bytes(name, session.charset());
    vec![Line::piece(Role::Heading, name).with(Role::Dim, place)]
}

fn page_cells(loaded: &PageList, id: u64, depth: u8, session: &Session) -> Vec<Line> {
    let letter = loaded.letter(id);
    let indent = " ".repeat(usize::from(depth).min(6));
    let name = Line::from(format!("{indent}{}", number::thousands(id.into())));
    let mark = Line::piece(role_of(letter), letter.to_string());
    let Some(page) = loaded.summary(id) else {
        return vec![name, mark, Line::piece(Role::Error, "✕ cut off")];
    };
    let shown = match page.kind {
        // The header's word alone: no tree confirms it.
        Some(kind) if page.is_own && page.is_unreached => {
            Line::piece(Role::Warning, format!("{kind}?"))
        }
        Some(kind) if page.is_own && page.is_free => Line::piece(Role::Dim, kind),
        Some(kind) if page.is_own => Line::from(kind),
        // What a free page holds is the rest of something older; on a used one it is damage.
        _ if page.is_free => Line::piece(Role::Dim, "–"),
        _ => Line::piece(Role::Error, "✕ none"),
    };
    if page.kind.is_none() || !page.is_own {
        return vec![name, mark, shown];
    }
    let charset = session.charset();
    let used = number::percent(page.used_bytes, page.size_bytes);
    let overflow = match page.overflow {
        0 => String::new(),
        more => more.to_string(),
    };
    let bucket = page.bucket.as_deref().unwrap_or_default();
    vec![
        name,
        mark,
        shown,
        Line::from(page.count.to_string()),
        Line::piece(Role::Dim, overflow),
        Line::piece(Role::Dim, used),
        Line::piece(Role::Name, escape::bytes(bucket, charset)),
        first(&page, session),
    ]
}

/// The first element of a page.
fn first(page: &PageSummary, session: &Session) -> Line {
    let key = escape::bytes(&page.key, session.charset());
    match page.revision {
        Some(stored) if page.key.is_empty() => Line::piece(Role::Number, revision(stored)),
        Some(stored) => {
            Line::piece(Role::Number, format!("{} ", revision(stored))).with(Role::Dim, key)
        }
        None => Line::from(key.into_owned()),
    }
}

fn page_title(content: &PageView, loaded: Option<&PageList>, session: &Session) -> Line {
    let kind = content.kind.unwrap_or("no type");
    let mut text = format!("page {} · {kind}", number::thousands(content.id.into()));
    if content.overflow > 0 {
        text.push_str(&format!(" +{}", content.overflow));
    }
    let mut title = Line::from(text);
    if let Some(bucket) = &content.bucket {
        title = title
            .text(" · bucket ")
            .with(Role::Name, escape::bytes(bucket, session.charset()));
    }
    let letter = loaded.map(|loaded| loaded.letter(content.id));
    title = title.text(match letter {
        Some('.') => " · free: older content",
        Some('?') => " · no tree reaches it",
        Some('H') => " · only older versions",
        _ => "",
    });
    let (first, last) = (content.records.first(), content.records.last());
    if let (Some(Some(first)), Some(Some(last))) = (first, last) {
        title = title.text(format!(
            " · revisions {}–{}",
            revision(first.revision),
            revision(last.revision)
        ));
    }
    if content.header_id != content.id {
        title = title.with(
            Role::Error,
            format!(" · ✕ calls itself {}", content.header_id),
        );
    }
    if content.is_cut {
        title = title.with(Role::Error, " · ✕ cut off");
    }
    title
}
