//! One version of a key, as the preview and the history show it.

mod describe;
mod hex;
mod when;

use etcd_inspect::answers::WrittenVersion;
use etcd_inspect::export::yaml::{self, Step};
use etcd_inspect::kubernetes::Value as Stored;
use etcd_inspect::kubernetes::apply::{Keep, recreatable};
use etcd_inspect::kubernetes::mask::is_secret;
use etcd_inspect::member::Reading;
use serde_json::Value;

pub(crate) use describe::describe;
pub(crate) use hex::Hex;
pub(crate) use when::when_text;

use crate::session::{Data, Session};

/// How much of an object its YAML shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Neat {
    /// Without managedFields and status.
    #[default]
    Least,
    /// With status.
    Status,
    /// All of it.
    Full,
    /// What `get --neat` prints: ready to be created again.
    Ready,
}

impl Neat {
    pub(crate) fn next(self) -> Self {
        match self {
            Self::Least => Self::Status,
            Self::Status => Self::Full,
            Self::Full => Self::Ready,
            Self::Ready => Self::Least,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Least => "managedFields, status hidden",
            Self::Status => "managedFields hidden",
            Self::Full => "full",
            Self::Ready => "neat: can be created again",
        }
    }
}

/// A version with what its value says.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) version: WrittenVersion,
    /// The object, masked unless its secrets are revealed; or why there is none.
    pub(crate) json: Result<Value, String>,
    /// `protobuf`, `json`, `encrypted`, `other`.
    pub(crate) encoding: &'static str,
    /// Whether its bytes are secret and hidden.
    pub(crate) hidden: bool,
    /// Values of the object that are hidden by a mask.
    pub(crate) masked: usize,
}

impl Object {
    pub(crate) fn read(version: WrittenVersion, data: &Data, session: &Session) -> Self {
        let mask = session.mask(&version.key);
        let layout = data.layout();
        let is_kubernetes = layout.resource(&version.key).is_some();
        let read = data.objects().json(&version.version(), Reading::default());
        let mut json = match read {
            Ok(object) => Ok(object),
            Err(_) if !is_kubernetes && !version.tombstone => Err(String::new()),
            Err(why) => Err(why.to_string()),
        };
        let mut masked = 0;
        if let (Ok(object), Some(mask)) = (&mut json, mask) {
            let clear = object.clone();
            mask.object(object);
            masked = differing(&clear, object);
        }
        let value = version.key_value().map(|kv| kv.value);
        let stored = value.and_then(|value| Stored::parse(value).ok());
        let encoding = stored.map_or("other", |stored| stored.encoding());
        let hidden =
            mask.is_some() && value.is_some_and(|value| is_secret(layout, &version.key, value));
        Self {
            json,
            encoding,
            hidden,
            masked,
            version,
        }
    }

    /// Whether a mask hides something of it.
    pub(crate) fn is_masked(&self, session: &Session) -> bool {
        let value = self.version.key_value().map(|kv| kv.value);
        let is_text_masked = || {
            let mask = session
                .mask(&self.version.key)
                .filter(|_| self.json.is_err());
            mask.zip(value)
                .is_some_and(|(mask, value)| *mask.bytes(value) != *value)
        };
        self.masked > 0 || self.hidden || is_text_masked()
    }

    /// `apps/v1 Deployment`.
    pub(crate) fn kind(&self) -> Option<String> {
        let object = self.json.as_ref().ok()?;
        let text = |name| object.get(name).and_then(Value::as_str).unwrap_or_default();
        Some(
            format!("{} {}", text("apiVersion"), text("kind"))
                .trim()
                .to_owned(),
        )
    }

    /// The whole object as JSON or YAML, to be copied: a mask is no value.
    ///
    /// # Errors
    /// Why there is none. Hidden values are counted, and the key that shows them is named.
    pub(crate) fn text_as(&self, json: bool, neat: Neat) -> Result<String, String> {
        let value = self.json.as_ref().map_err(|why| match why.is_empty() {
            true => "not a Kubernetes object".to_owned(),
            false => why.clone(),
        })?;
        if self.masked > 0 {
            return Err(hidden(self.masked));
        }
        text_of(&shaped(value.clone(), neat), json)
    }

    /// The bytes of the value as lines of text or, for objects, of YAML.
    pub(crate) fn lines(&self, neat: Neat, session: &Session) -> Vec<yaml::Line> {
        match &self.json {
            Ok(object) => {
                let mut lines = yaml::lines(&shaped(object.clone(), neat));
                if neat == Neat::Least
                    && let Some(status) = object
                        .get("status")
                        .and_then(Value::as_object)
                        .filter(|status| !status.is_empty())
                {
                    lines.push(plain(format!(
                        "status: ▸ {{{} hidden — m shows}}",
                        status.len()
                    )));
                }
                lines
            }
            Err(why) => self.text(why, session),
        }
    }

    /// A value that is no object: its text, or why there is none to show.
    fn text(&self, why: &str, session: &Session) -> Vec<yaml::Line> {
        let mut lines = Vec::new();
        if !why.is_empty() {
            lines.push(plain(why.to_owned()));
            lines.push(plain(String::new()));
        }
        let value = self.version.key_value().map(|kv| kv.value);
        let Some(value) = value.filter(|_| !self.version.tombstone) else {
            return lines;
        };
        if self.hidden {
            lines.push(plain(format!(
                "{} (X shows it for ten seconds)",
                session.options.mask.hidden(value)
            )));
            return lines;
        }
        let mask = session.mask(&self.version.key);
        let bytes = mask.map_or(value.into(), |mask| mask.bytes(value));
        match std::str::from_utf8(&bytes) {
            Ok(text) => lines.extend(text.lines().take(MOST).map(|line| plain(line.to_owned()))),
            Err(_) => lines.push(plain(format!(
                "{} bytes that are no text; x shows them",
                value.len()
            ))),
        }
        lines
    }
}

/// Why values that are hidden are neither copied nor written.
pub(crate) fn hidden(count: usize) -> String {
    let values = match count {
        1 => "1 value is".to_owned(),
        count => format!("{count} values are"),
    };
    format!(
        "not copied or written: {values} hidden, and a mask is no value. X shows them for ten seconds; then again"
    )
}

/// How many single values two objects differ in.
fn differing(one: &Value, other: &Value) -> usize {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) if one.len() == other.len() => {
            let of = |(name, value): (&String, &Value)| {
                other.get(name).map_or(1, |other| differing(value, other))
            };
            one.iter().map(of).sum()
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            let pairs = one.iter().zip(other);
            pairs.map(|(one, other)| differing(one, other)).sum()
        }
        _ => usize::from(one != other),
    }
}

/// Lines of a text that are looked at.
const MOST: usize = 100_000;

fn plain(text: String) -> yaml::Line {
    yaml::Line {
        text,
        path: Vec::<Step>::new(),
        opens: false,
    }
}

/// An object as JSON or YAML.
///
/// # Errors
/// Why it has no such form.
pub(crate) fn text_of(object: &Value, json: bool) -> Result<String, String> {
    if json {
        return serde_json::to_string_pretty(object).map_err(|error| error.to_string());
    }
    let mut text = Vec::new();
    yaml::write(&mut text, object).map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// An object with as much as is wanted of it.
pub(crate) fn shaped(mut object: Value, neat: Neat) -> Value {
    match neat {
        Neat::Full => return object,
        Neat::Ready => {
            recreatable(&mut object, Keep::default());
            return object;
        }
        Neat::Least | Neat::Status => {}
    }
    if let Some(fields) = object.as_object_mut().filter(|_| neat == Neat::Least) {
        fields.shift_remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.shift_remove("managedFields");
    }
    object
}
