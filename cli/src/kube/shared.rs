//! Several API servers that share an etcd.

use std::collections::BTreeMap;
use std::io;

use crate::ui::Ui;

/// Reports that objects are of several API servers, whose numbers of objects are given by prefix: a name may be there once for
/// each.
pub(crate) fn say_shared<P: AsRef<str> + Ord>(
    by_prefix: &BTreeMap<P, usize>,
    ui: &mut Ui,
) -> io::Result<()> {
    let Some((one, _)) = by_prefix.first_key_value().filter(|_| by_prefix.len() > 1) else {
        return Ok(());
    };
    let each: Vec<String> = by_prefix
        .iter()
        .map(|(prefix, count)| format!("{count} below {}", prefix.as_ref()))
        .collect();
    ui.note(format!(
        "these are objects of {} API servers that share the etcd: {}; --etcd-prefix {} shows those of one",
        by_prefix.len(),
        each.join(", "),
        one.as_ref()
    ))
}
