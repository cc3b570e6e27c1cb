//! What the user takes along: exports, notes, marks, a page of text.

use std::fmt::Write as _;

use etcd_inspect::text::{escape, number};
use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{App, rows};
use crate::act::Exported;
use crate::event::Effect;
use crate::export;
use crate::notes::{Note, NoteKind};
use crate::object::{Neat, Object};
use crate::paint::{Line, Pen, TakenRows};
use crate::plain;
use crate::target::{Target, Want};
use crate::theme::Role;

/// Rows of a view that are written: lists of this length are whole.
const ROWS: u16 = 500;

impl App {
    /// Asks for the name of the file.
    pub(super) fn ask_export(&mut self, what: Exported) {
        let name = match what {
            Exported::Report => "incident.html".to_owned(),
            _ => match self.contents(what, None) {
                Ok((name, _)) => name,
                Err(why) => return self.session.say(Role::Warning, why),
            },
        };
        self.prompt_with(what.command(), name);
    }

    /// Writes the file.
    pub(super) fn export(&mut self, what: Exported, name: &str) -> Result<(), String> {
        if what == Exported::Report {
            self.begin_report(name);
            return Ok(());
        }
        let (_, content) = self.contents(what, Some(name))?;
        self.write_export(name, &content)
    }

    /// Writes a new file and says where it is.
    pub(super) fn write_export(&mut self, name: &str, content: &[u8]) -> Result<(), String> {
        let dir = self.session.options.export_dir.clone();
        let file = export::write(&dir, &self.evidence(), name, content)?;
        let said = format!(
            "wrote {} to {}",
            number::size(content.len() as u64),
            escape::text(&file.display().to_string(), self.session.charset()),
        );
        self.session.say(Role::Good, said);
        Ok(())
    }

    pub(super) fn evidence(&self) -> Vec<std::path::PathBuf> {
        self.session
            .slots
            .iter()
            .map(|slot| slot.path.clone())
            .collect()
    }

    /// A name for it, and what is in it.
    fn contents(&self, what: Exported, name: Option<&str>) -> Result<(String, Vec<u8>), String> {
        match what {
            Exported::Object => self.object(),
            Exported::View => {
                let at = self.session.ruler.revision();
                let proposed = format!("{}-{at}", self.screen_id().title().to_lowercase());
                match &self.taken {
                    Some(taken) => {
                        let proposed = export::name_of(&proposed, "csv");
                        let content = rows::write(taken, name.unwrap_or(&proposed))?;
                        Ok((proposed, content))
                    }
                    None => Ok((export::name_of(&proposed, "txt"), self.view().into_bytes())),
                }
            }
            Exported::Marked => {
                let text = self.marked()?;
                Ok(("marked.yaml".to_owned(), text.into_bytes()))
            }
            Exported::Report => Err("a report is written beside the loop".to_owned()),
        }
    }

    /// The object under the cursor as YAML, never with a mask as a value; or the bytes of a value that is none.
    fn object(&self) -> Result<(String, Vec<u8>), String> {
        if self.is_without_row() {
            return Err(self.why_no_row());
        }
        let key = self.session.focus().ok_or("no key is selected")?;
        let version = self
            .session
            .shown(key)
            .ok_or("it does not exist at this revision")?;
        let data = self.session.rows().ok_or("there is no index yet")?;
        let shown = escape::bytes(key, self.session.charset());
        let name = format!("{shown}-{}", version.revision.main);
        let object = Object::read(version, data, &self.session);
        if object.json.is_ok() {
            let text = object.text_as(false, Neat::Full)?;
            return Ok((export::name_of(&name, "yaml"), text.into_bytes()));
        }
        let value = object.version.key_value().filter(|_| !object.hidden);
        let value = value.ok_or("its bytes are secret; X shows them for ten seconds")?;
        Ok((export::name_of(&name, "bin"), value.value.to_vec()))
    }

    /// Every marked version, one YAML document each.
    fn marked(&self) -> Result<String, String> {
        let data = self.session.data().ok_or("there is no index yet")?;
        let slot = self.session.slot().ok_or("no directory")?;
        let marks = slot.notes.marks();
        if marks.is_empty() {
            return Err("nothing is marked; M marks the version under the cursor".to_owned());
        }
        let mut text = String::new();
        for mark in marks {
            let key = mark.key.as_deref().unwrap_or_default();
            let shown = escape::bytes(key, self.session.charset());
            let _ = writeln!(text, "---\n# {shown} at revision {}", mark.revision);
            match data.version(key, mark.revision) {
                None => text += "# not in the db: only the log or carved records have it\n",
                Some(version) => {
                    let object = Object::read(version, data, &self.session);
                    match object.text_as(false, Neat::Full) {
                        Ok(document) => text += &document,
                        // A mask is no value: what is hidden is left out, and the file says so.
                        Err(why) => {
                            let _ = writeln!(text, "# left out: {}", one_line(&why));
                        }
                    }
                }
            }
        }
        Ok(text)
    }

    /// What the screen shows, as text; longer lists than fit a screen too.
    pub(super) fn view(&self) -> String {
        let Some(screen) = self.screens.get(self.open) else {
            return String::new();
        };
        let crumbs = screen.crumbs(&self.session).join(" › ");
        let mut text = format!(
            "{} · revision {} · {}\n{}\n",
            screen.id().title(),
            number::thousands(self.session.ruler.revision().into()),
            self.session.path(),
            escape::text(&crumbs, self.session.charset())
        );
        text += &self.picture;
        text
    }

    /// Draws the open screen as high as its list may be, and keeps that as text.
    pub(super) fn take_picture(&mut self) {
        let area = Rect::new(0, 0, self.size.0.max(80), ROWS);
        let mut buffer = Buffer::empty(area);
        let mut pen = Pen::new(
            &mut buffer,
            self.session.options.ascii,
            self.session.options.theme,
        );
        let open = self.open;
        if let Some(screen) = self.screens.get_mut(open) {
            screen.draw(area, &mut pen, &self.session);
        }
        plain::plain(&mut buffer, self.session.options.ascii, true);
        let mut text = String::new();
        for row in buffer.content.chunks(usize::from(area.width)) {
            let row: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
            // Of the rows between the frame's sides only those with something in them.
            if row.chars().any(|c| !matches!(c, ' ' | '│' | '|' | '▕')) {
                text += row.trim_end();
                text.push('\n');
            }
        }
        self.picture = text;
        self.taken = self.rows();
    }

    /// All rows of the list of the open screen; `None`: it has no list.
    fn rows(&mut self) -> Option<TakenRows> {
        let area = Rect::new(0, 0, self.size.0.max(80), ROWS);
        let mut buffer = Buffer::empty(area);
        let theme = self.session.options.theme;
        let mut pen = Pen::new(&mut buffer, false, theme).taking();
        if let Some(screen) = self.screens.get_mut(self.open) {
            screen.draw(area, &mut pen, &self.session);
        }
        pen.taken()
    }

    /// Prints the view on the normal screen, where the terminal's own scrolling and selecting work.
    pub(super) fn print(&mut self) {
        self.take_picture();
        let text = self.view();
        self.session.effects.push(Effect::Print(text));
    }

    /// Marks the version under the cursor as evidence, or takes that back.
    pub(super) fn mark(&mut self) {
        let (key, revision) = match self.under_cursor() {
            Ok((Some(key), revision)) => (key, revision),
            Ok((None, _)) => return self.session.say(Role::Dim, "no key is selected"),
            Err(why) => return self.session.say(Role::Warning, why),
        };
        let marked = self
            .session
            .slot()
            .is_some_and(|slot| slot.notes.is_marked(&key, revision));
        let kind = if marked {
            NoteKind::Unmark
        } else {
            NoteKind::Mark
        };
        self.note_of(kind, Some(key), revision, String::new());
        let done = if marked {
            "no longer marked"
        } else {
            "marked as evidence"
        };
        let at = number::thousands(revision.into());
        self.say_kept(format!("revision {at} is {done}"));
    }

    /// Key and revision of the version under the cursor, as `gr` has it; the revision is the ruler's if no version is there.
    fn under_cursor(&self) -> Result<(Option<Vec<u8>>, i64), String> {
        let focus = || self.session.focus().map(<[u8]>::to_vec);
        let screen = self.screen();
        let own = screen.and_then(|screen| screen.emit(Want::Revision, &self.session));
        match own {
            Some(Ok(Target::Revision { main, key })) => Ok((key, main)),
            Some(Err(why)) => Err(why),
            _ => match self.session.derive(Want::Revision) {
                Ok(Target::Revision { main, .. }) => Ok((focus(), main)),
                _ => Ok((None, self.session.ruler.revision())),
            },
        }
    }

    /// Notes a text about what is under the cursor.
    pub(super) fn note(&mut self, text: &str) -> Result<(), String> {
        if text.is_empty() {
            return Err("note TEXT: notes something about what is shown".to_owned());
        }
        if self.is_without_row() {
            return Err(self.why_no_row());
        }
        // A place without a version can be noted too.
        let ruler = self.session.ruler.revision();
        let (key, revision) = self.under_cursor().unwrap_or((None, ruler));
        let key = key.or_else(|| self.session.focus().map(<[u8]>::to_vec));
        self.note_of(NoteKind::Note, key, revision, text.to_owned());
        self.say_kept("noted".to_owned());
        Ok(())
    }

    fn note_of(&mut self, kind: NoteKind, key: Option<Vec<u8>>, revision: i64, text: String) {
        let crumbs = self.crumbs().join(" › ");
        let note = Note {
            kind,
            written: Timestamp::now(),
            key,
            revision,
            place: format!("{} › {crumbs}", self.screen_id().title()),
            text,
        };
        self.session.add_note(note);
    }

    /// Says that something was noted, and whether that outlives the browser.
    fn say_kept(&mut self, what: String) {
        let notes = self.session.slot().map(|slot| &slot.notes);
        let kept = notes.map(|notes| (notes.file().is_some(), notes.lost.clone()));
        let (role, text) = match kept {
            Some((_, Some(why))) => (Role::Warning, format!("{what}, but not kept: {why}")),
            Some((true, None)) => (Role::Good, format!("{what}; :notes lists all")),
            _ => (
                Role::Good,
                format!("{what}; kept until the browser is left"),
            ),
        };
        self.session.say(role, text);
    }

    /// Shows what was noted and marked.
    pub(super) fn show_notes(&mut self) {
        let Some(slot) = self.session.slot() else {
            return;
        };
        let charset = self.session.charset();
        let at = |revision: i64| number::thousands(revision.into());
        let mut lines: Vec<Line> = Vec::new();
        for mark in slot.notes.marks() {
            let key = escape::bytes(mark.key.as_deref().unwrap_or_default(), charset);
            lines.push(
                Line::piece(Role::Warning, "M ")
                    .with(Role::Name, key)
                    .text(format!(" at {}", at(mark.revision))),
            );
        }
        for note in slot.notes.notes() {
            let place = format!("  {} at {}", note.place, at(note.revision));
            lines.push(Line::from(note.text.clone()).with(Role::Dim, place));
        }
        if lines.is_empty() {
            lines.push(Line::piece(
                Role::Dim,
                "nothing yet: a notes, M marks the version under the cursor",
            ));
        }
        if let Some(file) = slot.notes.file() {
            lines.push(Line::new());
            lines.push(Line::piece(
                Role::Dim,
                format!("kept in {}", file.display()),
            ));
        }
        self.session.popup("notes and marks", lines);
    }

    /// What is printed after the end: of the notes that were kept.
    pub(crate) fn farewell(&self) -> Vec<String> {
        let told = |slot: &crate::session::Slot| {
            let (notes, marks) = (slot.notes.notes().count(), slot.notes.marks().len());
            let file = slot.notes.file()?;
            let file = file.display();
            (notes + marks > 0).then(|| format!("notes: {notes}, marks: {marks}, kept in {file}"))
        };
        self.session.slots.iter().filter_map(told).collect()
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
