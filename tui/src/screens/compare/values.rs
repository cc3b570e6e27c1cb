//! A key that differs: what each member holds, and the difference of the values.

use etcd_inspect::answers::WrittenVersion;
use etcd_inspect::text::number;
use etcd_inspect::verdict::Comparison;

use super::Compare;
use crate::object::{Neat, Object};
use crate::paint::Line;
use crate::screens::history::diff::diff;
use crate::session::Session;
use crate::theme::Role;

/// What one member holds of the key.
struct Held {
    at: usize,
    text: String,
    /// The stored message; nothing if it does not have the key.
    message: Vec<u8>,
}

impl Compare {
    /// What each member holds of a key.
    fn held(&self, key: &[u8], revision: Option<i64>, session: &Session) -> Vec<Held> {
        self.members
            .iter()
            .enumerate()
            .filter_map(|(at, slot)| {
                let data = session.slots.get(*slot)?.data.ready()?;
                let keyspace = data.keyspace();
                let version = keyspace.get(key, revision).ok()?;
                Some(match version {
                    None => Held {
                        at,
                        text: String::new(),
                        message: Vec::new(),
                    },
                    Some(version) => {
                        let message = version.message.to_vec();
                        let version = WrittenVersion::from(&version);
                        let lines = Object::read(version, data, session).lines(Neat::Full, session);
                        let text: Vec<String> = lines.into_iter().map(|line| line.text).collect();
                        Held {
                            at,
                            text: text.join("\n"),
                            message,
                        }
                    }
                })
            })
            .collect()
    }

    /// Shows the secrets of the key under the cursor; `false`: no key is there.
    pub(super) fn reveal(&self, session: &mut Session) -> bool {
        let Some(key) = self.key() else { return false };
        let is_hidden = self.is_masked(&key, session);
        session.reveal_hidden(&key, is_hidden);
        true
    }

    /// Whether a mask hides something of what the members hold of a key.
    fn is_masked(&self, key: &[u8], session: &Session) -> bool {
        let at = self.compared.as_ref();
        let at = at.and_then(|compared| compared.common_revision);
        self.members.iter().any(|slot| {
            let slot = session.slots.get(*slot);
            let data = slot.and_then(|slot| slot.data.ready());
            data.is_some_and(|data| {
                let version = data.keyspace().get(key, at).ok().flatten();
                let version = version.map(|version| WrittenVersion::from(&version));
                version
                    .is_some_and(|version| Object::read(version, data, session).is_masked(session))
            })
        })
    }

    /// The values of a differing key in the first two members that hold different ones.
    pub(super) fn key_lines(
        &self,
        compared: &Comparison,
        at: usize,
        session: &Session,
    ) -> Vec<Line> {
        let Some(key) = compared.differing_keys.get(at) else {
            return Vec::new();
        };
        let held = self.held(&key.key, compared.common_revision, session);
        let mut lines: Vec<Line> = Vec::new();
        for (at, mod_revision) in key.mod_revisions.iter().enumerate() {
            let text = match mod_revision {
                Some(main) => format!("mod_revision {}", number::thousands((*main).into())),
                None => "does not have it".to_owned(),
            };
            lines.push(Line::piece(Role::Name, format!(" {:<14} ", self.name(at))).text(text));
        }
        let Some((first, other)) = held.first().and_then(|first| {
            let other = held.iter().find(|other| other.message != first.message)?;
            Some((first, other))
        }) else {
            return lines;
        };
        lines.push(Line::new());
        lines.push(
            Line::piece(Role::Removed, format!("- {}", self.name(first.at)))
                .with(Role::Added, format!("   + {}", self.name(other.at))),
        );
        let changes = diff(
            &format!("{}\n", first.text),
            &format!("{}\n", other.text),
            None,
        );
        if changes.lines.is_empty() {
            lines.push(Line::piece(
                Role::Dim,
                "the same to read; the stored bytes or revisions differ",
            ));
        }
        lines.extend(changes.lines);
        lines
    }
}
