//! What a beginning of a `:` line can become.

use std::collections::{BTreeSet, HashSet};

use etcd_inspect::kubernetes::resources::RESOURCES;
use etcd_inspect::text::escape;

use super::App;
use super::command::COMMANDS;
use crate::keys;
use crate::session::Data;

/// Most words that are offered for an argument.
const MOST: usize = 100;

/// Keys whose names are looked at for them.
const LOOK: usize = 20_000;

impl App {
    /// Whole lines that begin with what was typed.
    pub(super) fn completions(&self, text: &str) -> Vec<String> {
        let found = match text.rfind(char::is_whitespace) {
            None => self.first_words(text),
            Some(space) => {
                let (head, word) = text.split_at(space + 1);
                let words = self.arguments(head, word);
                words
                    .into_iter()
                    .map(|word| format!("{head}{word}"))
                    .collect()
            }
        };
        let mut seen = HashSet::new();
        let fresh = |line: &String| seen.insert(line.clone());
        found.into_iter().filter(fresh).collect()
    }

    /// Commands, screens and resources.
    fn first_words(&self, text: &str) -> Vec<String> {
        if let Some((noun, name)) = text.split_once('/').filter(|(noun, _)| !noun.is_empty()) {
            let names = self.names(noun);
            return names
                .into_iter()
                .filter(|known| known.starts_with(name))
                .take(MOST)
                .map(|name| format!("{noun}/{name}"))
                .collect();
        }
        let commands = COMMANDS.iter().map(|command| command.name.to_owned());
        let keys = keys::bindings(self.screen_id(), &self.session.tabs)
            .map(|binding| binding.command.to_owned());
        let screens = self
            .session
            .tabs
            .iter()
            .map(|screen| screen.title().to_lowercase());
        let resources = self.session.data().into_iter().flat_map(|data| {
            let builtin = RESOURCES.iter().map(|resource| resource.plural.to_owned());
            let custom = data
                .layout()
                .crds()
                .map(|crd| crd.plural.clone())
                .collect::<Vec<_>>();
            builtin.chain(custom)
        });
        let all = commands.chain(keys).chain(screens).chain(resources);
        all.filter(|word| !word.is_empty() && word.starts_with(text))
            .collect()
    }

    /// Names of the stored objects of a resource, in any namespace.
    fn names(&self, noun: &str) -> BTreeSet<String> {
        let Some(data) = self.session.rows() else {
            return BTreeSet::new();
        };
        let layout = data.layout();
        let Some(target) = layout.resolve(noun).into_iter().next() else {
            return BTreeSet::new();
        };
        let mut names = BTreeSet::new();
        for prefix in layout.prefixes() {
            let below = format!("{prefix}/{}/", target.path);
            let directory = data.directory();
            let part = directory.below(below.as_bytes()).take(LOOK);
            let keys = part.map(|at| directory.key(at));
            names.extend(keys.filter_map(|key| Some(layout.parse(key)?.name.to_owned())));
        }
        names
    }

    /// Words that may follow `head`, which ends with a space.
    fn arguments(&self, head: &str, word: &str) -> Vec<String> {
        let mut words = head.split_whitespace();
        let first = words.next().unwrap_or_default();
        let before: Vec<&str> = words.filter(|word| *word != "-n").collect();
        match first {
            "rev" => vec!["latest".to_owned()],
            "key" => {
                let cut = word.rfind('/').map_or(0, |slash| slash + 1);
                let (above, name) = word.split_at(cut);
                let data = self.session.rows();
                let below = data.map(|data| segments(data, above.as_bytes(), name));
                let below = below.unwrap_or_default().into_iter();
                return below.map(|name| format!("{above}{name}")).collect();
            }
            "finding" => {
                let report = self.session.slot().and_then(|slot| slot.report.as_ref());
                let count = report.map_or(0, |report| report.findings.len());
                (1..=count.min(MOST))
                    .map(|at| format!("F-{at:02}"))
                    .collect()
            }
            _ if COMMANDS.iter().any(|command| command.name == first) => Vec::new(),
            noun => match before.as_slice() {
                [] => self.below_noun(noun, None, word),
                [namespace] => self.below_noun(noun, Some(namespace), word),
                _ => Vec::new(),
            },
        }
        .into_iter()
        .filter(|known| known.starts_with(word))
        .collect()
    }

    /// Namespaces, or names, of a resource.
    fn below_noun(&self, noun: &str, namespace: Option<&str>, word: &str) -> Vec<String> {
        let Some(data) = self.session.rows() else {
            return Vec::new();
        };
        let layout = data.layout();
        let noun = noun.split('/').next().unwrap_or(noun);
        let Some(target) = layout.resolve(noun).into_iter().next() else {
            return Vec::new();
        };
        let namespace = namespace.map(|namespace| format!("{namespace}/"));
        let namespace = namespace.unwrap_or_default();
        let above = layout
            .prefixes()
            .map(|prefix| format!("{prefix}/{}/{namespace}", target.path));
        let found = above.flat_map(|above| segments(data, above.as_bytes(), word));
        found
            .map(|name| name.trim_end_matches('/').to_owned())
            .collect()
    }
}

/// What the keys below a prefix that go on with `word` have up to their next slash, the slash included; each once. Those with
/// bytes that cannot be typed are left out.
fn segments(data: &Data, above: &[u8], word: &str) -> Vec<String> {
    let directory = data.directory();
    let part = directory.below(&[above, word.as_bytes()].concat());
    let mut found = Vec::new();
    let mut at = part.start;
    while at < part.end && found.len() < MOST {
        let key = directory.key(at);
        let rest = key.get(above.len()..).unwrap_or_default();
        let slash = rest.iter().position(|byte| *byte == b'/');
        let segment = rest.get(..slash.map_or(rest.len(), |slash| slash + 1));
        let segment = segment.unwrap_or_default();
        let next = match slash {
            Some(_) => directory.below(&[above, segment].concat()).end,
            None => at + 1,
        };
        at = next.max(at + 1);
        if let Ok(text) = std::str::from_utf8(segment)
            && !text
                .chars()
                .any(|c| c.is_whitespace() || escape::is_hostile(c))
        {
            found.push(text.to_owned());
        }
    }
    found
}
