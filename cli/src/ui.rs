//! Where a command's answer goes.

use std::io::{self, BufWriter, Stdout, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use etcd_inspect::answers::{Answer, Damage, Style};
use etcd_inspect::bolt::MetaChoice;
use etcd_inspect::codes::dir;
use etcd_inspect::evidence::{Evidence, Io, Kind};
use etcd_inspect::member::{Member, Options, content_in, mask_ranges};
use etcd_inspect::{Bytes, Finding};
use serde_json::Value;

use crate::failure::{Failure, fill};
use crate::global::{self, Global};
use crate::output::terminal::Terminal;
use crate::output::{Column, Format, Label, Line, Rows, escape, hex, json, time};
use crate::progress::Meter;
use crate::signals::Interrupt;
use crate::target;

/// The two streams, the flags of every verb, and the evidence that is asked about.
pub(crate) struct Ui {
    /// Flags of every verb.
    pub(crate) global: Global,
    /// Standard output's abilities.
    pub(crate) terminal: Terminal,
    err_terminal: Terminal,
    out: BufWriter<Stdout>,
    meter: Arc<Meter>,
    interrupt: Interrupt,
    path: Option<PathBuf>,
    /// Everything that was opened, for what reading it met.
    opened: Vec<Evidence>,
    /// What could not be read of the answer, beside the files.
    damage: Damage,
    /// Whether damage is what the verb answers: it is then no part that is missing.
    pub(crate) judges: bool,
    /// Whether every secret shall be seen.
    pub(crate) reveal_all: bool,
}

impl Ui {
    /// For these flags.
    pub(crate) fn new(global: Global, interrupt: Interrupt) -> Self {
        let terminal = Terminal::stdout(global.color, global.ascii);
        let err_terminal = Terminal::stderr(global.color, global.ascii);
        let watched = err_terminal.is_tty && !global.quiet;
        Self {
            meter: Arc::new(Meter::new(global.progress, watched, interrupt.clone())),
            terminal,
            err_terminal,
            out: BufWriter::with_capacity(1 << 16, io::stdout()),
            interrupt,
            path: None,
            opened: Vec::new(),
            damage: Damage::default(),
            judges: false,
            reveal_all: false,
            global,
        }
    }

    /// The form of the answer.
    pub(crate) fn format(&self) -> Format {
        self.global.output.clone().unwrap_or_default()
    }

    /// Standard output; a progress bar is taken away first.
    pub(crate) fn out(&mut self) -> &mut dyn Write {
        self.meter.clear();
        &mut self.out
    }

    /// Ends the answer.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.meter.clear();
        self.out.flush()
    }

    /// Who listens to the library.
    pub(crate) fn progress(&self) -> Arc<Meter> {
        Arc::clone(&self.meter)
    }

    /// Leaves Ctrl-C to a verb that has keys of its own.
    pub(crate) fn let_go_of_signals(&self) {
        self.interrupt.let_go();
    }

    /// Whether Ctrl-C was pressed: the answer is then partial.
    pub(crate) fn interrupted(&self) -> bool {
        self.interrupt.is_set()
    }

    /// The directory or file in question: the positional PATH, else `--data-dir`, `$ETCD_DATA_DIR`, the current directory.
    pub(crate) fn target(&mut self, positional: Option<&Path>) -> Result<PathBuf, Failure> {
        let path = target::resolve(positional, self.global.data_dir.as_deref())?;
        self.path = Some(path.clone());
        Ok(path)
    }

    /// Opens the evidence in question, with `--io`, `--max-unpacked` and `--meta`; nothing but names is read yet.
    pub(crate) fn member(&mut self, positional: Option<&Path>) -> anyhow::Result<Member> {
        let path = self.target(positional)?;
        let options = self.member_options();
        let evidence = Evidence::open_with(&path, &options.evidence, &*self.meter)?;
        self.warn_of(&evidence)?;
        self.opened.push(evidence.clone());
        Ok(Member::from_evidence(evidence, options))
    }

    /// As [`Ui::member`]; a file in which nothing is recognised is opened all the same. Returns whether that is so.
    pub(crate) fn member_or_piece(
        &mut self,
        positional: Option<&Path>,
    ) -> anyhow::Result<(Member, bool)> {
        let path = self.target(positional)?;
        let options = self.member_options();
        let opened = Evidence::open_with(&path, &options.evidence, &*self.meter);
        if let Err(etcd_inspect::Error::NotEvidence { .. }) = opened
            && path.is_file()
        {
            let evidence = Evidence::open_piece(&path, Kind::Db, &options.evidence)?;
            self.opened.push(evidence.clone());
            return Ok((Member::from_evidence(evidence, options), true));
        }
        let evidence = opened?;
        self.warn_of(&evidence)?;
        self.opened.push(evidence.clone());
        Ok((Member::from_evidence(evidence, options), false))
    }

    /// How the flags want members to be opened.
    pub(crate) fn member_options(&self) -> Options {
        let mut options = Options {
            meta: match self.global.meta {
                None => MetaChoice::Newest,
                Some(global::Meta::Zero) => MetaChoice::Slot(0),
                Some(global::Meta::One) => MetaChoice::Slot(1),
                Some(global::Meta::Older) => MetaChoice::Older,
            },
            ..Options::default()
        };
        options.evidence.io = match self.global.io {
            global::Io::Map => Io::Map,
            global::Io::Read => Io::Read,
        };
        if let Some(depth) = self.global.value_depth {
            options.evidence.limits.value_depth = depth;
        }
        if let Some(bytes) = self.global.max_unpacked {
            options.evidence.limits.unpacked_bytes = bytes;
        }
        options
    }

    /// The value of an answer; what could not be read of it marks everything that is printed from now on.
    pub(crate) fn take<T>(&mut self, answer: Answer<T>) -> T {
        answer.collect(&mut self.damage)
    }

    /// Registers what could not be read.
    pub(crate) fn partial(&mut self, damage: Damage) {
        self.damage.extend(damage);
    }

    /// What could not be read until now, of files and of the answer.
    pub(crate) fn damage(&self) -> Damage {
        let mut damage = self.damage.clone();
        for evidence in &self.opened {
            damage.extend(match self.judges {
                // Such verbs report damaged files themselves; ranges that the disk refuses are never judged.
                true => {
                    let mut findings = Vec::new();
                    evidence.report_unreadable(&mut |finding| findings.push(finding));
                    Damage::new(findings, 0)
                }
                false => evidence.damage(),
            });
        }
        damage.cancelled |= self.interrupted();
        damage
    }

    /// Says at the end of a table that it is not the whole answer.
    pub(crate) fn mark_partial(&mut self, damage: &Damage) -> io::Result<()> {
        let line = Line::new().with(Label::Warning, "partial: ");
        self.line(line.text(damage.summary()))
    }

    /// Warns of what could not be read, with the first findings; whether there was any.
    pub(crate) fn report_damage(&mut self) -> io::Result<bool> {
        let damage = self.damage();
        if damage.is_empty() {
            return Ok(false);
        }
        self.warn(format!("the answer is partial: {}", damage.summary()))?;
        for finding in damage.findings.iter().take(5) {
            self.warn(format!(
                "{} {}: {}",
                finding.code.id, finding.place, finding.message
            ))?;
        }
        if !damage.findings.is_empty() {
            self.warn(self.filled("what is damaged, and what to do: etcd-inspect check {path}"))?;
        }
        Ok(true)
    }

    /// Warns, one line each, of what makes every answer about this evidence doubtful: a server that holds it; for a verb that
    /// judges also what of it could not be read.
    fn warn_of(&mut self, evidence: &Evidence) -> io::Result<()> {
        let mut doubts = Vec::new();
        evidence.report(&mut |finding| {
            if finding.code.id == dir::LOCK_HELD.id {
                doubts.push(format!("{}: {}", finding.place, finding.message));
            }
        });
        if self.judges {
            for finding in evidence.damage().findings {
                doubts.push(format!("{}: {}", finding.place, finding.message));
            }
        }
        let more = doubts.len().saturating_sub(3);
        for doubt in doubts.into_iter().take(3) {
            self.warn(doubt)?;
        }
        if more > 0 {
            let text = format!("{more} more like this: etcd-inspect check {{path}}");
            self.warn(self.filled(&text))?;
        }
        Ok(())
    }

    /// How values are shown to people.
    pub(crate) fn style(&self) -> Style {
        Style {
            charset: self.terminal.charset,
            zone: time::zone(self.global.local),
        }
    }

    /// Stored bytes as they are; on a terminal escaped, newlines and tabs excepted.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.terminal.is_tty {
            let text = escape::lines(bytes, self.terminal.charset);
            return self.out().write_all(text.as_bytes());
        }
        self.out().write_all(bytes)
    }

    /// One line of the answer.
    pub(crate) fn line(&mut self, line: impl Into<Line>) -> io::Result<()> {
        let terminal = self.terminal;
        line.into().write(self.out(), terminal)
    }

    /// Something to know about the answer, on stderr.
    pub(crate) fn note(&mut self, text: impl Into<String>) -> io::Result<()> {
        if self.global.quiet {
            return Ok(());
        }
        self.err_line(&Line::new().with(Label::Note, "note: ").text(text))
    }

    /// Something that may make the answer wrong, on stderr, also with `--quiet`.
    pub(crate) fn warn(&mut self, text: impl Into<String>) -> io::Result<()> {
        self.err_line(&Line::new().with(Label::Warning, "warning: ").text(text))
    }

    /// What to ask next; only where a person reads both streams.
    pub(crate) fn hint(&mut self, command: &str, why: &str) -> io::Result<()> {
        if self.global.quiet || !self.terminal.is_tty || !self.format().is_table() {
            return Ok(());
        }
        let command = fill(command, self.path.as_deref());
        let mut line = Line::new()
            .with(Label::Dim, "next: ")
            .with(Label::Command, command);
        if !why.is_empty() {
            line = line.text("     ").with(Label::Dim, why);
        }
        self.line(line)
    }

    /// A named paragraph, its lines broken at words.
    pub(crate) fn paragraph(&mut self, name: &str, text: &str) -> io::Result<()> {
        let terminal = self.terminal;
        let width = terminal
            .size
            .map_or(100, |(width, _)| width.min(100))
            .saturating_sub(9);
        let mut line = String::new();
        let mut name = name;
        for word in text.split_whitespace() {
            if !line.is_empty() && escape::width(&line) + 1 + escape::width(word) > width {
                field(
                    self.out(),
                    terminal,
                    std::mem::take(&mut name),
                    &std::mem::take(&mut line),
                )?;
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        field(self.out(), terminal, name, &line)
    }

    /// A command with the user's own path in it.
    pub(crate) fn filled(&self, command: &str) -> String {
        fill(command, self.path.as_deref())
    }

    /// Rows in the asked format.
    pub(crate) fn rows(&mut self, verb: &str, columns: &[Column]) -> Result<Rows<'_>, Failure> {
        Rows::begin(self, verb, columns)
    }

    /// YAML; on a terminal without the characters that hide or reorder text.
    pub(crate) fn yaml(&mut self, value: &Value) -> io::Result<()> {
        if !self.terminal.is_tty {
            return etcd_inspect::export::yaml::write(self.out(), value);
        }
        let mut text = Vec::new();
        etcd_inspect::export::yaml::write(&mut text, value)?;
        let text = escape::lines(&text, self.terminal.charset);
        self.out().write_all(text.as_bytes())
    }

    /// A finding, as people read it.
    pub(crate) fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        let terminal = self.terminal;
        let evidence = self.path.clone();
        let out = self.out();
        let label = Label::from(finding.severity);
        let mut title = Line::new()
            .with(label, format!("{}[{}]", finding.severity, finding.code.id))
            .text(format!(": {}", finding.message));
        if finding.count > 1 {
            title = title.with(Label::Dim, format!("  ({} times)", finding.count));
        }
        title.write(out, terminal)?;
        Line::from(format!("  --> {}", finding.place)).write(out, terminal)?;
        if !finding.page_stack.is_empty() {
            let stack: Vec<_> = finding.page_stack.iter().map(u64::to_string).collect();
            field(
                out,
                terminal,
                "pages",
                &format!("{} (root to here)", stack.join(" → ")),
            )?;
        }
        if let Some(seen) = &finding.seen {
            field(out, terminal, "seen", seen)?;
        }
        if let Some(expected) = &finding.expected {
            field(out, terminal, "wanted", expected)?;
        }
        for (at, key) in finding.keys.iter().take(3).enumerate() {
            let key = escape::bytes(key, terminal.charset);
            field(out, terminal, if at == 0 { "key" } else { "" }, &key)?;
        }
        if finding.keys.len() > 3 {
            field(
                out,
                terminal,
                "",
                &format!("… {} keys more (-o json has all)", finding.keys.len() - 3),
            )?;
        }
        let own = [finding.code.next.to_owned()];
        let next = if finding.next.is_empty() {
            &own[..]
        } else {
            &finding.next
        };
        for (at, command) in next.iter().enumerate() {
            let command = fill(command, evidence.as_deref());
            field(out, terminal, if at == 0 { "try" } else { "" }, &command)?;
        }
        Ok(())
    }

    /// What was met on the way to an answer, on stderr: the first few, and who tells the rest.
    pub(crate) fn warn_of_findings(&mut self, findings: &[Finding]) -> io::Result<()> {
        for finding in findings.iter().take(5) {
            let code = finding.code;
            self.warn(format!(
                "{} {}: {} ({})",
                code.id, code.title, finding.message, finding.place
            ))?;
        }
        if let Some(more) = findings.len().checked_sub(5).filter(|more| *more > 0) {
            let command = self.filled("etcd-inspect check {path}");
            self.warn(format!("{more} findings more: {command}"))?;
        }
        Ok(())
    }

    /// Why there is no answer: JSON on stderr where JSON was asked for.
    pub(crate) fn failure(&mut self, failure: &Failure) -> io::Result<()> {
        self.flush()?;
        let terminal = self.err_terminal;
        let mut err = io::stderr().lock();
        if self.format().is_json() {
            json::compact(&mut err, &failure.json(self.path.as_deref()))?;
            return err.write_all(b"\n");
        }
        Line::new()
            .with(Label::Error, format!("error[{}]", failure.code))
            .text(format!(": {}", failure.message))
            .write(&mut err, terminal)?;
        if let Some(place) = &failure.place {
            Line::from(format!("  --> {place}")).write(&mut err, terminal)?;
            if let Some(offset) = place.offset {
                let mut files = self.opened.iter().flat_map(Evidence::files);
                let file = files.find(|file| *file.name() == place.file);
                if let Some(Ok(bytes)) = file.map(etcd_inspect::evidence::File::bytes) {
                    show_bytes(&mut err, terminal, &bytes, offset, self.reveal_all)?;
                }
            }
        }
        if let Some(means) = &failure.means {
            field(&mut err, terminal, "means", means)?;
        }
        for (at, command) in failure.next.iter().enumerate() {
            let command = fill(command, self.path.as_deref());
            field(
                &mut err,
                terminal,
                if at == 0 { "try" } else { "" },
                &command,
            )?;
        }
        Ok(())
    }

    fn err_line(&mut self, line: &Line) -> io::Result<()> {
        self.flush()?;
        line.write(&mut io::stderr().lock(), self.err_terminal)
    }
}

fn field(out: &mut dyn Write, terminal: Terminal, name: &str, text: &str) -> io::Result<()> {
    Line::new()
        .with(Label::Dim, format!("  {name:<7}"))
        .text(text)
        .write(out, terminal)
}

/// The bytes around `offset`: those of structure, and with `--reveal=all` the stored ones too.
fn show_bytes(
    out: &mut dyn Write,
    terminal: Terminal,
    file: &Bytes<'_>,
    offset: u64,
    reveal: bool,
) -> io::Result<()> {
    let at = usize::try_from(offset).unwrap_or(usize::MAX);
    let from = (at & !15).saturating_sub(16).min(file.len());
    let to = from.saturating_add(32).min(file.len());
    let content = if reveal {
        Vec::new()
    } else {
        content_in(file, from..to, at)
    };
    let (bytes, hidden) = mask_ranges(file.as_slice().get(from..to).unwrap_or_default(), &content);
    hex::dump(out, terminal, "   ", from as u64, &bytes)?;
    let said = if at >= to { "end of file" } else { "here" };
    let note = if hidden > 0 {
        " (stored bytes are shown as *)"
    } else {
        ""
    };
    hex::caret(
        out,
        terminal,
        "   ",
        at.min(to) as u64,
        &format!("{said}{note}"),
    )
}
