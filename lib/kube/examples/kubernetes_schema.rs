//! Regenerates `lib/kube/src/schema/fields.tsv` and `kinds.tsv`; see the README beside them.
//!
//! ```text
//! kubernetes_schema --out DIR [--base fields.tsv] [--fields schema.tsv]… [--proto RELEASE DIR]…
//!                   [--go DIR]… [--facts jsonfacts.tsv]… [--kinds kinds.tsv]… [--only PREFIX]
//! ```
//! `--only` writes the messages whose name begins so, as `only-fields.tsv` and `only-kinds.tsv`: the table of OpenShift.
//!
//! Later sources win over earlier ones for what a field is; `--facts` are given newest first, and the first that has a
//! field decides its JSON rule.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

type Done<T = ()> = Result<T, Box<dyn Error>>;

/// What one field is on the wire and in JSON.
#[derive(Clone, Default)]
struct FieldRow {
    name: String,
    /// `string`, `repeated k8s.io.api.core.v1.Container`, `map<string,bytes>`.
    kind: String,
    json: Option<String>,
    rule: Option<String>,
    first: String,
    last: String,
}

#[derive(Default)]
struct MessageRows {
    /// How the whole message is printed, where it is not as an object.
    form: String,
    fields: BTreeMap<u32, FieldRow>,
}

#[derive(Default)]
struct Schema {
    messages: BTreeMap<String, MessageRows>,
    kinds: BTreeMap<(String, String), String>,
}

fn main() -> Done {
    let mut schema = Schema::default();
    let (mut facts, mut kinds, mut out, mut only) = (Vec::new(), Vec::new(), None, None);
    let mut args = std::env::args().skip(1);
    while let Some(option) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{option} needs a value"));
        match option.as_str() {
            "--out" => out = Some(PathBuf::from(value()?)),
            "--base" => schema.read_table(&fs::read_to_string(value()?)?)?,
            "--fields" => schema.read_fields(&fs::read_to_string(value()?)?)?,
            "--proto" => {
                let release = value()?;
                schema.read_protos(&release, Path::new(&value()?))?;
            }
            "--go" => schema.read_go_tags(Path::new(&value()?))?,
            "--only" => only = Some(value()?),
            "--facts" => facts.push(fs::read_to_string(value()?)?),
            "--kinds" => kinds.push(fs::read_to_string(value()?)?),
            other => return Err(format!("unknown option {other}").into()),
        }
    }
    let out = out.ok_or("--out DIR is needed")?;
    for text in facts.iter().rev() {
        schema.read_facts(text)?;
    }
    schema.define_all();
    schema.known_forms();
    for text in &kinds {
        schema.read_kinds(text)?;
    }
    schema.derive_kinds();
    if let Some(prefix) = only {
        schema.messages.retain(|name, _| name.starts_with(&prefix));
        schema
            .kinds
            .retain(|_, message| message.starts_with(&prefix));
        fs::write(out.join("only-fields.tsv"), schema.table()?)?;
        fs::write(out.join("only-kinds.tsv"), schema.kind_table()?)?;
        return Ok(());
    }
    fs::write(out.join("fields.tsv"), schema.table()?)?;
    fs::write(out.join("kinds.tsv"), schema.kind_table()?)?;
    Ok(())
}

/// `1.20` → 20, for comparing; nothing given is the newest.
fn release(text: &str) -> u32 {
    text.rsplit('.')
        .next()
        .and_then(|minor| minor.parse().ok())
        .unwrap_or(u32::MAX)
}

/// A row's cells, missing ones empty.
fn cells<const N: usize>(line: &str) -> [&str; N] {
    let mut row = line.split('\t');
    std::array::from_fn(|_| row.next().unwrap_or_default().trim_end_matches('\r'))
}

/// `a.b.C` → `a.b`.
fn package(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(package, _)| package)
}

impl Schema {
    fn field(&mut self, message: &str, number: u32) -> &mut FieldRow {
        let message = self.messages.entry(message.to_owned()).or_default();
        message.fields.entry(number).or_default()
    }

    /// Our own table, as written by [`Self::table`].
    fn read_table(&mut self, text: &str) -> Done {
        let mut message = String::new();
        for line in text
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty())
        {
            let [head, number, name, kind, json, rule, releases] = cells(line);
            if number.is_empty() {
                let (name, form) = head.split_once(' ').unwrap_or((head, ""));
                message = name.to_owned();
                self.messages.entry(message.clone()).or_default().form = form.to_owned();
                continue;
            }
            let (first, last) = releases.split_once('-').unwrap_or_default();
            let kind = qualify(kind, package(&message));
            *self.field(&message, number.parse()?) = FieldRow {
                name: name.into(),
                kind,
                json: Some(if json.is_empty() { name } else { json }.to_owned())
                    .filter(|_| !rule.ends_with('?')),
                rule: Some(rule.to_owned()).filter(|_| !rule.ends_with('?')),
                first: first.into(),
                last: last.into(),
            };
        }
        Ok(())
    }

    /// `message number name type label map_key map_value first last`.
    fn read_fields(&mut self, text: &str) -> Done {
        for line in text.lines().skip(1) {
            let [message, number, name, kind, label, key, value, first, last] = cells(line);
            if label.is_empty() {
                self.messages.entry(message.to_owned()).or_default();
                continue;
            }
            let kind = match label {
                "map" => format!("map<{key},{value}>"),
                "repeated" => format!("repeated {kind}"),
                _ => kind.to_owned(),
            };
            // A number with several meanings has a row for each: the newest is taken, since the first release.
            let field = self.field(message, number.parse()?);
            if !field.name.is_empty() && release(&field.last) > release(last) {
                field.first =
                    std::cmp::min_by_key(first, &field.first, |text| release(text)).to_owned();
                continue;
            }
            if field.name.is_empty() || release(first) < release(&field.first) {
                field.first = first.into();
            }
            (field.name, field.kind, field.last) = (name.into(), kind, last.into());
        }
        Ok(())
    }

    /// Every `generated.proto` below `directory`, as of `release`.
    fn read_protos(&mut self, release: &str, directory: &Path) -> Done {
        let mut entries = fs::read_dir(directory)?.collect::<Result<Vec<_>, _>>()?;
        entries.sort_by_key(fs::DirEntry::path);
        for entry in entries {
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                self.read_protos(release, &path)?;
            } else if path
                .file_name()
                .is_some_and(|name| name == "generated.proto")
            {
                self.read_proto(release, &fs::read_to_string(&path)?)?;
            }
        }
        Ok(())
    }

    fn read_proto(&mut self, release: &str, text: &str) -> Done {
        let (mut package, mut message) = (String::new(), None);
        for line in text
            .lines()
            .map(str::trim)
            .filter(|line| !line.starts_with("//"))
        {
            if let Some(name) = line.strip_prefix("package ") {
                package = name.trim_end_matches(';').to_owned();
            } else if let Some(name) = line.strip_prefix("message ") {
                let name = format!("{package}.{}", name.trim_end_matches(['{', '}', ' ']));
                self.messages.entry(name.clone()).or_default();
                message = Some(name);
            } else if line.starts_with('}') {
                message = None;
            } else if let (Some(message), Some((name, kind, number))) =
                (&message, proto_field(line))
            {
                let kind = qualify(&kind, &package);
                let field = self.field(message, number);
                if field.first.is_empty() && field.name.is_empty() {
                    field.first = release.to_owned();
                }
                (field.name, field.kind, field.last) = (name, kind, release.to_owned());
            }
        }
        Ok(())
    }

    /// `message number proto_name json_name go_kind omit inline message_has_custom_json`.
    fn read_facts(&mut self, text: &str) -> Done {
        for line in text.lines().skip(1) {
            let [message, number, _, json, go, omit, inline] = cells(line);
            let Some(entry) = self.messages.get_mut(message) else {
                continue;
            };
            if go == "named slice of string" {
                entry.form = "list".to_owned();
            }
            let Some(field) = number
                .parse()
                .ok()
                .and_then(|number: u32| entry.fields.get_mut(&number))
            else {
                continue;
            };
            // A named list that is a message on the wire can be nil, like a pointer.
            let list = go.starts_with("slice:") && is_message(&field.kind);
            let pointer = go.starts_with("ptr:") || list;
            let rule = rule(&field.kind, pointer, omit, !inline.is_empty());
            field.json = Some(json.to_owned());
            field.rule = Some(rule.to_owned());
        }
        Ok(())
    }

    /// The struct tags of every Go file in a folder with a `generated.proto` below `directory`.
    fn read_go_tags(&mut self, directory: &Path) -> Done {
        let mut entries = fs::read_dir(directory)?.collect::<Result<Vec<_>, _>>()?;
        entries.sort_by_key(fs::DirEntry::path);
        for entry in entries.iter().filter(|entry| entry.path().is_dir()) {
            self.read_go_tags(&entry.path())?;
        }
        let Ok(proto) = fs::read_to_string(directory.join("generated.proto")) else {
            return Ok(());
        };
        let package = proto.lines().find_map(|line| line.strip_prefix("package "));
        let package = package
            .ok_or("a generated.proto without a package")?
            .trim_end_matches(';');
        for path in entries.iter().map(fs::DirEntry::path) {
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            if name.ends_with(".go") && !name.ends_with("_test.go") && name != "generated.pb.go" {
                self.read_go(package, &fs::read_to_string(&path)?);
            }
        }
        Ok(())
    }

    fn read_go(&mut self, package: &str, text: &str) {
        let mut message = None;
        for line in text.lines() {
            if let Some(name) = line
                .strip_prefix("type ")
                .and_then(|rest| rest.strip_suffix(" struct {"))
            {
                message = Some(format!("{package}.{name}"));
            } else if line.starts_with('}') {
                message = None;
            } else if let (Some(message), Some(tag)) = (&message, GoTag::parse(line)) {
                let fields = self
                    .messages
                    .get_mut(message)
                    .map(|message| &mut message.fields);
                if let Some(field) = fields.and_then(|fields| fields.get_mut(&tag.number)) {
                    let pointer = tag.pointer || field.kind.ends_with(".Verbs");
                    field.rule = Some(rule(&field.kind, pointer, tag.omit, tag.inline).to_owned());
                    field.json = Some(if tag.json.is_empty() {
                        field.name.clone()
                    } else {
                        tag.json.to_owned()
                    });
                }
            }
        }
    }

    /// Messages without fields are in no table: it is enough if a field names them.
    fn define_all(&mut self) {
        let fields = self
            .messages
            .values()
            .flat_map(|message| message.fields.values());
        let named: BTreeSet<String> = fields
            .filter(|field| field.kind.contains('.'))
            .map(|field| {
                let kind = field
                    .kind
                    .trim_start_matches("repeated ")
                    .trim_start_matches("map<string,");
                kind.trim_end_matches('>').to_owned()
            })
            .collect();
        for name in named {
            self.messages.entry(name).or_default();
        }
    }

    /// Messages whose Go type has a JSON form of its own.
    fn known_forms(&mut self) {
        const FORMS: &[(&str, &str)] = &[
            (".meta.v1.Time", "time"),
            (".meta.v1.MicroTime", "microtime"),
            (".meta.v1.FieldsV1", "json"),
            (".meta.v1.Verbs", "list"),
            (".ExtraValue", "list"),
            (".OptionalNames", "list"),
            (".OptionalScopes", "list"),
            (".OptionalNodeSelector", "list"),
            (".DeploymentTriggerPolicies", "list"),
            (".api.resource.Quantity", "quantity"),
            (".pkg.runtime.RawExtension", "json"),
            (".util.intstr.IntOrString", "int-or-string"),
            (".JSONSchemaPropsOrBool", "or-bool"),
            (".JSONSchemaPropsOrArray", "or-array"),
            (".JSONSchemaPropsOrStringArray", "or-strings"),
            (".JSON", "json"),
        ];
        for (name, message) in &mut self.messages {
            if let Some((_, form)) = FORMS.iter().find(|(tail, _)| name.ends_with(tail)) {
                message.form = (*form).to_owned();
            }
        }
    }

    /// `apiVersion kind class stored go_type …`, or our own `apiVersion kind message`.
    fn read_kinds(&mut self, text: &str) -> Done {
        for line in text.lines().skip(1) {
            let [api_version, kind, third, _, go] = cells(line);
            let go = if go.is_empty() { third } else { go };
            let message = go.replace('/', ".").replace('-', "_");
            self.kinds
                .insert((api_version.to_owned(), kind.to_owned()), message);
        }
        Ok(())
    }

    /// Kinds that no kinds table has (older and newer releases): messages that begin with an ObjectMeta or ListMeta.
    fn derive_kinds(&mut self) {
        let known: BTreeSet<&String> = self.kinds.values().collect();
        let groups: BTreeMap<String, String> = self
            .kinds
            .iter()
            .map(|((api_version, _), message)| {
                let group = api_version.split_once('/').map_or("", |(group, _)| group);
                (package(package(message)).to_owned(), group.to_owned())
            })
            .collect();
        let mut derived = Vec::new();
        for (name, message) in &self.messages {
            let head = message
                .fields
                .get(&1)
                .map_or("", |field| field.kind.as_str());
            let is_kind =
                head.ends_with(".meta.v1.ObjectMeta") || head.ends_with(".meta.v1.ListMeta");
            let Some((versioned, kind)) = name.rsplit_once('.') else {
                continue;
            };
            let Some((stem, version)) = versioned.rsplit_once('.') else {
                continue;
            };
            if !is_kind
                || known.contains(name)
                || !(stem.starts_with("k8s.io.api.") || stem.starts_with(OPENSHIFT))
                || kind.ends_with("TemplateSpec")
                || kind.ends_with("ClaimTemplate")
            {
                continue;
            }
            let group = groups.get(stem).cloned().unwrap_or_else(|| {
                let group = stem.rsplit_once('.').map_or("", |(_, group)| group);
                match stem.starts_with(OPENSHIFT) {
                    true => format!("{group}.openshift.io"),
                    false => format!("{group}.k8s.io"),
                }
            });
            let api_version = if group.is_empty() {
                version.to_owned()
            } else {
                format!("{group}/{version}")
            };
            derived.push(((api_version, kind.to_owned()), name.clone()));
        }
        // OpenShift 3 stored its kinds as v1 without a group.
        let old: Vec<_> = derived
            .iter()
            .filter(|(_, message)| message.starts_with(OPENSHIFT))
            .map(|((_, kind), message)| (("v1".to_owned(), kind.clone()), message.clone()))
            .collect();
        derived.extend(old);
        for (kind, message) in derived {
            self.kinds.entry(kind).or_insert(message);
        }
    }

    fn table(&self) -> Done<String> {
        let mut text = String::from(TABLE_HEAD);
        for (name, message) in &self.messages {
            let gap = if message.form.is_empty() { "" } else { " " };
            writeln!(text, "{name}{gap}{}", message.form)?;
            for (number, field) in &message.fields {
                let own = format!("{}.", package(name));
                let kind = field.kind.replace(&own, ".");
                let guess = if is_message(&field.kind) {
                    "pointer?"
                } else {
                    "omitempty?"
                };
                let rule = field.rule.as_deref().unwrap_or(guess);
                let json = field
                    .json
                    .as_deref()
                    .filter(|json| *json != field.name && rule != "inline")
                    .unwrap_or_default();
                let releases = if field.first.is_empty() && field.last.is_empty() {
                    String::new()
                } else {
                    format!("{}-{}", field.first, field.last)
                };
                let row = format!(
                    "\t{number}\t{}\t{kind}\t{json}\t{rule}\t{releases}",
                    field.name
                );
                writeln!(text, "{}", row.trim_end())?;
            }
        }
        Ok(text)
    }

    fn kind_table(&self) -> Done<String> {
        let mut text = String::from("apiVersion\tkind\tmessage\n");
        for ((api_version, kind), message) in &self.kinds {
            writeln!(text, "{api_version}\t{kind}\t{message}")?;
        }
        Ok(text)
    }
}

/// One line of a Go struct: its type and its tags.
struct GoTag<'a> {
    number: u32,
    pointer: bool,
    json: &'a str,
    omit: &'a str,
    inline: bool,
}

impl<'a> GoTag<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (declared, tags) = line.trim().split_once('`')?;
        let value = |name: &str| tags.split_once(name)?.1.split('"').next();
        let number = value("protobuf:\"")?.split(',').nth(1)?.parse().ok()?;
        let json = value("json:\"").unwrap_or_default();
        let (json, options) = json.split_once(',').unwrap_or((json, ""));
        // An embedded struct has a type and no name; without a JSON name its members are the parent's.
        let embedded = declared.split_whitespace().count() == 1 && json.is_empty();
        Some(Self {
            number,
            pointer: declared.split_whitespace().last()?.starts_with('*'),
            json,
            omit: options,
            inline: embedded,
        })
    }
}

/// Whether a type is one message.
fn is_message(kind: &str) -> bool {
    kind.contains('.') && !kind.starts_with("repeated ") && !kind.starts_with("map<")
}

/// When a field is printed.
fn rule(kind: &str, pointer: bool, omit: &str, inline: bool) -> &'static str {
    match (pointer, omit) {
        _ if inline => "inline",
        (true, "") => "pointer-null",
        (true, _) => "pointer",
        (false, "") => "always",
        (false, omit) if omit.contains("omitzero") => "omitzero",
        // A struct is never empty for Go's encoding/json: `omitempty` on it has no effect.
        (false, _) if is_message(kind) => "always",
        (false, _) => "omitempty",
    }
}

/// `optional string name = 1;` → name, type, number.
fn proto_field(line: &str) -> Option<(String, String, u32)> {
    let (left, right) = line.split_once('=')?;
    let number = right.split([';', '[']).next()?.trim().parse().ok()?;
    let (kind, name) = left.trim().rsplit_once(' ')?;
    let kind = kind.trim();
    let kind = kind
        .strip_prefix("optional ")
        .or_else(|| kind.strip_prefix("required "))
        .unwrap_or(kind);
    let kind = if kind.starts_with("map<") {
        kind.replace(' ', "")
    } else {
        kind.to_owned()
    };
    Some((name.to_owned(), kind, number))
}

/// Makes a type name absolute: `Container` and `.Container` belong to `package`, `.k8s.io.…` and `k8s.io.…` are whole.
fn qualify(kind: &str, package: &str) -> String {
    const SCALARS: &[&str] = &[
        "string", "bytes", "bool", "int32", "int64", "double", "float", "uint32", "uint64",
    ];
    if let Some(inner) = kind.strip_prefix("repeated ") {
        return format!("repeated {}", qualify(inner, package));
    }
    if let Some((key, value)) = kind
        .strip_prefix("map<")
        .and_then(|rest| rest.trim_end_matches('>').split_once(','))
    {
        return format!("map<{key},{}>", qualify(value, package));
    }
    let bare = kind.trim_start_matches('.');
    if SCALARS.contains(&bare) || bare.contains('.') {
        bare.to_owned()
    } else {
        format!("{package}.{bare}")
    }
}

/// Packages of openshift/api.
const OPENSHIFT: &str = "github.com.openshift.api.";

const TABLE_HEAD: &str = "\
# Every field of every Kubernetes message, Kubernetes 1.8 on. Made by `cargo run --example kubernetes_schema`; see README.md.
# A message's name, and how it is printed where that is not as an object; then its fields:
#\tnumber\tname\ttype\tJSON name if another\twhen it is printed\tfirst-last release
# `.Name` is a message of the same package. A `?` after the rule: no release's JSON facts have the field, so it is a guess.
";
