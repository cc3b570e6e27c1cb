//! Turns the Kubernetes field tables into static data: nothing is parsed at run time.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

const TABLES: &str = "src/schema";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={TABLES}/fields.tsv");
    println!("cargo::rerun-if-changed={TABLES}/kinds.tsv");
    println!("cargo::rerun-if-changed={TABLES}/openshift");
    // Messages are in the order of their names: those of OpenShift begin with `github.com`.
    let fields = fs::read_to_string(format!("{TABLES}/openshift/fields.tsv"))?
        + &fs::read_to_string(format!("{TABLES}/fields.tsv"))?;
    let kinds = fs::read_to_string(format!("{TABLES}/kinds.tsv"))?
        + &fs::read_to_string(format!("{TABLES}/openshift/kinds.tsv"))?;
    let out = PathBuf::from(env::var("OUT_DIR")?).join("kubernetes_schema.rs");
    fs::write(out, generate(&fields, &kinds)?)?;
    Ok(())
}

/// The rows of the tables: comments and blank lines left out.
fn rows(table: &str) -> impl Iterator<Item = &str> {
    table
        .lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
}

fn generate(fields: &str, kinds: &str) -> Result<String, Box<dyn Error>> {
    let heads: Vec<(&str, &str)> = rows(fields)
        .filter(|line| !line.starts_with('\t'))
        .map(|line| line.split_once(' ').unwrap_or((line, "")))
        .collect();
    let index: HashMap<&str, usize> = heads
        .iter()
        .zip(0..)
        .map(|((name, _), at)| (*name, at))
        .collect();
    let mut names = Names::default();
    let (mut count, mut message, mut starts, mut rows_out) =
        (0_usize, "", Vec::new(), String::new());
    for line in rows(fields) {
        let Some(row) = line.strip_prefix('\t') else {
            message = line.split(' ').next().unwrap_or_default();
            starts.push(count);
            continue;
        };
        rows_out.push_str(&field_row(row, message, &index, &mut names)?);
        count += 1;
    }
    starts.push(count);

    let mut out = format!("static FIELDS: [Field; {count}] = [\n{rows_out}];\n");
    writeln!(out, "static MESSAGES: [Message; {}] = [", heads.len())?;
    for ((name, form), range) in heads.iter().zip(starts.windows(2)) {
        let form = match *form {
            "" => "Plain",
            "time" => "Time",
            "microtime" => "MicroTime",
            "quantity" => "Quantity",
            "int-or-string" => "IntOrString",
            "json" => "Json",
            "list" => "List",
            "or-bool" => "OrBool",
            "or-array" => "OrArray",
            "or-strings" => "OrStrings",
            other => return Err(format!("{name}: unknown form {other:?}").into()),
        };
        let (Some(start), Some(end)) = (range.first(), range.last()) else {
            continue;
        };
        writeln!(out, "m({name:?},Form::{form},{start},{end}),")?;
    }
    writeln!(
        out,
        "];\nstatic NAMES: [&str; {}] = {:?};",
        names.all.len(),
        names.all
    )?;
    out.push_str(&kind_table(kinds, &index, &first_releases(fields))?);
    Ok(out)
}

/// One field as a call of `f`.
fn field_row<'t>(
    row: &'t str,
    message: &str,
    index: &HashMap<&str, usize>,
    names: &mut Names<'t>,
) -> Result<String, Box<dyn Error>> {
    let mut cells = row.split('\t');
    let mut cell = || cells.next().unwrap_or_default();
    let (number, name, kind, json, rule) = (cell(), cell(), cell(), cell(), cell());
    let number: u16 = number.parse()?;
    let name = names.index(if json.is_empty() { name } else { json });
    let (label, kind) = match (
        kind.strip_prefix("repeated "),
        kind.strip_prefix("map<string,"),
    ) {
        (Some(kind), _) => ("Repeated", kind),
        (_, Some(kind)) => ("Map", kind.trim_end_matches('>')),
        _ => ("One", kind),
    };
    let (wire, target) = match kind {
        "string" => ("String", 0),
        "bytes" => ("Bytes", 0),
        "bool" => ("Bool", 0),
        "int32" => ("Int32", 0),
        "int64" | "uint32" | "uint64" => ("Int64", 0),
        "double" => ("Double", 0),
        name => ("Message", target(name, message, index)?),
    };
    let rule = match rule.trim_end_matches('?') {
        "omitempty" => "OmitEmpty",
        "omitzero" => "OmitZero",
        "always" => "Always",
        "pointer" => "Pointer",
        "pointer-null" => "PointerNull",
        "inline" => "Inline",
        other => return Err(format!("{message} {number}: unknown rule {other:?}").into()),
    };
    Ok(format!(
        "f({number},{name},Type::{wire},{target},Label::{label},Rule::{rule}),\n"
    ))
}

/// The message that a type name in a field of `message` means; `.Name` is of the same package.
fn target(
    name: &str,
    message: &str,
    index: &HashMap<&str, usize>,
) -> Result<usize, Box<dyn Error>> {
    let package = message.rsplit_once('.').map_or("", |(package, _)| package);
    let whole = match name.strip_prefix('.') {
        Some(bare) => format!("{package}.{bare}"),
        None => name.to_owned(),
    };
    let found = index.get(whole.as_str()).copied();
    found.ok_or_else(|| format!("{message}: {whole} is not defined").into())
}

/// The minor version of the first release that has the first field of each message.
fn first_releases(fields: &str) -> HashMap<&str, u16> {
    let mut first = HashMap::new();
    let mut message = "";
    for line in rows(fields) {
        let Some(row) = line.strip_prefix('\t') else {
            message = line.split(' ').next().unwrap_or_default();
            continue;
        };
        let range = row.split('\t').nth(5).unwrap_or_default();
        let minor = range
            .split('-')
            .next()
            .and_then(|from| from.strip_prefix("1."));
        if let Some(minor) = minor.and_then(|minor| minor.parse().ok()) {
            first.entry(message).or_insert(minor);
        }
    }
    first
}

/// Sorted by apiVersion, then kind: looked up by binary search.
fn kind_table(
    kinds: &str,
    index: &HashMap<&str, usize>,
    since: &HashMap<&str, u16>,
) -> Result<String, Box<dyn Error>> {
    let mut sorted = BTreeMap::new();
    for row in rows(kinds).skip(1) {
        let mut cells = row.split('\t');
        let mut cell = || cells.next().unwrap_or_default();
        let (api_version, kind, message) = (cell(), cell(), cell());
        let since = since.get(message).copied().unwrap_or_default();
        let message = index
            .get(message)
            .ok_or_else(|| format!("{message} has no fields"))?;
        sorted.insert((api_version, kind), (message, since));
    }
    let mut out = format!("static KINDS: [Kind; {}] = [\n", sorted.len());
    for ((api_version, kind), (message, since)) in sorted {
        writeln!(
            out,
            "Kind {{ api_version: {api_version:?}, kind: {kind:?}, message: {message}, since: {since} }},"
        )?;
    }
    out.push_str("];\n");
    Ok(out)
}

/// JSON names, each once.
#[derive(Default)]
struct Names<'a> {
    all: Vec<&'a str>,
    index: HashMap<&'a str, usize>,
}

impl<'a> Names<'a> {
    fn index(&mut self, name: &'a str) -> usize {
        *self.index.entry(name).or_insert_with(|| {
            self.all.push(name);
            self.all.len() - 1
        })
    }
}
