//! `get --undecodable`: values that give no object.

use etcd_inspect::answers::find::Query;
use etcd_inspect::answers::undecodable::{UndecodableScope, undecodable};
use etcd_inspect::member::Objects;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::kube::{self, KubeArgs, Printed};
use crate::ui::Ui;
use crate::what::What;

/// Those of everything, or of the words and prefixes that are asked for.
pub(super) fn show(
    (asked, prefixes): (&[What], &[Vec<u8>]),
    args: &KubeArgs,
    objects: &Objects<'_>,
    revision: Option<i64>,
    ui: &mut Ui,
) -> anyhow::Result<Exit> {
    args.have_effect(Printed::Undecodable, ui)?;
    let mut wanted = UndecodableScope {
        namespace: args.scope.namespace.clone(),
        prefixes: prefixes.to_vec(),
        ..UndecodableScope::default()
    };
    let query = Query::new(objects, args.scope()?, revision);
    for what in asked {
        match what {
            What::Key(key) => wanted.prefixes.push(key.clone()),
            What::Noun { resource, name } => {
                let meant = query.asked(resource, name.clone());
                let meant = meant.ok_or_else(|| kube::no_such_noun("get", resource, objects))?;
                let paths = meant.targets.into_iter().map(|target| target.path);
                wanted
                    .resources
                    .extend(paths.map(|path| (path, name.clone())));
            }
            _ => {
                let failure = Failure::usage(
                    "--undecodable lists values of resources, TYPE/NAME, raw keys and prefixes",
                );
                return Err(failure
                    .next("etcd-inspect get --undecodable -d {path}")
                    .into());
            }
        }
    }
    let table = undecodable(objects, &wanted, revision)?;
    ui.table("undecodable", &table)?;
    Ok(Exit::negative_if(!table.rows.is_empty()))
}
