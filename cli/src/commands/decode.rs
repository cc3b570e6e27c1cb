use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};

use anyhow::Context;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use etcd_inspect::Command;
use etcd_inspect::kubernetes::encryption::Keyring;
use etcd_inspect::kubernetes::key::Layout;
use etcd_inspect::kubernetes::{Options, Value};
use serde_json::json;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Format, hex, json, person};
use crate::secrets::KeyFiles;
use crate::ui::Ui;
use crate::what;

/// Decode one stored value from standard input or a file, as `auger decode` does
///
/// Kubernetes protobuf, JSON and CBOR become YAML (or JSON with -o json); anything else is shown in hex. Nothing is hidden
/// here: whoever runs this has the value already.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcdctl get /registry/pods/shop/web --print-value-only | etcd-inspect decode
  etcd-inspect decode value.bin -o json
  etcd-inspect decode --lines < base64-values.txt     one JSON document a line
  etcd-inspect decode --key /registry/secrets/shop/web --encryption-config enc.yaml value.bin")]
pub(crate) struct DecodeArgs {
    /// File with the value; - or nothing: standard input
    file: Option<PathBuf>,
    /// One base64 value a line in, one JSON document a line out; a bad line gives {\"error\": …}
    #[arg(long)]
    lines: bool,
    /// Show fields that no release names, under their number
    #[arg(long)]
    unknown: bool,
    /// The etcd key it was stored under: AES-GCM needs it to open a value
    #[arg(long, value_name = "KEY")]
    key: Option<std::ffi::OsString>,
    #[command(flatten)]
    keys: KeyFiles,
}

pub(crate) fn run(args: &DecodeArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let decoder = Decoder {
        keyring: args.keys.keyring()?,
        key: args
            .key
            .as_ref()
            .map(|key| what::unescape(key))
            .unwrap_or_default(),
        unknown: args.unknown,
        depth: ui.global.value_depth,
        memory: ui.global.value_memory,
    };
    let input: Box<dyn Read> = match args.file.as_deref() {
        None => Box::new(io::stdin().lock()),
        Some(path) if path == Path::new("-") => Box::new(io::stdin().lock()),
        Some(path) => Box::new(etcd_inspect::evidence::open_beside(path).map_err(|error| {
            Failure::usage(format!("{}: {error}", path.display()))
                .next(Command::new("ls").arg("-l").path(path))
        })?),
    };
    if args.lines {
        lines(&decoder, io::BufReader::new(input), ui)
    } else {
        one(&decoder, input, ui)
    }
}

struct Decoder {
    keyring: Keyring,
    key: Vec<u8>,
    unknown: bool,
    depth: Option<usize>,
    memory: Option<u64>,
}

/// What became of a value.
struct Decoded {
    object: serde_json::Value,
    note: Option<String>,
}

impl Decoder {
    fn decode(&self, stored: &[u8]) -> anyhow::Result<Decoded> {
        let layout = Layout::default();
        let opened = self
            .keyring
            .open(&self.key, layout.parse(&self.key).as_ref(), stored)?;
        let plain = opened
            .as_ref()
            .map_or(stored, |opened| opened.plain.as_slice());
        let mut options = Options {
            unknown_fields: self.unknown,
            ..Options::default()
        };
        if let Some(depth) = self.depth {
            options.limits.value_depth = depth;
        }
        if let Some(bytes) = self.memory {
            options.limits.value_memory = usize::try_from(bytes).unwrap_or(usize::MAX);
        }
        let object = Value::parse(plain)?.object(options)?;
        let note = object.note();
        Ok(Decoded {
            object: object.into_json()?,
            note,
        })
    }
}

fn one(decoder: &Decoder, mut input: impl Read, ui: &mut Ui) -> anyhow::Result<Exit> {
    let mut stored = Vec::new();
    input
        .read_to_end(&mut stored)
        .context("reading the value")?;
    let decoded = match decoder.decode(&stored) {
        Ok(decoded) => decoded,
        // etcdctl and most editors end their output with a newline that was never stored.
        Err(error) => match stored.strip_suffix(b"\n").map(|cut| decoder.decode(cut)) {
            Some(Ok(decoded)) => decoded,
            _ => return undecodable(&stored, &error, ui),
        },
    };
    if let Some(note) = decoded.note {
        ui.note(note)?;
    }
    match ui.global.format() {
        Format::Json => {
            json::pretty(ui.out(), &decoded.object)?;
            ui.out().write_all(b"\n")?;
        }
        Format::Jsonl => {
            json::compact(ui.out(), &decoded.object)?;
            ui.out().write_all(b"\n")?;
        }
        _ => person::yaml(&decoded.object, ui)?,
    }
    Ok(Exit::Ok)
}

fn undecodable(stored: &[u8], error: &anyhow::Error, ui: &mut Ui) -> anyhow::Result<Exit> {
    ui.warn(format!("not a Kubernetes value: {error}"))?;
    let terminal = ui.terminal;
    let shown = stored.get(..512).unwrap_or(stored);
    if ui.global.format().is_table() {
        hex::dump(ui.out(), terminal, "", 0, shown)?;
    }
    Ok(Exit::Negative)
}

fn lines(decoder: &Decoder, input: impl BufRead, ui: &mut Ui) -> anyhow::Result<Exit> {
    let mut bad = false;
    for line in input.split(b'\n') {
        let line = line.context("reading the lines")?;
        let text = line.trim_ascii();
        let decoded = match STANDARD.decode(text) {
            Ok(stored) => decoder.decode(&stored).map_err(|error| error.to_string()),
            Err(error) => Err(format!("not base64: {error}")),
        };
        let document = match decoded {
            Ok(decoded) => decoded.object,
            Err(error) => {
                bad = true;
                json!({ "error": error })
            }
        };
        let out = ui.out();
        json::compact(out, &document)?;
        out.write_all(b"\n")?;
        if ui.interrupt.is_set() {
            return Ok(Exit::Partial);
        }
    }
    Ok(if bad { Exit::Partial } else { Exit::Ok })
}
