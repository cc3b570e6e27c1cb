//! Events of a watch as protobuf: each a frame of its length, in four bytes, and a `WatchEvent` (apimachinery
//! `pkg/util/framer/framer.go` and `pkg/apis/meta/v1/generated.proto`, v0.34.0).

use etcd_inspect::member::Objects;
use prost::encoding::{WireType, encode_key, encode_varint};
use serde_json::Value;

use super::{METADATA, RESOURCE_VERSION, TAIL, delimited, head, message, metadata_kind};
use crate::kube::list::List;
use crate::kube::query::Form;
use crate::kube::watch::{Event, Subject};
use crate::net::status::Status;

/// The media type of a watch.
pub const WATCH_MEDIA: &str = "application/vnd.kubernetes.protobuf;stream=watch";

/// `name` of `ObjectMeta`.
const NAME: u32 = 1;

/// `namespace` of `ObjectMeta`.
const NAMESPACE: u32 = 3;

/// `annotations` of `ObjectMeta`.
const ANNOTATIONS: u32 = 12;

/// Writes events.
#[derive(Debug)]
pub struct WatchFrames<'e> {
    list: &'e List<'e>,
    objects: &'e Objects<'e>,
}

impl<'e> WatchFrames<'e> {
    /// Those of a list.
    pub fn new(list: &'e List<'e>, objects: &'e Objects<'e>) -> Self {
        Self { list, objects }
    }

    /// The frame of an event; `None` if the object has no protobuf form.
    pub fn event(&self, event: &Event<'_>) -> Option<Vec<u8>> {
        let (list, form) = (self.list, self.list.accept.form);
        let (api_version, kind) = match form {
            Form::Object => (
                list.served.of.api_version(),
                list.served.target.kind.clone(),
            ),
            Form::Metadata => metadata_kind(""),
            Form::Table => return None,
        };
        let object = match &event.subject {
            Subject::Stored(version, _) => {
                message(&list.shape(), self.objects, version, form, event.revision)?
            }
            Subject::Key { namespace, name } => {
                let namespace = namespace.as_deref().unwrap_or_default();
                metadata(&[(NAME, name), (NAMESPACE, namespace)], event.revision, &[])
            }
            Subject::Bookmark {
                is_end_of_first_state,
            } => {
                let annotations: &[_] = match is_end_of_first_state {
                    true => &[("k8s.io/initial-events-end", "true")],
                    false => &[],
                };
                metadata(&[], event.revision, annotations)
            }
        };
        Some(frame(event.kind, &api_version, &kind, &object))
    }

    /// The frame that ends a watch which cannot be answered.
    pub fn error(&self, status: &Status) -> Vec<u8> {
        let json = status.json();
        let text = |name: &str| json.get(name).and_then(Value::as_str).unwrap_or_default();
        let mut object = Vec::new();
        delimited(METADATA, b"", &mut object);
        for (number, name) in [(2, "status"), (3, "message"), (4, "reason")] {
            delimited(number, text(name).as_bytes(), &mut object);
        }
        encode_key(6, WireType::Varint, &mut object);
        let code = json.get("code").and_then(Value::as_u64);
        encode_varint(code.unwrap_or_default(), &mut object);
        frame("ERROR", "v1", "Status", &object)
    }
}

/// An object that has metadata alone.
fn metadata(names: &[(u32, &str)], revision: i64, annotations: &[(&str, &str)]) -> Vec<u8> {
    let mut fields = Vec::new();
    for (number, text) in names.iter().filter(|(_, text)| !text.is_empty()) {
        delimited(*number, text.as_bytes(), &mut fields);
    }
    delimited(
        RESOURCE_VERSION,
        revision.to_string().as_bytes(),
        &mut fields,
    );
    for (name, value) in annotations {
        let mut entry = Vec::new();
        delimited(1, name.as_bytes(), &mut entry);
        delimited(2, value.as_bytes(), &mut entry);
        delimited(ANNOTATIONS, &entry, &mut fields);
    }
    let mut object = Vec::new();
    delimited(METADATA, &fields, &mut object);
    object
}

fn frame(event: &str, api_version: &str, kind: &str, message: &[u8]) -> Vec<u8> {
    let mut envelope = head(api_version, kind, message.len());
    envelope.extend_from_slice(message);
    envelope.extend_from_slice(TAIL);
    // `RawExtension`.
    let mut raw = Vec::new();
    delimited(1, &envelope, &mut raw);
    let mut watched = Vec::new();
    delimited(1, event.as_bytes(), &mut watched);
    delimited(2, &raw, &mut watched);
    let len = u32::try_from(watched.len()).unwrap_or(u32::MAX);
    let mut bytes = len.to_be_bytes().to_vec();
    bytes.append(&mut watched);
    bytes
}
