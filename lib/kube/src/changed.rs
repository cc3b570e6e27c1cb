//! What changed between two versions of an object, by field path.

use serde_json::Value;

/// Fields that change with every write and say nothing: hidden.
const NOISE: &[&str] = &["metadata.managedFields", "metadata.resourceVersion"];

/// Fields by which Kubernetes distinguishes the items of a list, in the order in which they are tried.
const ITEM_KEYS: &[&str] = &[
    "name",
    "type",
    "ip",
    "containerPort",
    "port",
    "key",
    "uid",
    "mountPath",
];

/// More changes than this are counted, not listed.
const MOST: usize = 10_000;

/// Maximum number of items of a list whose items are looked for in another list.
const MOST_ITEMS: usize = 1000;

/// One field that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// `spec.template.spec.containers[web].image`: items of a list by their name if they have one, else by number.
    pub path: String,
    /// The older value; `None`: the field was added.
    pub before: Option<Value>,
    /// The newer value; `None`: the field was removed.
    pub after: Option<Value>,
}

impl Change {
    /// `spec.replicas 3→0`; long values and whole objects are left out.
    pub fn summary(&self) -> String {
        let short = |value: &Option<Value>| match value {
            None => Some("∅".to_owned()),
            Some(Value::Object(_) | Value::Array(_)) => None,
            Some(value) => {
                Some(super::jsonpath::text(value)).filter(|text| text.chars().count() <= 40)
            }
        };
        match (short(&self.before), short(&self.after)) {
            (Some(before), Some(after)) => format!("{} {before}→{after}", self.path),
            _ if self.before.is_none() => format!("+{}", self.path),
            _ if self.after.is_none() => format!("-{}", self.path),
            _ => self.path.clone(),
        }
    }
}

/// Every field that differs, in the order of the newer object; `managedFields` and `resourceVersion` are not looked at.
///
/// ```
/// use etcd_inspect_kube::changed::changes;
/// let (before, after) = (serde_json::json!({"spec": {"replicas": 3}}), serde_json::json!({"spec": {"replicas": 0}}));
/// assert_eq!(changes(&before, &after)[0].summary(), "spec.replicas 3→0");
/// ```
pub fn changes(before: &Value, after: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    walk(&mut String::new(), Some(before), Some(after), &mut found);
    found
}

/// An object without the fields that change with every write.
pub fn without_noise(mut object: Value) -> Value {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for field in NOISE
            .iter()
            .filter_map(|path| path.strip_prefix("metadata."))
        {
            metadata.shift_remove(field);
        }
    }
    object
}

/// The difference of two texts as `diff -u` prints it, with `context` lines around each change; empty if there is none.
///
/// ```
/// use etcd_inspect_kube::changed::unified;
/// let diff = unified("a: 1\nb: 2\n", "a: 1\nb: 3\n", "rev 7", "rev 9", 3);
/// assert_eq!(diff, "--- rev 7\n+++ rev 9\n@@ -1,2 +1,2 @@\n a: 1\n-b: 2\n+b: 3\n");
/// ```
pub fn unified(before: &str, after: &str, from: &str, to: &str, context: usize) -> String {
    let diff = similar::TextDiff::configure()
        .timeout(std::time::Duration::from_secs(2))
        .diff_lines(before, after);
    diff.unified_diff()
        .context_radius(context)
        .header(from, to)
        .missing_newline_hint(false)
        .to_string()
}

/// For each line of the newer text the number of the same line in the older one; `None` if it is new.
///
/// ```
/// use etcd_inspect_kube::changed::common_lines;
/// assert_eq!(common_lines("a\nb\nc\n", "a\nx\nc\n"), [Some(0), None, Some(2)]);
/// ```
pub fn common_lines(before: &str, after: &str) -> Vec<Option<usize>> {
    let mut found = vec![None; after.lines().count()];
    let diff = similar::TextDiff::configure()
        .timeout(std::time::Duration::from_secs(2))
        .diff_lines(before, after);
    for op in diff.ops() {
        if let similar::DiffOp::Equal {
            old_index,
            new_index,
            len,
        } = *op
        {
            for at in 0..len {
                if let Some(slot) = found.get_mut(new_index.saturating_add(at)) {
                    *slot = Some(old_index.saturating_add(at));
                }
            }
        }
    }
    found
}

/// One row of a difference that is shown in two columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair<'t> {
    /// The line of the older text.
    pub before: Option<&'t str>,
    /// The line of the newer text.
    pub after: Option<&'t str>,
    /// Whether the two differ.
    pub differs: bool,
}

/// The difference of two texts for two columns; `None` between rows: lines that are equal were left out, because they are
/// further than `context` lines from a change.
///
/// ```
/// use etcd_inspect_kube::changed::side_by_side;
/// let rows = side_by_side("a: 1\nb: 2\n", "a: 1\nb: 3\n", 0);
/// let row = rows.last().copied().flatten();
/// assert_eq!(row.map(|row| (row.before, row.after, row.differs)), Some((Some("b: 2"), Some("b: 3"), true)));
/// ```
pub fn side_by_side<'t>(before: &'t str, after: &'t str, context: usize) -> Vec<Option<Pair<'t>>> {
    let diff = similar::TextDiff::configure()
        .timeout(std::time::Duration::from_secs(2))
        .diff_lines(before, after);
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let mut rows = Vec::new();
    for group in diff.grouped_ops(context) {
        if !rows.is_empty() {
            rows.push(None);
        }
        for op in group {
            let (_, left, right) = op.as_tag_tuple();
            let differs = !matches!(op, similar::DiffOp::Equal { .. });
            for at in 0..left.len().max(right.len()) {
                let line = |lines: &[&'t str], range: &std::ops::Range<usize>| {
                    let at = range.start.saturating_add(at);
                    lines.get(at).copied().filter(|_| at < range.end)
                };
                rows.push(Some(Pair {
                    before: line(&old, &left),
                    after: line(&new, &right),
                    differs,
                }));
            }
        }
    }
    rows
}

/// An object as the YAML that a difference is shown of: without the fields that change with every write.
pub fn comparable(object: Value) -> String {
    yaml(&without_noise(object))
}

/// An object as YAML with all of its fields.
pub fn yaml(object: &Value) -> String {
    let mut text = Vec::new();
    // Writing to memory cannot fail; what YAML cannot express stays out.
    let _ = crate::yaml::write(&mut text, object);
    String::from_utf8_lossy(&text).into_owned()
}

fn walk(path: &mut String, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Change>) {
    if before == after || NOISE.contains(&path.as_str()) || found.len() >= MOST {
        return;
    }
    match (before, after) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let gone = old.keys().filter(|name| !new.contains_key(*name));
            for name in new.keys().chain(gone) {
                with_step(path, &field(name), |path| {
                    walk(path, old.get(name), new.get(name), found)
                });
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => items(path, old, new, found),
        // A whole object that came or went is one change, except the object itself.
        _ => found.push(Change {
            path: path.trim_start_matches('.').to_owned(),
            before: before.cloned(),
            after: after.cloned(),
        }),
    }
}

fn with_step(path: &mut String, step: &str, then: impl FnOnce(&mut String)) {
    let len = path.len();
    if !path.is_empty() && !step.starts_with('[') {
        path.push('.');
    }
    path.push_str(step);
    then(path);
    path.truncate(len);
}

/// `replicas`, or `["app.kubernetes.io/name"]` if a dot would mislead.
fn field(name: &str) -> String {
    if name.contains(['.', '[', ']', ' ']) || name.is_empty() {
        format!("[{name:?}]")
    } else {
        name.to_owned()
    }
}

fn items(path: &mut String, old: &[Value], new: &[Value], found: &mut Vec<Change>) {
    let named = ITEM_KEYS
        .iter()
        .find(|key| unique(old, key) && unique(new, key));
    let Some(key) = named else {
        for number in 0..old.len().max(new.len()) {
            with_step(path, &format!("[{number}]"), |path| {
                walk(path, old.get(number), new.get(number), found)
            });
        }
        return;
    };
    let find =
        |list: &'_ [Value], name: &Value| list.iter().position(|item| item.get(key) == Some(name));
    for item in new.iter().chain(
        old.iter()
            .filter(|item| item.get(key).is_some_and(|name| find(new, name).is_none())),
    ) {
        let Some(name) = item.get(key) else { continue };
        let before = find(old, name).and_then(|at| old.get(at));
        let after = find(new, name).and_then(|at| new.get(at));
        with_step(
            path,
            &format!("[{}]", super::jsonpath::text(name)),
            |path| walk(path, before, after, found),
        );
    }
}

/// Pairs of fields by which Kubernetes distinguishes items that no single field does.
const ITEM_PAIRS: &[[&str; 2]] = &[
    ["containerPort", "protocol"],
    ["port", "protocol"],
    ["topologyKey", "whenUnsatisfiable"],
    ["key", "effect"],
];

/// For each item of the newer list the position of the same item in the older one: by the fields by which Kubernetes
/// distinguishes items, else items that are equal, and between those by position.
///
/// ```
/// use etcd_inspect_kube::changed::matching_items;
/// let list = |value: serde_json::Value| value.as_array().cloned().unwrap();
/// let before = list(serde_json::json!([{"name": "a", "image": "x:1"}, {"name": "b"}]));
/// let after = list(serde_json::json!([{"name": "b"}, {"name": "a", "image": "x:2"}, {"name": "c"}]));
/// assert_eq!(matching_items(&before, &after), [Some(1), Some(0), None]);
/// ```
pub fn matching_items(before: &[Value], after: &[Value]) -> Vec<Option<usize>> {
    let single = ITEM_KEYS.iter().map(std::slice::from_ref);
    let keys = single.chain(ITEM_PAIRS.iter().map(<[&str; 2]>::as_slice));
    for key in keys {
        if let (Some(old), Some(new)) = (identities(before, key), identities(after, key)) {
            let position = |wanted: &Vec<&Value>| old.iter().position(|known| known == wanted);
            return new.iter().map(position).collect();
        }
    }
    let mut found = vec![None; after.len()];
    if before.len() > MOST_ITEMS || after.len() > MOST_ITEMS {
        return (0..after.len())
            .map(|at| Some(at).filter(|at| *at < before.len()))
            .collect();
    }
    let texts = |list: &[Value]| list.iter().map(Value::to_string).collect::<Vec<_>>();
    let (old, new) = (texts(before), texts(after));
    for op in similar::capture_diff_slices(similar::Algorithm::Myers, &old, &new) {
        let (_, left, right) = op.as_tag_tuple();
        // A run of items that were replaced is matched by position; what is left over came or went.
        for (from, to) in left.zip(right) {
            if let Some(slot) = found.get_mut(to) {
                *slot = Some(from);
            }
        }
    }
    found
}

/// The values of these fields in each item, if no two items have the same.
fn identities<'v>(list: &'v [Value], keys: &[&str]) -> Option<Vec<Vec<&'v Value>>> {
    if list.len() > MOST_ITEMS {
        return None;
    }
    let mut found: Vec<Vec<&Value>> = Vec::with_capacity(list.len());
    for item in list {
        let fields: Option<Vec<&Value>> = keys.iter().map(|key| item.get(key)).collect();
        let fields = fields.filter(|fields| {
            let is_plain = |value: &&Value| value.is_string() || value.is_number();
            fields.iter().all(is_plain) && !found.contains(fields)
        });
        found.push(fields?);
    }
    Some(found)
}

/// Whether every item of a list has that field, no two the same.
fn unique(list: &[Value], key: &str) -> bool {
    // Longer lists are compared by position: finding each item in the other list would take too long.
    list.len() <= MOST_ITEMS
        && list.iter().enumerate().all(|(at, item)| {
            item.get(key).is_some_and(|name| {
                (name.is_string() || name.is_number())
                    && list
                        .iter()
                        .take(at)
                        .all(|other| other.get(key) != Some(name))
            })
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paths(before: Value, after: Value) -> Vec<String> {
        changes(&before, &after)
            .iter()
            .map(Change::summary)
            .collect()
    }

    #[test]
    fn fields_are_named_by_path_and_noise_is_hidden() {
        let before = json!({"metadata": {"name": "web", "resourceVersion": "1", "managedFields": [1], "labels": {"a.b/c": "x"}},
            "spec": {"replicas": 3, "gone": 1, "template": {"spec": {"containers": [{"name": "a", "image": "web:1"}, {"name": "b"}]}}}});
        let after = json!({"metadata": {"name": "web", "resourceVersion": "2", "managedFields": [2], "labels": {"a.b/c": "y"}},
            "spec": {"replicas": 0, "template": {"spec": {"containers": [{"name": "b"}, {"name": "a", "image": "web:2"}]}, "new": {"x": 1}}}});
        assert_eq!(
            paths(before.clone(), after),
            [
                "metadata.labels[\"a.b/c\"] x→y",
                "spec.replicas 3→0",
                "spec.template.spec.containers[a].image web:1→web:2",
                "+spec.template.new",
                "spec.gone 1→∅",
            ]
        );
        assert!(paths(before.clone(), before).is_empty());
    }

    #[test]
    fn items_that_two_fields_distinguish_or_none_keep_their_identity() {
        let list = |value: Value| value.as_array().cloned().unwrap();
        let port = |port: u16, protocol: &str| json!({"containerPort": port, "protocol": protocol});
        let before = vec![port(53, "TCP"), port(53, "UDP")];
        let after = vec![port(80, "TCP"), port(53, "UDP"), port(53, "TCP")];
        assert_eq!(matching_items(&before, &after), [None, Some(1), Some(0)]);
        let (before, after) = (
            list(json!(["a", "b", "c"])),
            list(json!(["x", "a", "c", "d"])),
        );
        assert_eq!(
            matching_items(&before, &after),
            [None, Some(0), Some(2), None]
        );
        let (before, after) = (list(json!([[1], [2]])), list(json!([[1], [3], [4]])));
        assert_eq!(matching_items(&before, &after), [Some(0), Some(1), None]);
    }

    #[test]
    fn unnamed_items_are_compared_by_position() {
        assert_eq!(
            paths(json!({"a": [1, 2]}), json!({"a": [1, 3, 4]})),
            ["a[1] 2→3", "a[2] ∅→4"]
        );
        assert_eq!(
            paths(
                json!({"c": [{"type": "Ready", "status": "True"}]}),
                json!({"c": [{"type": "Ready", "status": "False"}]})
            ),
            ["c[Ready].status True→False"]
        );
    }

    #[test]
    fn noise_is_taken_out_of_a_diff() {
        let object =
            json!({"metadata": {"name": "a", "resourceVersion": "1", "managedFields": []}});
        assert_eq!(without_noise(object), json!({"metadata": {"name": "a"}}));
    }
}
