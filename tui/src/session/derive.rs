//! What follows from the key that has the focus and the ruler: pivots and copies for screens that know nothing better.

use etcd_inspect::answers::WrittenVersion;
use etcd_inspect::text::escape::{self, Charset};
use etcd_inspect::text::shell;

use super::{Part, Session};
use crate::act::Copied;
use crate::object::{Neat, Object};
use crate::target::{Target, Want};

impl Session {
    /// The version that a pivot starts from.
    fn focused(&self) -> Result<WrittenVersion, String> {
        let key = self.focus().ok_or("no key is selected")?;
        self.version(key).ok_or_else(|| {
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
            Want::Wal => Target::Wal(self.entry_of(self.focused()?.revision.main)?),
            Want::Finding => Target::Finding(self.finding()?),
        })
    }

    /// The raft index of the entry that made a revision, once the log has been read.
    ///
    /// # Errors
    /// Why it is not known, in words for the user.
    pub fn entry_of(&self, revision: i64) -> Result<u64, String> {
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
            Copied::Command => self.command(&format!("get {} {{rev}}-d {{path}}", word(key()?))),
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
        })
    }

    /// A command line of the same program: `{path}` is the evidence, `{rev}` the flag for the ruler's revision and a space,
    /// or nothing at the newest one.
    pub fn command(&self, template: &str) -> String {
        let rev = self
            .ruler
            .at()
            .map(|at| format!("--rev {at} "))
            .unwrap_or_default();
        format!(
            "etcd-inspect {}",
            self.with_side(template)
                .replace("{rev}", &rev)
                .replace("{path}", &self.path())
        )
    }
}

/// A key as one word of a command line.
pub(crate) fn word(key: &[u8]) -> String {
    shell::word(&escape::bytes(key, Charset::default()))
}
