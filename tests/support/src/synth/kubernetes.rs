//! Random Kubernetes objects: the bytes that kube-apiserver would store, and the JSON that it would print.
//!
//! Driven by the field tables beside the decoder, read here a second time; the wire format and the printing rules are
//! written a second time too, and every value is drawn before it is encoded, so nothing is decoded here.

use std::collections::{BTreeMap, HashMap};
use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// A small generator (SplitMix64), so that a seed is an object.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence of that seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The next number, below a bound.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn one_of<'t, T>(&mut self, list: &'t [T]) -> &'t T {
        &list[self.below(list.len())]
    }
}

struct SchemaField {
    number: u32,
    name: String,
    kind: String,
    label: &'static str,
    rule: String,
}

#[derive(Default)]
struct Message {
    form: String,
    fields: Vec<SchemaField>,
}

/// The field tables.
pub struct Schema {
    messages: HashMap<String, Message>,
    /// apiVersion, kind, message.
    kinds: Vec<(String, String, String)>,
}

/// One record on the wire: number, and tag with payload.
type Record = (u32, Vec<u8>);

impl Schema {
    /// Reads the tables of the library.
    #[must_use]
    pub fn load() -> Self {
        let dir = crate::root().join("lib/kube/src/schema");
        let text = fs::read_to_string(dir.join("fields.tsv")).expect("fields.tsv");
        let mut messages: HashMap<String, Message> = HashMap::new();
        let mut current = String::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let cells: Vec<&str> = line.split('\t').collect();
            if !cells[0].is_empty() {
                let (name, form) = cells[0].split_once(' ').unwrap_or((cells[0], ""));
                current = name.to_owned();
                messages.entry(current.clone()).or_default().form = form.to_owned();
                continue;
            }
            let (label, kind) = match cells[3] {
                kind if kind.starts_with("map<string,") => {
                    ("map", kind[11..].trim_end_matches('>'))
                }
                kind if kind.starts_with("repeated ") => ("repeated", &kind[9..]),
                kind => ("", kind),
            };
            let package = current.rsplit_once('.').expect("a package").0;
            let field = SchemaField {
                number: cells[1].parse().expect("a number"),
                name: cells
                    .get(4)
                    .filter(|json| !json.is_empty())
                    .unwrap_or(&cells[2])
                    .to_string(),
                kind: if kind.starts_with('.') {
                    format!("{package}{kind}")
                } else {
                    kind.to_owned()
                },
                label,
                rule: cells[5].trim_end_matches('?').to_owned(),
            };
            messages
                .get_mut(&current)
                .expect("a message")
                .fields
                .push(field);
        }
        let kinds = fs::read_to_string(dir.join("kinds.tsv")).expect("kinds.tsv");
        let kinds = kinds.lines().skip(1).map(|line| {
            let mut cells = line.split('\t').map(str::to_owned);
            let mut cell = || cells.next().expect("three cells");
            (cell(), cell(), cell())
        });
        Self {
            messages,
            kinds: kinds.collect(),
        }
    }

    /// How many kinds there are.
    #[must_use]
    pub fn kinds(&self) -> usize {
        self.kinds.len()
    }

    /// The number of a kind.
    #[must_use]
    pub fn find(&self, api_version: &str, kind: &str) -> Option<usize> {
        let mut kinds = self.kinds.iter();
        kinds.position(|row| (row.0.as_str(), row.1.as_str()) == (api_version, kind))
    }

    /// A random object of one kind: what is stored, and its JSON.
    #[must_use]
    pub fn object(&self, kind: usize, random: &mut Random) -> (Vec<u8>, Value) {
        let (api_version, kind, message) = &self.kinds[kind % self.kinds.len()];
        let (raw, members) = self.message(message, 0, random);
        let mut json = Map::new();
        json.insert("kind".into(), kind.as_str().into());
        json.insert("apiVersion".into(), api_version.as_str().into());
        json.extend(members);
        let meta = [bytes(1, api_version.as_bytes()), bytes(2, kind.as_bytes())].concat();
        let parts = [
            b"k8s\0".to_vec(),
            bytes(1, &meta),
            bytes(2, &raw),
            bytes(3, b""),
            bytes(4, b""),
        ];
        (parts.concat(), Value::Object(json))
    }

    /// A message printed as an object: its bytes and its members.
    fn message(
        &self,
        name: &str,
        depth: usize,
        random: &mut Random,
    ) -> (Vec<u8>, Map<String, Value>) {
        let (mut records, mut members) = (Vec::new(), Map::new());
        for field in &self.messages[name].fields {
            let (own, printed) = self.field(field, depth, random);
            records.extend(own);
            match printed {
                Some(Value::Object(inner)) if field.rule == "inline" => members.extend(inner),
                Some(value) => {
                    members.insert(field.name.clone(), value);
                }
                None => {}
            }
        }
        if random.chance(5) {
            records.push((2000, bytes(2000, b"of a later release")));
        }
        (self.wire(records, random), members)
    }

    /// Usually by number; sometimes in any order that keeps the order within one number.
    fn wire(&self, mut records: Vec<Record>, random: &mut Random) -> Vec<u8> {
        records.sort_by_key(|(number, _)| *number);
        if random.chance(10) {
            let mut groups: BTreeMap<u32, Vec<Vec<u8>>> = BTreeMap::new();
            for (number, record) in records.drain(..) {
                groups.entry(number).or_default().push(record);
            }
            while !groups.is_empty() {
                let number = *random.one_of(&groups.keys().copied().collect::<Vec<_>>());
                let group = groups.get_mut(&number).expect("picked from the keys");
                records.push((number, group.remove(0)));
                groups.retain(|_, group| !group.is_empty());
            }
        }
        records.into_iter().flat_map(|(_, record)| record).collect()
    }

    /// Records and printed value of one field.
    fn field(
        &self,
        field: &SchemaField,
        depth: usize,
        random: &mut Random,
    ) -> (Vec<Record>, Option<Value>) {
        let number = field.number;
        let is_message = field.kind.contains('.');
        let absent = random.chance(30 + depth * 12) || (depth > 6 && is_message);
        if absent {
            return (Vec::new(), self.absent(field));
        }
        let record = |payload: Vec<u8>| (number, payload);
        match field.label {
            "repeated" => {
                let items: Vec<_> = (0..=random.below(3))
                    .map(|_| self.value(&field.kind, depth, random))
                    .collect();
                let (wires, printed): (Vec<_>, Vec<_>) = items.into_iter().unzip();
                let records = wires
                    .iter()
                    .map(|wire| record(wire.record(number)))
                    .collect();
                (records, Some(Value::Array(printed)))
            }
            "map" => {
                let mut entries: BTreeMap<String, (Wire, Value)> = BTreeMap::new();
                for _ in 0..=random.below(3) {
                    entries.insert(text(random), self.value(&field.kind, depth, random));
                }
                let mut records: Vec<Record> = entries
                    .iter()
                    .map(|(key, (wire, _))| {
                        let entry = [bytes(1, key.as_bytes()), wire.record(2)].concat();
                        record(bytes(number, &entry))
                    })
                    .collect();
                if random.chance(20) {
                    records.reverse();
                }
                let printed = entries.into_iter().map(|(key, (_, value))| (key, value));
                (records, Some(Value::Object(printed.collect())))
            }
            _ => {
                let (wire, printed) = self.value(&field.kind, depth, random);
                let empty = matches!(&printed, Value::Bool(false))
                    || printed == json!("")
                    || printed == json!(0)
                    || (!is_message && printed.as_f64() == Some(0.0));
                let left_out = field.rule == "omitempty" && empty && !is_message
                    || field.rule == "omitzero" && printed.is_null();
                let mut records = vec![record(wire.record(number))];
                if !is_message && random.chance(5) {
                    // The last of several scalars wins.
                    let (other, _) = self.value(&field.kind, depth, random);
                    records.insert(0, record(other.record(number)));
                }
                if let (true, Wire::Bytes(whole)) = (is_message && random.chance(10), &wire) {
                    records = split(whole)
                        .into_iter()
                        .map(|part| record(bytes(number, &part)))
                        .collect();
                }
                (records, (!left_out).then_some(printed))
            }
        }
    }

    /// What stands for a field that is not on the wire.
    fn absent(&self, field: &SchemaField) -> Option<Value> {
        let is_message = field.kind.contains('.');
        match (field.rule.as_str(), field.label) {
            ("pointer-null", _) | ("always", "repeated" | "map") => Some(Value::Null),
            ("always" | "inline", _) if is_message => Some(self.zero(&field.kind)),
            ("always", _) => Some(match field.kind.as_str() {
                "string" => json!(""),
                "bytes" => Value::Null,
                "bool" => json!(false),
                _ => json!(0),
            }),
            _ => None,
        }
    }

    fn zero(&self, message: &str) -> Value {
        let found = &self.messages[message];
        match found.form.as_str() {
            "" => {
                let mut members = Map::new();
                for field in &found.fields {
                    match self.absent(field) {
                        Some(Value::Object(inner)) if field.rule == "inline" => {
                            members.extend(inner)
                        }
                        Some(value) => {
                            members.insert(field.name.clone(), value);
                        }
                        None => {}
                    }
                }
                Value::Object(members)
            }
            "quantity" => json!("0"),
            "int-or-string" => json!(0),
            "or-bool" => json!(false),
            "list" => json!([]),
            _ => Value::Null,
        }
    }

    fn value(&self, kind: &str, depth: usize, random: &mut Random) -> (Wire, Value) {
        match kind {
            "string" => {
                let text = text(random);
                (Wire::Bytes(text.clone().into_bytes()), json!(text))
            }
            "bytes" => {
                let data: Vec<u8> = (0..random.below(6)).map(|_| random.next() as u8).collect();
                let printed = json!(STANDARD.encode(&data));
                (Wire::Bytes(data), printed)
            }
            "bool" => {
                let value = random.chance(50);
                (Wire::Varint(u64::from(value)), json!(value))
            }
            "int32" => {
                let value = *random.one_of(&[0, 1, -1, 80, i32::MAX, i32::MIN]);
                (Wire::Varint(i64::from(value) as u64), json!(value))
            }
            "int64" => {
                let value = *random.one_of(&[0, 7, -1, 9_007_199_254_740_993, i64::MAX, i64::MIN]);
                (Wire::Varint(value as u64), json!(value))
            }
            "double" => {
                let (value, printed) =
                    *random.one_of(&[(0.0, "0"), (0.1, "0.1"), (-3.0, "-3"), (1e21, "1e21")]);
                let printed = serde_json::from_str(printed).expect("a number");
                (Wire::Fixed64(f64::to_bits(value)), printed)
            }
            message => {
                let (data, printed) = self.special(message, depth, random);
                (Wire::Bytes(data), printed)
            }
        }
    }

    fn special(&self, message: &str, depth: usize, random: &mut Random) -> (Vec<u8>, Value) {
        const TIMES: &[(i64, &str)] = &[
            (0, "1970-01-01T00:00:00"),
            (1_609_459_199, "2020-12-31T23:59:59"),
            (951_827_696, "2000-02-29T12:34:56"),
            (-86_400, "1969-12-31T00:00:00"),
            (253_402_300_799, "9999-12-31T23:59:59"),
        ];
        const QUANTITIES: &[(&str, &str)] = &[
            ("100m", "100m"),
            ("1Gi", "1Gi"),
            ("0", "0"),
            ("0.5", "500m"),
            ("1024Ki", "1Mi"),
            ("1e3", "1e3"),
            ("5000", "5k"),
        ];
        let found = &self.messages[message];
        let inner = |number: usize, random: &mut Random| {
            let field = &found.fields[number - 1];
            self.message(&field.kind, depth + 1, random)
        };
        let nothing = random.chance(10);
        match found.form.as_str() {
            "" => {
                let (data, members) = self.message(message, depth + 1, random);
                (data, Value::Object(members))
            }
            _ if nothing => (Vec::new(), self.zero(message)),
            "time" => {
                let (seconds, text) = random.one_of(TIMES);
                (
                    [number(1, *seconds), number(2, 0)].concat(),
                    json!(format!("{text}Z")),
                )
            }
            "microtime" => {
                let (seconds, text) = random.one_of(TIMES);
                (
                    [number(1, *seconds), number(2, 12_345_678)].concat(),
                    json!(format!("{text}.012345Z")),
                )
            }
            "quantity" => {
                let (written, printed) = random.one_of(QUANTITIES);
                (bytes(1, written.as_bytes()), json!(printed))
            }
            "int-or-string" if random.chance(50) => {
                let name = text(random);
                (
                    [number(1, 1), number(2, 0), bytes(3, name.as_bytes())].concat(),
                    json!(name),
                )
            }
            "int-or-string" => (
                [number(1, 0), number(2, -8080), bytes(3, b"")].concat(),
                json!(-8080),
            ),
            "json" => {
                let text = *random.one_of(&[
                    "{\"a\":[1,2.5,\"x\\u2028\"],\"b\":null}",
                    "{}",
                    "[]",
                    "\"text\"",
                    "12345678901234",
                    "{\n \"f:a\": {}\n}",
                ]);
                (
                    bytes(1, text.as_bytes()),
                    serde_json::from_str(text).expect("JSON"),
                )
            }
            "list" => {
                let items: Vec<String> = (0..random.below(3)).map(|_| text(random)).collect();
                let data = items
                    .iter()
                    .flat_map(|item| bytes(1, item.as_bytes()))
                    .collect();
                (data, json!(items))
            }
            "or-bool" if random.chance(50) => (number(1, 1), json!(true)),
            "or-bool" => {
                let (schema, members) = inner(2, random);
                (
                    [number(1, 1), bytes(2, &schema)].concat(),
                    Value::Object(members),
                )
            }
            "or-strings" if random.chance(50) => {
                let (a, b) = (text(random), text(random));
                (
                    [bytes(2, a.as_bytes()), bytes(2, b.as_bytes())].concat(),
                    json!([a, b]),
                )
            }
            "or-array" if random.chance(50) => {
                let (schema, members) = inner(2, random);
                (bytes(2, &schema), json!([members]))
            }
            _ => {
                let (schema, members) = inner(1, random);
                (bytes(1, &schema), Value::Object(members))
            }
        }
    }
}

/// A payload.
enum Wire {
    Varint(u64),
    Fixed64(u64),
    Bytes(Vec<u8>),
}

impl Wire {
    fn record(&self, number: u32) -> Vec<u8> {
        match self {
            Self::Varint(value) => [varint(u64::from(number) << 3), varint(*value)].concat(),
            Self::Fixed64(bits) => [
                varint(u64::from(number) << 3 | 1),
                bits.to_le_bytes().to_vec(),
            ]
            .concat(),
            Self::Bytes(data) => bytes(number, data),
        }
    }
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

fn number(field: u32, value: i64) -> Vec<u8> {
    Wire::Varint(value as u64).record(field)
}

fn bytes(field: u32, data: &[u8]) -> Vec<u8> {
    [
        varint(u64::from(field) << 3 | 2),
        varint(data.len() as u64),
        data.to_vec(),
    ]
    .concat()
}

/// A message as two messages that merge to it: cut after its first record, where that is easy to see.
fn split(message: &[u8]) -> Vec<Vec<u8>> {
    match message {
        [tag, len, ..] if tag & 7 == 2 && *tag < 0x80 && *len < 0x80 => {
            let (first, rest) = message.split_at(2 + usize::from(*len));
            vec![first.to_vec(), rest.to_vec()]
        }
        whole => vec![whole.to_vec()],
    }
}

fn text(random: &mut Random) -> String {
    const TEXTS: &[&str] = &[
        "",
        "web",
        "kube-system",
        "a/b:c",
        "yes",
        "naïve ☃ 😀",
        "<&>\u{2028}",
        "tab\tline\nquote\"\\",
        "\u{1}\u{7f}",
        "1e3",
    ];
    let text = *random.one_of(TEXTS);
    if random.chance(30) {
        format!("{text}{}", random.below(1000))
    } else {
        text.to_owned()
    }
}
