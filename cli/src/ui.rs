//! Where a command's answer goes.

use std::cell::Cell;
use std::io::{self, BufWriter, Stdout, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use etcd_inspect::answers::wal::log_loss;
use etcd_inspect::answers::{Answer, Damage};
use etcd_inspect::evidence::{Evidence, Kind};
use etcd_inspect::member::{Member, Options};
use etcd_inspect::{Advice, Command, EvidenceOperand, ReadBy, ReadingFlag};

use crate::failure::Failure;
use crate::global::Global;
use crate::output::terminal::Terminal;
use crate::output::{Label, Line, messages, number};
use crate::progress::Meter;
use crate::signals::Interrupt;
use crate::target;

/// The two streams, the flags of every verb, and the evidence that is asked about.
pub(crate) struct Ui {
    /// Flags of every verb.
    pub(crate) global: Global,
    /// Standard output's abilities.
    pub(crate) terminal: Terminal,
    /// Standard error's.
    pub(crate) err_terminal: Terminal,
    out: BufWriter<Stdout>,
    meter: Arc<Meter>,
    /// Ctrl-C.
    pub(crate) interrupt: Interrupt,
    /// The path of the evidence, as the user gave it; for what is read once, the file that commands name.
    pub(crate) path: Option<PathBuf>,
    /// Everything that was opened, for what reading it met.
    pub(crate) opened: Vec<Evidence>,
    /// What could not be read of the answer, beside the files.
    damage: Damage,
    /// What was last reported of damage: it is not repeated at the end if nothing more was met.
    pub(crate) damage_reported: Option<String>,
    /// Flags of the command line that commands about the same evidence need too.
    pub(crate) opened_with: Vec<ReadingFlag>,
    /// Whether a command that names the evidence was shown.
    names_evidence: Cell<bool>,
    /// Whether every secret shall be seen.
    pub(crate) reveal_all: bool,
    /// Whether the answer is made of records, and does not judge the SHA-256 of a backup itself.
    pub(crate) is_of_records: bool,
}

/// Backups up to this size, in bytes, have their SHA-256 compared before an answer: a third of a second on a slow core.
const SUMMED_BYTES: u64 = 256 << 20;

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
            damage_reported: None,
            opened_with: opened_with(&global),
            names_evidence: Cell::new(false),
            reveal_all: false,
            is_of_records: false,
            global,
        }
    }

    /// Standard output; a progress bar is taken away first.
    pub(crate) fn out(&mut self) -> &mut dyn Write {
        self.meter.clear();
        &mut self.out
    }

    /// Who listens to the library.
    pub(crate) fn progress(&self) -> Arc<Meter> {
        Arc::clone(&self.meter)
    }

    /// The directory or file in question: the positional PATH, else `--data-dir`, `$ETCD_DATA_DIR`, the current directory.
    pub(crate) fn target(&mut self, positional: Option<&Path>) -> Result<PathBuf, Failure> {
        let path = target::resolve(positional, self.global.data_dir.as_deref())?;
        self.path = Some(path.clone());
        Ok(path)
    }

    /// Opens the evidence in question, with `--io`, `--max-unpacked` and `--meta`; nothing but names is read yet.
    pub(crate) fn member(&mut self, positional: Option<&Path>) -> anyhow::Result<Member> {
        self.member_of(positional, 0, 1)
    }

    /// As [`Ui::member`], of the PATH at a position among so many.
    pub(crate) fn member_of(
        &mut self,
        positional: Option<&Path>,
        position: usize,
        count: usize,
    ) -> anyhow::Result<Member> {
        let path = self.target(positional)?;
        let options = self.options_of(position, count)?;
        let evidence = Evidence::open_with(&path, &options.evidence, &*self.meter)?;
        self.take_member(evidence)
    }

    /// How the PATH at a position among so many is opened: with its own `--wal-dir`.
    pub(crate) fn options_of(&self, position: usize, count: usize) -> Result<Options, Failure> {
        let wal_dirs = &self.global.wal_dir;
        if !wal_dirs.is_empty() && wal_dirs.len() != count {
            let message = format!(
                "--wal-dir is given {} times for {count} PATHs: give it once for each, in their order (the folder with the .wal files, also where that is member/wal)",
                wal_dirs.len()
            );
            let next = match wal_dirs.first().filter(|_| count == 1) {
                Some(only) => Command::inspect("status")
                    .evidence()
                    .arg("--wal-dir")
                    .path(only),
                None => Command::inspect("help").arg("compare"),
            };
            return Err(Failure::usage(message).next(next));
        }
        let mut options = self.global.member_options();
        options.evidence.wal_dir = wal_dirs.get(position).cloned();
        Ok(options)
    }

    /// Opens every path, the first of which may be left out. One archive with several members in it gives all of them.
    pub(crate) fn members(&mut self, paths: &[PathBuf]) -> anyhow::Result<Vec<Member>> {
        let resolved = match paths {
            [only] => vec![self.target(Some(only))?],
            several => several.to_vec(),
        };
        let [only] = resolved.as_slice() else {
            let count = paths.len().max(1);
            let mut members = Vec::new();
            // The first is the last that is opened: it is the one that messages are about.
            for (at, path) in paths.iter().enumerate().skip(1) {
                members.push(self.member_of(Some(path), at, count)?);
            }
            let first = paths.first().map(PathBuf::as_path);
            members.insert(0, self.member_of(first, 0, count)?);
            return Ok(members);
        };
        // In an archive of several members there may be one for each of them.
        let options = match self.global.wal_dir.len() {
            ..=1 => self.options_of(0, 1)?,
            _ => self.global.member_options(),
        };
        match Evidence::open_with(only, &options.evidence, &*self.meter) {
            Err(etcd_inspect::Error::NotEvidence { near, .. })
                if !only.is_dir() && near.len() > 1 =>
            {
                self.members(&near)
            }
            Ok(evidence) => Ok(vec![self.take_member(evidence)?]),
            Err(_) => Ok(vec![self.member(Some(only))?]),
        }
    }

    /// The member of evidence that was opened.
    fn take_member(&mut self, evidence: Evidence) -> anyhow::Result<Member> {
        self.take_path(&evidence);
        messages::doubts(&evidence, self)?;
        self.compare_sum(&evidence)?;
        self.opened.push(evidence.clone());
        let mut options = self.global.member_options();
        options.evidence.wal_dir = evidence.wal_dir().map(Path::to_owned);
        Ok(Member::from_evidence(evidence, options))
    }

    /// Commands that are shown name a file that is there later, not a descriptor of this process.
    fn take_path(&mut self, evidence: &Evidence) {
        let lasting = evidence.lasting_path();
        if lasting != evidence.path() || self.path.is_none() {
            self.path = Some(lasting.to_owned());
        }
    }

    /// Notes that a command that names the evidence is shown.
    pub(crate) fn shows_commands(&self) {
        self.names_evidence.set(true);
    }

    /// The file to which a pipe has to be saved before the commands that were shown can be run.
    pub(crate) fn to_be_saved(&self) -> Option<&Path> {
        let mut opened = self.opened.iter();
        opened
            .find_map(Evidence::to_be_saved)
            .filter(|_| self.names_evidence.get())
    }

    /// Begins to compare the SHA-256 of a backup, beside the answer; says so where that would take too long.
    fn compare_sum(&mut self, evidence: &Evidence) -> io::Result<()> {
        match evidence.backup_size_bytes().filter(|_| self.is_of_records) {
            Some(..=SUMMED_BYTES) => {
                let evidence = evidence.clone();
                std::thread::spawn(move || evidence.backup_damage());
                Ok(())
            }
            Some(size) => {
                let check = self.advice("etcd-inspect check {path}");
                self.note(format!(
                    "the SHA-256 of this backup is not compared ({}): {check}",
                    number::size(size)
                ))
            }
            None => Ok(()),
        }
    }

    /// As [`Ui::member`]; a file in which nothing is recognised is opened all the same. Returns whether that is so.
    pub(crate) fn member_or_piece(
        &mut self,
        positional: Option<&Path>,
    ) -> anyhow::Result<(Member, bool)> {
        let path = self.target(positional)?;
        let options = self.options_of(0, 1)?;
        let opened = Evidence::open_with(&path, &options.evidence, &*self.meter);
        if let Err(etcd_inspect::Error::NotEvidence { .. }) = opened
            && path.is_file()
        {
            let evidence = Evidence::open_piece(&path, Kind::Db, &options.evidence)?;
            self.take_path(&evidence);
            self.opened.push(evidence.clone());
            return Ok((Member::from_evidence(evidence, options), true));
        }
        let evidence = opened?;
        self.take_path(&evidence);
        messages::doubts(&evidence, self)?;
        self.opened.push(evidence.clone());
        Ok((Member::from_evidence(evidence, options), false))
    }

    /// The value of an answer; what could not be read of it marks everything that is printed from now on.
    pub(crate) fn take<T>(&mut self, answer: Answer<T>) -> T {
        answer.collect(&mut self.damage)
    }

    /// Registers what could not be read.
    pub(crate) fn partial(&mut self, damage: Damage) {
        self.damage.extend(damage);
    }

    /// The answer is made of the log too: what is lost of it marks everything that is printed from now on.
    pub(crate) fn needs_log(&mut self, member: &Member) {
        let loss = log_loss(member, &*self.progress());
        self.partial(loss);
    }

    /// What could not be read until now, of files and of the answer.
    pub(crate) fn damage(&self) -> Damage {
        // First what concerns every record: only the first findings are printed.
        let mut damage = Damage::default();
        for evidence in &self.opened {
            let size = evidence.backup_size_bytes().filter(|_| self.is_of_records);
            if size.is_some_and(|size| size <= SUMMED_BYTES) {
                damage.extend(evidence.backup_damage());
            }
        }
        damage.extend(self.damage.clone());
        for evidence in &self.opened {
            // Verbs that judge report damaged files themselves. What could not be read at all is judged by none of them.
            damage.extend(evidence.damage());
        }
        damage.cancelled |= self.interrupt.is_set();
        damage
    }

    /// One line of the answer.
    pub(crate) fn line(&mut self, line: impl Into<Line>) -> io::Result<()> {
        let terminal = self.terminal;
        line.into().write(self.out(), terminal)
    }

    /// The words before what the user types, on stderr: what is asked does not mix with what is answered.
    pub(crate) fn prompt(&mut self, text: &str) -> io::Result<()> {
        self.out().flush()?;
        let mut err = io::stderr().lock();
        write!(err, "{text}")?;
        err.flush()
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

    /// Advice with the user's own path in it.
    pub(crate) fn advice(&self, advice: impl Into<Advice>) -> String {
        advice.into().on(self.operand())
    }

    /// The evidence as our own verbs are given it again.
    pub(crate) fn operand(&self) -> EvidenceOperand<'_> {
        self.shows_commands();
        let wal_dir = match self.global.wal_dir.as_slice() {
            [only] => Some(only.as_path()),
            _ => None,
        };
        // Before it was opened it is what was given.
        let path = self.path.as_deref().or(self.global.data_dir.as_deref());
        EvidenceOperand::from(path)
            .with_wal_dir(wal_dir)
            .with_flags(&self.opened_with)
    }

    /// The command line that was given, as another user who may read more: to be pasted.
    pub(crate) fn with_sudo(&self) -> Command {
        let words = std::env::args_os().skip(1);
        words.fold(Command::new("sudo").arg("etcd-inspect"), Command::arg)
    }

    /// Whether a flag is on the command line: not in the config file or the environment, whose flags are those of every verb.
    pub(crate) fn is_typed(&self, long: &str) -> bool {
        let words = std::env::args_os().skip(1);
        let mut words = words.take_while(|word| word != "--");
        words.any(|word| {
            let word = word.to_string_lossy();
            let of_long = word.strip_prefix(long);
            of_long.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
                || long == "--output" && word.starts_with("-o")
        })
    }

    /// The command line that was given: to be pasted.
    pub(crate) fn again(&self) -> Command {
        let words = std::env::args_os().skip(1);
        words.fold(Command::new("etcd-inspect"), Command::arg)
    }

    /// The command line that was given, with one more flag, `--name` or `--name=VALUE`: to be pasted. It takes the place of a flag
    /// of that name.
    pub(crate) fn with_flag(&self, flag: &str) -> Command {
        let name = flag.split('=').next().unwrap_or(flag);
        self.replaced(&[name], Some(flag))
    }

    /// The command line that was given, with a file or directory to write that does not exist, outside of the evidence.
    pub(crate) fn with_other_out(&self) -> Command {
        let name = match self.is_typed("--out-dir") {
            true => "--out-dir",
            false => "--out",
        };
        let words: Vec<_> = std::env::args().collect();
        let given = words.windows(2).find_map(|pair| match pair {
            [flag, value] if flag == name => Some(value.as_str()),
            [_, flag] => flag.strip_prefix(name)?.strip_prefix('='),
            _ => None,
        });
        let given = Path::new(given.unwrap_or("result"));
        let ending = given.extension().map_or(String::new(), |ending| {
            format!(".{}", ending.to_string_lossy())
        });
        let stem = given.file_stem().unwrap_or_default().to_string_lossy();
        let folder = std::env::temp_dir();
        let mut free = (1..1000).map(|number| match number {
            1 => folder.join(format!("{stem}{ending}")),
            number => folder.join(format!("{stem}-{number}{ending}")),
        });
        let free = free.find(|path| std::fs::symlink_metadata(path).is_err());
        let free = free.unwrap_or_else(|| folder.join("result"));
        self.with_flag(&format!("{name}={}", free.display()))
    }

    /// The command line that was given, without some flags that have no value: to be pasted.
    pub(crate) fn without_flags_alone(&self, names: &[&str]) -> Command {
        self.replaced_words(names, false, None)
    }

    /// The command line that was given, without some flags, each with its value if it has one: to be pasted.
    pub(crate) fn without_flags(&self, names: &[&str]) -> Command {
        self.replaced(names, None)
    }

    /// Which of some flags was given with a value like this.
    pub(crate) fn flag_of(
        &self,
        names: &[&'static str],
        is_it: impl Fn(&str) -> bool,
    ) -> Option<&'static str> {
        let words: Vec<_> = std::env::args_os().skip(1).collect();
        let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        let has_value = |name: &&'static str| {
            words.iter().enumerate().any(|(at, word)| {
                let rest = word.strip_prefix(*name);
                let own = rest.and_then(|rest| rest.strip_prefix('='));
                let next = rest.filter(|rest| rest.is_empty());
                let next = next.and_then(|_| words.get(at.saturating_add(1)));
                own.or(next.map(|next| &**next)).is_some_and(&is_it)
            })
        };
        names.iter().copied().find(has_value)
    }

    /// The command line that was given, with a flag in place of others, each with its value if it has one: to be pasted.
    pub(crate) fn replaced(&self, names: &[&str], flag: Option<&str>) -> Command {
        // A flag takes a value if the one that takes its place does.
        self.replaced_words(names, flag.is_none_or(|flag| flag.contains('=')), flag)
    }

    fn replaced_words(&self, names: &[&str], takes_value: bool, flag: Option<&str>) -> Command {
        let (options, operands): (Vec<_>, Vec<_>) = {
            let words: Vec<_> = std::env::args_os().skip(1).collect();
            let end = words.iter().position(|word| word == "--");
            let (before, after) = words.split_at(end.unwrap_or(words.len()));
            (before.to_vec(), after.to_vec())
        };
        let mut is_value = false;
        let options = options.into_iter().filter(|word| {
            let word = word.to_string_lossy();
            if std::mem::take(&mut is_value) {
                return false;
            }
            let is_old = names.iter().any(|name| {
                let rest = word.strip_prefix(name);
                // `-ojson` is one word.
                let is_short = !name.starts_with("--") && rest.is_some();
                is_short || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
            });
            is_value = takes_value && names.iter().any(|name| word == *name);
            !is_old
        });
        let command = options.fold(Command::new("etcd-inspect"), Command::arg);
        let command = flag.into_iter().fold(command, Command::arg);
        operands.into_iter().fold(command, Command::arg)
    }

    /// A line on stderr, after everything that was printed.
    fn err_line(&mut self, line: &Line) -> io::Result<()> {
        self.out().flush()?;
        line.write(&mut io::stderr().lock(), self.err_terminal)
    }
}

/// Files of keys, and the meta page that was chosen, as they are on the command line: the config file is read again by itself.
fn opened_with(global: &Global) -> Vec<ReadingFlag> {
    let meta = global.meta_word().map(|meta| ReadingFlag {
        name: "--meta",
        value: meta.into(),
        read_by: ReadBy::Every,
    });
    let words = std::env::args_os().skip(1);
    let words: Vec<_> = words.take_while(|word| word != "--").collect();
    let names = [
        ("--encryption-config", "--encryption-config"),
        ("--kms-keys", "--kms-keys"),
        ("--kms-key", "--kms-keys"),
    ];
    let value = |at: usize, written: &str| match words.get(at)? {
        word if word == written => words.get(at.saturating_add(1)).cloned(),
        word => {
            let joined = word.as_encoded_bytes().strip_prefix(written.as_bytes());
            let value = joined?.strip_prefix(b"=")?;
            Some(String::from_utf8_lossy(value).into_owned().into())
        }
    };
    let files = (0..words.len()).filter_map(|at| {
        let found = names
            .iter()
            .find_map(|(written, name)| Some((*name, value(at, written)?)));
        found.map(|(name, value)| ReadingFlag {
            name,
            value,
            read_by: ReadBy::Values,
        })
    });
    files.chain(meta).collect()
}
