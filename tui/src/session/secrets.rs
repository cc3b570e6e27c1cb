//! Which secrets may be seen: none, but those of one key for ten seconds.

use std::time::Duration;

use etcd_inspect::kubernetes::mask::Mask;
use etcd_inspect::text::escape::{self, Charset};

use super::{Session, Wish};
use crate::event::{Effect, Wake};
use crate::notes::{Note, NoteKind};
use crate::theme::Role;

/// How long a secret stays revealed.
pub(crate) const REVEAL: Duration = Duration::from_secs(10);

impl Session {
    /// The mask over values of a key; none while they are revealed.
    pub fn mask(&self, key: &[u8]) -> Option<&Mask> {
        (self.revealed.as_deref() != Some(key)).then_some(&self.options.mask)
    }

    /// Whether a key's secret is shown.
    pub fn is_revealed(&self, key: &[u8]) -> bool {
        self.revealed.as_deref() == Some(key)
    }

    /// Shows the secrets of one key for ten seconds, if what is shown of it hides any: what was not shown is not noted.
    pub(crate) fn reveal_hidden(&mut self, key: &[u8], is_hidden: bool) {
        match (self.is_revealed(key), is_hidden) {
            (true, _) => self.say(Role::Dim, "its secret is shown already"),
            (false, true) => self.reveal(key),
            (false, false) => self.say(
                Role::Dim,
                "no value of it is hidden here: there is no secret to show",
            ),
        }
    }

    /// Shows the secrets of one key for ten seconds.
    fn reveal(&mut self, key: &[u8]) {
        self.reveals += 1;
        self.revealed = Some(key.to_vec());
        self.effects
            .push(Effect::Wake(Wake::Hide(self.reveals), REVEAL));
        self.add_note(Note {
            kind: NoteKind::Note,
            written: jiff::Timestamp::now(),
            key: Some(key.to_vec()),
            revision: self.ruler.revision(),
            place: escape::bytes(key, Charset::default()).into_owned(),
            text: "its secret was shown".to_owned(),
        });
        self.say(Role::Warning, "secret shown for 10 seconds; noted");
        self.wishes.push(Wish::Refresh);
    }

    pub(crate) fn hide(&mut self, number: u64) {
        if number == self.reveals && self.revealed.take().is_some() {
            self.say(Role::Dim, "secret hidden again");
            self.wishes.push(Wish::Refresh);
        }
    }
}
