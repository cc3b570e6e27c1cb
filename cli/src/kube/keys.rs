//! The keys that words ask for, existing or deleted: what `diff` and `blame` begin with.

use etcd_inspect::answers::find::{Query, Scope};
use etcd_inspect::answers::values::RawKeys;
use etcd_inspect::member::Objects;

use super::no_such_noun;
use crate::failure::Failure;
use crate::what::What;

/// Keys that words mean.
pub(crate) struct NamedKeys {
    /// The keys, in byte order.
    pub(crate) keys: Vec<Vec<u8>>,
    /// Whether each was asked for by its exact name.
    pub(crate) exact: bool,
    /// Whether Events were asked for.
    pub(crate) events: bool,
}

/// The keys that words mean in any of these keyspaces.
pub(crate) fn named_keys(
    asked: Vec<What>,
    scope: &Scope,
    verb: &'static str,
    sources: &[&Objects<'_>],
) -> anyhow::Result<NamedKeys> {
    let mut named = NamedKeys {
        keys: Vec::new(),
        exact: true,
        events: false,
    };
    for what in asked {
        let all = |raw: RawKeys<'_>| -> Vec<Vec<u8>> {
            let retained = sources
                .iter()
                .map(|objects| raw.retained(&objects.keyspace()));
            retained.flatten().collect()
        };
        let found = match what {
            What::Key(key) if key.ends_with(b"/") => {
                named.exact = false;
                all(RawKeys::Prefix(&key))
            }
            What::Key(key) => vec![key],
            What::Glob(pattern) => {
                named.exact = false;
                all(RawKeys::Glob(&pattern))
            }
            What::Revision(main) => {
                named.exact = false;
                all(RawKeys::Revision(main))
            }
            What::Noun { resource, name } => {
                named.exact &= name.is_some();
                nouns(verb, &resource, name, scope, sources, &mut named.events)?
            }
            What::Page(_) | What::WalIndex(_) | What::Finding(_) => {
                return Err(Failure::usage(format!("{verb} of keys and objects"))
                    .next(etcd_inspect::Command::inspect(verb).arg("--help"))
                    .into());
            }
        };
        named.keys.extend(found);
    }
    named.keys.sort();
    named.keys.dedup();
    Ok(named)
}

/// The keys of an object, or of all objects of a resource.
fn nouns(
    verb: &'static str,
    resource: &str,
    name: Option<String>,
    scope: &Scope,
    sources: &[&Objects<'_>],
    events: &mut bool,
) -> anyhow::Result<Vec<Vec<u8>>> {
    let word = match &name {
        Some(name) => format!("{resource}/{name}"),
        None => resource.to_owned(),
    };
    let word = word.into_bytes();
    // An exact key wins, whatever the word looks like.
    let is_key = |objects: &Objects<'_>| !objects.keyspace().records_of(&word).is_empty();
    if sources.iter().copied().any(is_key) {
        return Ok(vec![word]);
    }
    let mut keys = Vec::new();
    let mut missing = None;
    for objects in sources {
        let query = Query::new(objects, scope.clone(), None);
        let Some(asked) = query.asked(resource, name.clone()) else {
            continue;
        };
        for target in &asked.targets {
            *events |= target.plural == "events";
            keys.extend(match &asked.name {
                Some(name) => query.keys(target, name),
                None => query.all_keys(target),
            });
        }
        // The first source is the state that was asked for; what the log has beside it ends at another revision.
        missing = missing.or(Some(match &asked.name {
            Some(name) if keys.is_empty() => Some(query.missing(&asked, name)),
            _ => None,
        }));
    }
    match (missing, sources.first()) {
        (Some(Some(absent)), _) if keys.is_empty() => Err(Failure::absent(absent).into()),
        (None, Some(objects)) => Err(no_such_noun(verb, resource, objects).into()),
        _ => Ok(keys),
    }
}
