//! What a beginning of a `:` line can become, with what is stored of it: candidates are there before anything is typed.

use std::collections::{BTreeSet, HashSet};

use etcd_inspect::kubernetes::resources::RESOURCES;
use etcd_inspect::text::{escape, number};

use super::App;
use super::command::COMMANDS;
use crate::keys;
use crate::overlay::Candidate;
use crate::session::{Counts, Data, ResourceCount};

/// Most words that are offered for an argument.
const MOST: usize = 100;

/// Keys whose names are looked at for them.
const LOOK: usize = 20_000;

/// What a line may also be, without a name before it.
const FORMS: [(&str, &str); 6] = [
    (
        "rev ",
        "N, -N, latest: go to that revision; the number alone does too",
    ),
    ("at ", "03:10, -5m, 2026-11-21T03:10:00Z: go to that time"),
    ("F-01", "go to that finding"),
    ("@", "N: go to that entry of the log"),
    ("page ", "N: go to that page of the db"),
    ("//", "TEXT: filter all keys"),
];

/// What may follow a resource.
const FLAGS: [(&str, &str); 4] = [
    ("-n ", "NAMESPACE"),
    ("-A", "of all namespaces"),
    ("-l ", "LABELS: app=web,tier in (a,b)"),
    ("--field-selector ", "FIELDS: status.phase=Running"),
];

impl App {
    /// Whole lines that begin with what was typed, each with what is known of it.
    pub(super) fn candidates(&self, text: &str) -> Vec<Candidate> {
        let found = match text.rfind(char::is_whitespace) {
            None => self.first_words(text),
            Some(space) => {
                let (head, word) = text.split_at(space + 1);
                let words = self.arguments(head, word).into_iter();
                words
                    .map(|found| Candidate::new(format!("{head}{}", found.line), found.note))
                    .collect()
            }
        };
        let mut seen = HashSet::new();
        let fresh = |found: &Candidate| seen.insert(found.line.clone());
        found.into_iter().filter(fresh).collect()
    }

    /// Resources of the data, then commands, screens, and the other resources.
    fn first_words(&self, text: &str) -> Vec<Candidate> {
        if let Some((noun, name)) = text.split_once('/').filter(|(noun, _)| !noun.is_empty()) {
            let names = self.names(noun).into_iter();
            return names
                .filter(|known| known.starts_with(name))
                .take(MOST)
                .map(|name| Candidate::new(format!("{noun}/{name}"), String::new()))
                .collect();
        }
        let named = |name: &str, note: &str| Candidate::new(name.to_owned(), note.to_owned());
        let forms = FORMS.iter().map(|(name, note)| named(name, note));
        let commands = COMMANDS
            .iter()
            .map(|command| named(command.name, command.help));
        let keys = keys::bindings(self.screen_id(), &self.session.tabs)
            .map(|binding| named(binding.command, binding.help));
        let screens = self
            .session
            .tabs
            .iter()
            .map(|screen| named(&screen.title().to_lowercase(), "screen"));
        let known = RESOURCES
            .iter()
            .map(|resource| named(resource.plural, "none stored"));
        let mut found = self.resources(text);
        // Before anything is typed: what is stored, and how else one may begin.
        let rest: Vec<Candidate> = match text.is_empty() {
            true => forms.chain(commands).chain(keys).chain(screens).collect(),
            false => {
                let all = commands
                    .chain(keys)
                    .chain(screens)
                    .chain(forms)
                    .chain(known);
                all.collect()
            }
        };
        let fits = |found: &Candidate| !found.line.is_empty() && found.line.starts_with(text);
        found.extend(rest.into_iter().filter(fits));
        found
    }

    /// Resources of which anything is stored and that may be called so, those with most bytes first.
    fn resources(&self, text: &str) -> Vec<Candidate> {
        let Some(Counts {
            resources: counts,
            namespaces,
        }) = self.session.data().and_then(|data| data.counts())
        else {
            return Vec::new();
        };
        let called = |count: &&ResourceCount| count.names.iter().any(|name| name.starts_with(text));
        let exact = |count: &&ResourceCount| count.names.iter().any(|name| name == text);
        let exactly = counts.iter().filter(exact);
        let others = counts.iter().filter(called).filter(|count| !exact(count));
        let mut found: Vec<Candidate> = exactly
            .chain(others)
            .map(|count| Candidate::new(count.noun().to_owned(), count.note()))
            .collect();
        if text.is_empty() || text.starts_with('-') {
            found.extend(namespaces.iter().map(|(namespace, keys)| {
                let keys = number::thousands((*keys).into());
                Candidate::new(
                    format!("-n {namespace}"),
                    format!("{keys:>7} keys in the namespace"),
                )
            }));
        }
        found
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
    fn arguments(&self, head: &str, word: &str) -> Vec<Candidate> {
        let plain = |line: String| Candidate::new(line, String::new());
        let mut words = head.split_whitespace();
        let first = words.next().unwrap_or_default();
        let before: Vec<&str> = words.collect();
        match first {
            "rev" => vec![plain("latest".to_owned())],
            "key" => {
                let cut = word.rfind('/').map_or(0, |slash| slash + 1);
                let (above, name) = word.split_at(cut);
                let data = self.session.rows();
                let below = data.map(|data| segments(data, above.as_bytes(), name));
                let below = below.unwrap_or_default().into_iter();
                return below
                    .map(|(name, note)| Candidate::new(format!("{above}{name}"), note))
                    .collect();
            }
            "finding" => {
                let report = self.session.slot().and_then(|slot| slot.report.as_ref());
                let findings = report.into_iter().flat_map(|report| &report.findings);
                (1..)
                    .zip(findings.take(MOST))
                    .map(|(at, finding)| {
                        Candidate::new(format!("F-{at:02}"), finding.code.title.to_owned())
                    })
                    .collect()
            }
            "-n" => {
                let counts = self.session.data().and_then(|data| data.counts());
                let namespaces = counts.into_iter().flat_map(|counts| &counts.namespaces);
                namespaces
                    .map(|(name, keys)| Candidate::new(name.clone(), format!("{keys} keys")))
                    .collect()
            }
            _ if COMMANDS.iter().any(|command| command.name == first) => Vec::new(),
            noun => self.after_noun(noun, &before, word),
        }
        .into_iter()
        .filter(|known| known.line.starts_with(word))
        .collect()
    }

    /// Namespaces, names and flags after a resource.
    fn after_noun(&self, noun: &str, before: &[&str], word: &str) -> Vec<Candidate> {
        let flags = || {
            let unused = FLAGS
                .iter()
                .filter(|(flag, _)| !before.contains(&flag.trim()));
            unused.map(|(flag, note)| Candidate::new((*flag).to_owned(), (*note).to_owned()))
        };
        let namespace = before
            .iter()
            .zip(before.iter().skip(1))
            .find(|(flag, _)| matches!(**flag, "-n" | "--namespace"))
            .map(|(_, namespace)| *namespace);
        let is_value = |word: &&str| !word.starts_with('-');
        let mut found = match (before.last().copied(), namespace) {
            (Some("-n" | "--namespace"), _) => return self.below_noun(noun, None, word),
            (Some("-l" | "--selector" | "--field-selector"), _) => return Vec::new(),
            (Some(last), Some(namespace)) if last == namespace => {
                self.below_noun(noun, Some(namespace), word)
            }
            (None, _) => {
                let mut found = self.below_noun(noun, None, word);
                let names = self.names(noun).into_iter();
                let names = names.filter(|name| !word.is_empty() && name.starts_with(word));
                found.extend(
                    names
                        .take(MOST)
                        .map(|name| Candidate::new(name, String::new())),
                );
                found
            }
            (Some(only), None) if before.len() == 1 && is_value(&only) => {
                self.below_noun(noun, Some(only), word)
            }
            _ => Vec::new(),
        };
        found.extend(flags());
        found
    }

    /// Namespaces, or names, of a resource.
    fn below_noun(&self, noun: &str, namespace: Option<&str>, word: &str) -> Vec<Candidate> {
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
            .map(|(name, note)| Candidate::new(name.trim_end_matches('/').to_owned(), note))
            .collect()
    }
}

/// What the keys below a prefix that go on with `word` have up to their next slash, the slash included; each once, with how many
/// keys that are. Those with bytes that cannot be typed are left out.
fn segments(data: &Data, above: &[u8], word: &str) -> Vec<(String, String)> {
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
        let next = next.max(at + 1);
        let count = next - at;
        at = next;
        if let Ok(text) = std::str::from_utf8(segment)
            && !text
                .chars()
                .any(|c| c.is_whitespace() || escape::is_hostile(c))
        {
            let note = match (slash, count) {
                (None, _) => String::new(),
                (Some(_), 1) => "1 key".to_owned(),
                (Some(_), count) => format!("{} keys", number::thousands(count as i128)),
            };
            found.push((text.to_owned(), note));
        }
    }
    found
}
