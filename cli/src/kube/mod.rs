//! Kubernetes objects on the command line: what `get`, `history`, `search` and `certs` share.

mod args;
mod columns;
mod deleted;
mod describe;
mod effects;
mod failed;
mod keys;
mod masked;
mod print;
mod shared;
mod stored;
mod texts;

pub(crate) use args::{KubeArgs, LayoutArgs, ScopeArgs, SecretsArg};
pub(crate) use columns::whole_objects;
pub(crate) use deleted::{CountIn, compacted, deleted_namespace};
pub(crate) use describe::describe;
pub(crate) use effects::Printed;
pub(crate) use failed::{Failures, register, unsupported_field};
pub(crate) use keys::named_keys;
pub(crate) use print::{Printer, print_names, shaped};
pub(crate) use shared::say_shared;

use etcd_inspect::Command;
use etcd_inspect::answers::Keyspace;
use etcd_inspect::member::{Member, Objects};

use crate::failure::Failure;
use crate::secrets::KeyFiles;

/// The keyspace as Kubernetes sees it.
pub(crate) fn open<'a>(
    member: &Member,
    keyspace: Keyspace<'a>,
    layout: &LayoutArgs,
    keys: &KeyFiles,
) -> anyhow::Result<Objects<'a>> {
    let keyring = keys.keyring()?;
    let limits = &member.options().evidence.limits;
    let evidence = member.evidence();
    let name = evidence.db().map_or(evidence.name(), |file| file.name());
    Ok(Objects::new(
        keyspace,
        name,
        layout.layout(),
        keyring,
        limits,
    ))
}

/// Refuses prefixes that no key has: an empty answer would say that there are no objects.
pub(crate) fn known_prefixes(layout: &LayoutArgs, objects: &Objects<'_>) -> Result<(), Failure> {
    if layout.etcd_prefix.is_empty() {
        return Ok(());
    }
    match objects.unused_prefixes() {
        Some(unused) => {
            Err(Failure::not_found(unused.to_string())
                .next("etcd-inspect keys --by-resource {path}"))
        }
        None => Ok(()),
    }
}

/// Nothing of that name is a resource here.
pub(crate) fn no_such_noun(verb: &'static str, noun: &str, objects: &Objects<'_>) -> Failure {
    use etcd_inspect::kubernetes::resources::RESOURCES;
    let builtin = RESOURCES.iter().flat_map(|resource| {
        std::iter::once(resource.plural).chain(resource.short.iter().copied())
    });
    let custom = objects.layout().crds().map(|crd| crd.plural.as_str());
    let failure = Failure::not_found(format!(
        "no resource type {noun:?}, and no key of that name"
    ));
    match etcd_inspect::answers::nearest(noun, builtin.chain(custom)) {
        Some(near) => {
            let asked = Command::inspect(verb).arg(near).arg("-A");
            let asked = match verb {
                "export" => asked.args(["--out", "-"]),
                _ => asked,
            };
            failure.next(asked.arg("-d").evidence())
        }
        None => failure.next("etcd-inspect keys --by-resource {path}"),
    }
}
