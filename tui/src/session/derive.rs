//! What follows from the key that has the focus and the ruler: pivots and copies for screens that know nothing better.

use etcd_inspect::answers::WrittenVersion;
use etcd_inspect::dataset::RebuiltOrigin;
use etcd_inspect::text::escape::{self, Charset};
use etcd_inspect::{Advice, Command, RaftIndex};

use super::{Part, Session};
use crate::act::Copied;
use crate::object::{Neat, Object};
use crate::target::{Target, Want};

impl Session {
    /// The version that is shown of a key: the one at the ruler's revision; of a deleted key its last value before that.
    pub(crate) fn shown(&self, key: &[u8]) -> Option<WrittenVersion> {
        self.version(key).or_else(|| self.last_value(key))
    }

    /// The last value of a key at the ruler's revision or before, also of a key that was deleted since.
    pub(crate) fn last_value(&self, key: &[u8]) -> Option<WrittenVersion> {
        let records = self.rows()?.keyspace().records_of(key);
        let at = self.ruler.revision();
        let mut values = records.iter().filter(|record| !record.tombstone);
        let last = values.rfind(|record| record.revision.main <= at)?;
        Some(WrittenVersion::from(&last))
    }

    /// The object that has the focus, as messages name it: resource, namespace, name; else its key.
    pub(crate) fn focus_name(&self) -> Option<String> {
        let key = self.focus()?;
        let parsed = self.rows().and_then(|data| data.layout().parse(key));
        let name = parsed.map(|parsed| parsed.to_string());
        let name = name.unwrap_or_else(|| String::from_utf8_lossy(key).into_owned());
        Some(escape::text(&name, self.charset()).into_owned())
    }

    /// With the flag for the revision at which a key is shown.
    pub(crate) fn at_shown(&self, command: Command, key: &[u8]) -> Command {
        let last = || Some(self.last_value(key)?.revision.main);
        match self.version(key).is_none().then(last).flatten() {
            // A state before the first one that is retained whole cannot be asked for; the value is in that one too.
            Some(main) => command
                .arg("--rev")
                .arg(main.max(self.ruler.first).to_string()),
            None => self.at_ruler(command),
        }
    }

    /// The version that a pivot starts from.
    fn focused(&self) -> Result<WrittenVersion, String> {
        let key = self.focus().ok_or("no key is selected")?;
        self.shown(key).ok_or_else(|| {
            format!(
                "{} does not exist at revision {}",
                escape::bytes(key, Charset::default()),
                self.ruler.revision()
            )
        })
    }

    /// The key that has the focus, seen from another side.
    ///
    /// # Errors
    /// Why there is no such thing, in words for the user.
    pub fn derive(&self, want: Want) -> Result<Target, String> {
        let key = || self.focus().map(<[u8]>::to_vec).ok_or("no key is selected");
        Ok(match want {
            Want::Key => Target::Key(key()?),
            Want::Revision => Target::Revision {
                main: self.focused()?.revision.main,
                key: Some(key()?),
            },
            Want::Time => Target::Time(self.ruler.revision()),
            Want::Space => Target::Space(key()?),
            Want::Page => {
                let version = self.focused()?;
                if let Some(origin) = self.origin(&version) {
                    let (id, offset) = origin
                        .page
                        .ok_or_else(|| format!("this version is from {}", origin.text))?;
                    let offset = Some(offset);
                    return Ok(Target::Page { id, offset });
                }
                let offset = version
                    .offset
                    .ok_or("this version is not in the db file: it was replayed from the log")?;
                let db = self
                    .member()
                    .ok_or("no db")?
                    .db()
                    .map_err(|error| error.to_string())?;
                let id = offset.checked_div(db.page_size()).unwrap_or_default();
                Target::Page {
                    id,
                    offset: Some(offset),
                }
            }
            Want::Wal => {
                let version = self.focused()?;
                match self.origin(&version) {
                    Some(origin) => Target::Wal(
                        origin
                            .entry
                            .ok_or_else(|| format!("this version is from {}", origin.text))?,
                    ),
                    None => Target::Wal(self.entry_of(version.revision.main)?),
                }
            }
            Want::Finding => Target::Finding(self.finding()?),
        })
    }

    /// Where a version is from, if the keyspace is rebuilt without its db.
    pub(crate) fn origin(&self, version: &WrittenVersion) -> Option<RebuiltOrigin> {
        let rebuilt = self.rows()?.rebuilt()?;
        Some(rebuilt.origin(version.revision))
    }

    /// The raft index of the entry that made a revision, once the log has been read.
    ///
    /// # Errors
    /// Why it is not known, in words for the user.
    pub fn entry_of(&self, revision: i64) -> Result<RaftIndex, String> {
        let logged = match self.slot().and_then(|slot| slot.logged.as_ref()) {
            Some(Part::Ready(Some(logged))) => logged,
            Some(Part::Ready(None)) => return Err("there is no log in this directory".to_owned()),
            Some(Part::Failed(why)) => return Err(why.clone()),
            Some(Part::Waiting) | None => return Err("the log has not been read yet".to_owned()),
        };
        logged
            .index_of(revision)
            .ok_or_else(|| match logged.revisions() {
                Some((first, last)) => format!(
                    "the log has the entries of revisions {first} to {last}, not of {revision}"
                ),
                None => "no entry of the log is found in the db: their revisions are not known"
                    .to_owned(),
            })
    }

    /// The first finding that names the key or has the place of its version.
    fn finding(&self) -> Result<usize, String> {
        let key = self.focus().ok_or("no key is selected")?;
        let report = self
            .slot()
            .and_then(|slot| slot.report.as_ref())
            .ok_or("the check has not run yet")?;
        let offset = self.version(key).and_then(|version| version.offset);
        let touches = |finding: &etcd_inspect::Finding| {
            finding.keys.iter().any(|known| known == key)
                || offset.is_some_and(|offset| finding.place.offset == Some(offset))
        };
        let found = report.findings.iter().position(touches);
        found.ok_or_else(|| {
            format!(
                "none of {} findings touches this key",
                report.findings.len()
            )
        })
    }

    /// What can be copied of the key that has the focus, but for values.
    ///
    /// # Errors
    /// Why there is nothing to copy.
    pub fn derive_copy(&self, what: Copied) -> Result<String, String> {
        let key = || self.focus().ok_or("no key is selected");
        Ok(match what {
            Copied::Path => self.path(),
            Copied::Revision => self.ruler.revision().to_string(),
            Copied::Key => escape::bytes(key()?, Charset::default()).into_owned(),
            Copied::Command => {
                let get = self.at_shown(Command::inspect("get").key(key()?), key()?);
                self.command(get.arg("-d").evidence())
            }
            Copied::Place => {
                let offset = self
                    .focused()?
                    .offset
                    .ok_or("this version is not in the db file")?;
                let file = self
                    .member()
                    .and_then(|member| member.db_file().ok())
                    .ok_or("no db file")?;
                format!("{}@{offset:#x}", file.name())
            }
            Copied::Yaml | Copied::Json => {
                let data = self.data().ok_or("there is no index yet")?;
                let object = Object::read(self.focused()?, data, self);
                return object.text_as(what == Copied::Json, Neat::Least);
            }
            Copied::Neat => return self.neat_text(false),
        })
    }

    /// The text of a command of the same program, for the evidence and the side that are shown.
    pub fn command(&self, command: Command) -> String {
        Advice::from(self.with_side(command)).on(self.operand())
    }

    /// With the flag for the ruler's revision; without one at the newest.
    pub fn at_ruler(&self, command: Command) -> Command {
        match self.ruler.at() {
            Some(at) => command.arg("--rev").arg(at.to_string()),
            None => command,
        }
    }

    /// The text of a command of the key table: `{path}` is the evidence, `{key}` the key that has the focus, `{rev}` the ruler's
    /// revision. Each is a word of its own.
    pub fn twin(&self, template: &str) -> String {
        let mut words = template.split(' ');
        let command = Command::inspect(words.next().unwrap_or_default());
        let command = words.fold(command, |command, word| match (word, self.focus()) {
            ("{path}", _) => command.evidence(),
            ("{rev}", Some(key)) if template.contains("{key}") => self.at_shown(command, key),
            ("{rev}", _) => self.at_ruler(command),
            ("{key}", Some(key)) => command.key(key),
            ("{key}", None) => command.choice("KEY"),
            (word, _) => command.arg(word),
        });
        self.command(command)
    }
}
