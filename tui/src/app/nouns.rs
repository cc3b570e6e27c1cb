//! Lines of `:` that name a resource, as after `get`: `po -n shop -l app=web`, `deploy web`, `pods -A`.

use std::collections::BTreeSet;

use etcd_inspect::answers::find::{Asked, Query, Scope};
use etcd_inspect::answers::nearest;
use etcd_inspect::kubernetes::nouns;
use etcd_inspect::kubernetes::selector::{FieldSelector, LabelSelector};
use etcd_inspect::text::number;

use super::App;
use super::words;
use crate::asked::AskedObjects;
use crate::session::Data;
use crate::target::Target;

/// What may follow a resource.
const GRAMMAR: &str = "-n NAMESPACE, -A, -l LABELS, --field-selector FIELDS, a namespace, a name";

/// Namespaces that a message lists.
const MOST_NAMED: usize = 5;

/// Keys whose names are looked at.
const LOOK: usize = 20_000;

/// What follows a noun, taken apart.
#[derive(Debug, Default)]
struct AfterNoun {
    namespace: Option<String>,
    everywhere: bool,
    labels: String,
    fields: String,
    /// What is no flag.
    words: Vec<String>,
}

impl AfterNoun {
    fn parse(text: &str) -> Result<Self, String> {
        let mut rest = Self::default();
        let mut all = words::split(text)?.into_iter();
        while let Some(word) = all.next() {
            let (flag, inner) = parted(&word);
            let mut value = || {
                let next = inner.map(str::to_owned).or_else(|| all.next());
                let next = next.filter(|value| !value.is_empty());
                next.ok_or_else(|| format!("{flag} wants a value: {GRAMMAR}"))
            };
            match flag {
                "-n" | "--namespace" | "ns:" => rest.namespace = Some(value()?),
                "-l" | "--selector" => rest.labels = value()?,
                "--field-selector" => rest.fields = value()?,
                "-A" | "--all-namespaces" if inner.is_none() => rest.everywhere = true,
                _ if word.starts_with('-') => {
                    return Err(format!(
                        "{word} is not understood; after a resource: {GRAMMAR}"
                    ));
                }
                _ => rest.words.push(word),
            }
        }
        match rest.words.get(2) {
            Some(third) => Err(format!(
                "{third:?} is not understood; after a resource: {GRAMMAR}"
            )),
            None => Ok(rest),
        }
    }
}

/// A flag and the value that is joined to it: `-nshop`, `--selector=app=web`, `ns:shop`.
fn parted(word: &str) -> (&str, Option<&str>) {
    if let Some(namespace) = word.strip_prefix("ns:") {
        return ("ns:", Some(namespace));
    }
    if word.starts_with("--") {
        return match word.split_once('=') {
            Some((flag, value)) => (flag, Some(value)),
            None => (word, None),
        };
    }
    match word.split_at_checked(2) {
        Some((flag @ ("-n" | "-l"), value)) if !value.is_empty() => {
            (flag, Some(value.strip_prefix('=').unwrap_or(value)))
        }
        _ => (word, None),
    }
}

impl App {
    /// Shows what a resource and the words after it mean.
    pub(super) fn noun(&mut self, noun: &str, rest: &str) -> Result<(), String> {
        let data = self.session.data().cloned();
        let data = data.ok_or_else(|| self.session.why_no_data().plain())?;
        let asked = asked(&data, noun, rest)?;
        self.session.go(Target::Objects(asked));
        Ok(())
    }
}

/// What a resource and the words after it ask for.
fn asked(data: &Data, noun: &str, rest: &str) -> Result<AskedObjects, String> {
    let (noun, slash_name) = noun
        .split_once('/')
        .map_or((noun, None), |(noun, name)| (noun, Some(name)));
    let objects = data.objects();
    let query = Query::new(&objects, Scope::default(), None);
    let Asked { targets, .. } = query.asked(noun, None).ok_or_else(|| unknown(data, noun))?;
    let rest = AfterNoun::parse(rest)?;
    let labels = LabelSelector::parse(&rest.labels).map_err(|why| format!("-l: {why}"))?;
    let fields =
        FieldSelector::parse(&rest.fields).map_err(|why| format!("--field-selector: {why}"))?;
    let named = targets
        .iter()
        .all(|target| target.namespaced == Some(false));
    let (namespace, name) = match (slash_name, rest.words.as_slice()) {
        (None, []) => (rest.namespace.clone(), None),
        (Some(name), []) => (rest.namespace.clone(), Some(name.to_owned())),
        (None, [word]) if named || rest.everywhere || rest.namespace.is_some() => {
            (rest.namespace.clone(), Some(word.clone()))
        }
        (None, [word]) => which(data, noun, &targets, word)?,
        (None, [namespace, name]) if rest.namespace.is_none() && !named => {
            (Some(namespace.clone()), Some(name.clone()))
        }
        (_, [.., word]) => {
            return Err(format!(
                "{word:?} is not understood: namespace and name are known already"
            ));
        }
    };
    let asked = AskedObjects {
        text: shown(&targets, noun, namespace.as_deref(), name.as_deref(), &rest),
        namespace: namespace.filter(|_| !rest.everywhere && !named),
        targets,
        name,
        labels,
        fields,
    };
    stored(data, noun, &asked)?;
    Ok(asked)
}

/// The question as `get` would be asked.
fn shown(
    targets: &[nouns::Target],
    noun: &str,
    namespace: Option<&str>,
    name: Option<&str>,
    rest: &AfterNoun,
) -> String {
    let mut text = match targets {
        [target] => target.plural.clone(),
        _ => noun.to_owned(),
    };
    let flags = [
        ("/", name),
        (" -n ", namespace),
        (" -A", rest.everywhere.then_some("")),
        (
            " -l ",
            Some(rest.labels.as_str()).filter(|text| !text.is_empty()),
        ),
        (
            " --field-selector ",
            Some(rest.fields.as_str()).filter(|text| !text.is_empty()),
        ),
    ];
    for (flag, value) in flags {
        if let Some(value) = value {
            text += flag;
            text += value;
        }
    }
    text
}

/// What keys of a resource are in, or are called; those that were deleted too.
fn known_of(data: &Data, targets: &[nouns::Target]) -> (BTreeSet<String>, BTreeSet<String>) {
    let (layout, directory) = (data.layout(), data.directory());
    let (mut namespaces, mut names) = (BTreeSet::new(), BTreeSet::new());
    for target in targets {
        for prefix in layout.prefixes() {
            let below = format!("{prefix}/{}/", target.path);
            for at in directory.below(below.as_bytes()).take(LOOK) {
                if let Some(key) = layout.parse(directory.key(at)) {
                    namespaces.extend(key.namespace.map(str::to_owned));
                    names.insert(key.name.to_owned());
                }
            }
        }
    }
    (namespaces, names)
}

/// Whether the one word after a resource is a namespace or a name: both are asked of the data.
fn which(
    data: &Data,
    noun: &str,
    targets: &[nouns::Target],
    word: &str,
) -> Result<(Option<String>, Option<String>), String> {
    let objects = data.objects();
    let below = |target: &nouns::Target| {
        let mut prefixes = data.layout().prefixes();
        prefixes.any(|prefix| {
            let below = format!("{prefix}/{}/{word}/", target.path);
            !data.directory().below(below.as_bytes()).is_empty()
        })
    };
    if targets.iter().any(below) {
        return Ok((Some(word.to_owned()), None));
    }
    if targets
        .iter()
        .any(|target| !objects.named(target, word).is_empty())
    {
        return Ok((None, Some(word.to_owned())));
    }
    let (namespaces, names) = known_of(data, targets);
    if names.is_empty() {
        return Err(empty(data, noun));
    }
    let with = names.iter().filter(|name| name.contains(word)).count();
    let hint = match with {
        0 => {
            let all = namespaces.iter().chain(&names).map(String::as_str);
            nearest(word, all).map_or_else(String::new, |near| format!("; {noun} {near} is"))
        }
        1 => format!("; one name contains it: //{word} shows it"),
        count => format!("; {count} names contain it: //{word} lists them"),
    };
    Err(format!(
        "{word:?} is neither a namespace with {noun} nor the name of one{hint}"
    ))
}

/// Refuses what has no key at all, with what there is instead.
fn stored(data: &Data, noun: &str, asked: &AskedObjects) -> Result<(), String> {
    let keys = asked.keys(data);
    if keys
        .iter()
        .any(|key| !data.directory().below(key).is_empty())
    {
        return Ok(());
    }
    let (namespaces, names) = known_of(data, &asked.targets);
    if names.is_empty() {
        return Err(empty(data, noun));
    }
    let listed = |names: &BTreeSet<String>| {
        let first: Vec<&str> = names.iter().take(MOST_NAMED).map(String::as_str).collect();
        let more = names.len().saturating_sub(MOST_NAMED);
        match more {
            0 => first.join(", "),
            more => format!(
                "{} and {} more",
                first.join(", "),
                number::thousands(more as i128)
            ),
        }
    };
    Err(match (&asked.name, &asked.namespace) {
        (Some(name), namespace) => {
            let place = namespace.as_ref().map_or_else(String::new, |namespace| {
                format!(" in namespace {namespace}")
            });
            let near = nearest(name, names.iter().map(String::as_str));
            let near = near.map_or_else(String::new, |near| format!("; {near:?} is"));
            match names.contains(name) {
                true => {
                    let places = namespaces.iter().filter(|namespace| {
                        let in_it = AskedObjects {
                            namespace: Some((*namespace).clone()),
                            ..asked.clone()
                        };
                        let keys = in_it.keys(data);
                        keys.iter()
                            .any(|key| data.directory().position(key).is_some())
                    });
                    let places: BTreeSet<String> = places.cloned().collect();
                    format!(
                        "no {noun} is called {name:?}{place}; it is in {}",
                        listed(&places)
                    )
                }
                false => format!("no {noun} is called {name:?}{place}{near}"),
            }
        }
        (None, Some(namespace)) => format!(
            "namespace {namespace:?} has no {noun}; these have: {}",
            listed(&namespaces)
        ),
        (None, None) => empty(data, noun),
    })
}

/// That a known resource has no key.
fn empty(data: &Data, noun: &str) -> String {
    match data.complete {
        true => format!("no key of {noun} is stored; : lists the resources that are"),
        false => {
            format!("no key of {noun} is among the newest writes, and the index is not complete")
        }
    }
}

fn unknown(data: &Data, noun: &str) -> String {
    let layout = data.layout();
    let stored = data.objects().paths();
    let custom: Vec<String> = layout.crds().map(|crd| crd.plural.clone()).collect();
    let known = stored.iter().chain(&custom).map(String::as_str);
    let near = nearest(noun, known).map_or_else(String::new, |near| format!(": {near} is"));
    format!("no command and no resource is called {noun:?}{near}; Tab completes")
}

impl AskedObjects {
    /// The keys that are meant, or the prefixes of theirs.
    pub(crate) fn keys(&self, data: &Data) -> Vec<Vec<u8>> {
        let (layout, objects) = (data.layout(), data.objects());
        let mut keys = Vec::new();
        for target in &self.targets {
            match (&self.name, &self.namespace) {
                (Some(name), None) => {
                    keys.extend(objects.named(target, name).into_iter().map(<[u8]>::to_vec));
                }
                (Some(name), namespace) => {
                    keys.extend(objects.keys_of(target, namespace.as_deref(), name));
                }
                (None, namespace) => keys.extend(layout.prefixes().map(|prefix| {
                    let namespace = namespace.as_ref().map(|namespace| format!("{namespace}/"));
                    let below = namespace.unwrap_or_default();
                    format!("{prefix}/{}/{below}", target.path).into_bytes()
                })),
            }
        }
        let stored = |key: &Vec<u8>| match self.name {
            Some(_) => data.directory().position(key).is_some(),
            None => !data.directory().below(key).is_empty(),
        };
        keys.retain(stored);
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::AfterNoun;

    #[test]
    fn flags_are_read_as_kubectl_reads_them_and_unknown_ones_are_named() {
        for text in [
            "-n shop",
            "-nshop",
            "-n=shop",
            "--namespace=shop",
            "--namespace shop",
            "ns:shop",
        ] {
            assert_eq!(
                AfterNoun::parse(text).unwrap().namespace.as_deref(),
                Some("shop"),
                "{text}"
            );
        }
        for text in [
            "-l app=web",
            "-lapp=web",
            "--selector=app=web",
            "--selector app=web",
        ] {
            assert_eq!(AfterNoun::parse(text).unwrap().labels, "app=web", "{text}");
        }
        let spaced = AfterNoun::parse("-l 'tier in (a, b)' web").unwrap();
        assert_eq!(
            (spaced.labels.as_str(), spaced.words.len()),
            ("tier in (a, b)", 1)
        );
        for (text, named) in [
            ("-q", "-q"),
            ("--wide", "--wide"),
            ("-A=x", "-A=x"),
            ("a b c", "\"c\""),
            ("-n", "-n"),
            ("'a", "'"),
        ] {
            assert!(
                AfterNoun::parse(text).unwrap_err().contains(named),
                "{text}"
            );
        }
    }
}
