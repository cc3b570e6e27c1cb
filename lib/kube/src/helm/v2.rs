//! Releases of Helm 2, which Tiller keeps in ConfigMaps: base64 of gzip of protobuf.
//!
//! Source: helm `_proto/hapi/release/*.proto`, `_proto/hapi/chart/*.proto` and `pkg/storage/driver/cfgmaps.go`, v2.17.0.

use jiff::Timestamp;
use located::wire::{Fields, Value as Wire, WireError};
use serde_json::Value;

use super::HelmRelease;

/// The names of `hapi.release.Status.Code`, as Helm 3 writes them; a deleted release of Helm 2 is an uninstalled one.
const STATUS: [&str; 9] = [
    "unknown",
    "deployed",
    "uninstalled",
    "superseded",
    "failed",
    "uninstalling",
    "pending-install",
    "pending-upgrade",
    "pending-rollback",
];

/// Reads the message `hapi.release.Release`, up to where it breaks. Returns what breaks, and which parts are then missing.
pub(super) fn release(message: &[u8]) -> (HelmRelease, Option<WireError>) {
    let mut release = HelmRelease::default();
    let mut broken = None;
    let mut chart = (String::new(), String::new());
    for field in Fields::new(message) {
        let field = match field {
            Ok(field) => field,
            Err(error) => {
                broken = Some(error);
                break;
            }
        };
        match (field.number, field.value) {
            (1, Wire::Bytes(bytes)) => release.name = text(bytes),
            (2, Wire::Bytes(bytes)) => info(bytes, &mut release),
            (3, Wire::Bytes(bytes)) => chart = of_chart(bytes, &mut release),
            (4, Wire::Bytes(bytes)) => release.values = values(bytes),
            (5, Wire::Bytes(bytes)) => release.manifest = text(bytes),
            (7, Wire::Varint(number)) => release.revision = i64::try_from(number).unwrap_or(0),
            (8, Wire::Bytes(bytes)) => release.namespace = text(bytes),
            _ => {}
        }
    }
    let (name, version) = chart;
    release.chart = format!("{name}-{version}").trim_matches('-').to_owned();
    (release, broken)
}

/// The message `hapi.release.Info`.
fn info(message: &[u8], release: &mut HelmRelease) {
    for (number, value) in known(message) {
        match (number, value) {
            (1, Wire::Bytes(bytes)) => status(bytes, release),
            (3, Wire::Bytes(bytes)) => release.updated = time(bytes),
            (5, Wire::Bytes(bytes)) => release.description = text(bytes),
            _ => {}
        }
    }
}

fn status(message: &[u8], release: &mut HelmRelease) {
    for (number, value) in known(message) {
        match (number, value) {
            (1, Wire::Varint(code)) => {
                let name = usize::try_from(code).ok().and_then(|code| STATUS.get(code));
                release.status = (*name.unwrap_or(&"unknown")).to_owned();
            }
            (4, Wire::Bytes(bytes)) => release.notes = text(bytes),
            _ => {}
        }
    }
}

/// `google.protobuf.Timestamp`: seconds and nanoseconds.
fn time(message: &[u8]) -> String {
    let (mut seconds, mut nanos) = (0, 0);
    for (number, value) in known(message) {
        match (number, value) {
            (1, Wire::Varint(value)) => seconds = value.cast_signed(),
            (2, Wire::Varint(value)) => nanos = i32::try_from(value).unwrap_or(0),
            _ => {}
        }
    }
    Timestamp::new(seconds, nanos).map_or_else(|_| String::new(), |time| time.to_string())
}

/// Name and version of the message `hapi.chart.Chart`.
fn of_chart(message: &[u8], release: &mut HelmRelease) -> (String, String) {
    let mut chart = (String::new(), String::new());
    let metadata = known(message).find_map(|field| match field {
        (1, Wire::Bytes(bytes)) => Some(bytes),
        _ => None,
    });
    for (number, value) in known(metadata.unwrap_or_default()) {
        match (number, value) {
            (1, Wire::Bytes(bytes)) => chart.0 = text(bytes),
            (4, Wire::Bytes(bytes)) => chart.1 = text(bytes),
            (13, Wire::Bytes(bytes)) => release.app_version = text(bytes),
            _ => {}
        }
    }
    chart
}

/// The values that the user gave: YAML in `hapi.chart.Config`. Text that is no YAML stays text.
fn values(message: &[u8]) -> Value {
    let raw = known(message).find_map(|field| match field {
        (1, Wire::Bytes(bytes)) => Some(text(bytes)),
        _ => None,
    });
    let raw = raw.unwrap_or_default();
    serde_saphyr::from_str(&raw).unwrap_or(Value::String(raw))
}

/// The fields of a message, up to where it breaks.
fn known(message: &[u8]) -> impl Iterator<Item = (u64, Wire<'_>)> {
    let fields = Fields::new(message).map_while(Result::ok);
    fields.map(|field| (field.number, field.value))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        [
            &[number << 3 | 2, u8::try_from(bytes.len()).unwrap()],
            bytes,
        ]
        .concat()
    }

    fn message() -> Vec<u8> {
        let status = [vec![8, 1], field(4, b"Open it.")].concat();
        // 2019-10-12T07:20:50Z
        let time = field(3, &[8, 0xd2, 0xfd, 0x85, 0xed, 5]);
        let metadata = [field(1, b"redis"), field(4, b"9.5.0"), field(13, b"5.0.5")].concat();
        [
            field(1, b"cache"),
            field(2, &[field(1, &status), time].concat()),
            field(3, &field(1, &metadata)),
            field(4, &field(1, b"replicas: 3\n")),
            field(5, b"---\nkind: Service\n"),
            vec![7 << 3, 4],
            field(8, b"shop"),
        ]
        .concat()
    }

    #[test]
    fn a_release_of_tiller_has_the_parts_of_one_of_helm_3() {
        let (release, broken) = release(&message());
        assert_eq!(broken, None);
        assert_eq!(
            (release.name.as_str(), release.chart.as_str()),
            ("cache", "redis-9.5.0")
        );
        assert_eq!((release.revision, release.status.as_str()), (4, "deployed"));
        assert_eq!(
            (release.app_version.as_str(), release.namespace.as_str()),
            ("5.0.5", "shop")
        );
        assert_eq!(release.values, serde_json::json!({"replicas": 3}));
        assert_eq!(release.manifest, "---\nkind: Service\n");
        assert_eq!(release.notes, "Open it.");
        assert_eq!(release.updated, "2019-10-12T07:20:50Z");
    }

    #[test]
    fn a_cut_message_gives_what_comes_before_the_cut() {
        let whole = message();
        let (release, broken) = release(&whole[..whole.len() - 20]);
        assert!(broken.is_some());
        assert_eq!(
            (release.name.as_str(), release.manifest.as_str()),
            ("cache", "")
        );
        for end in 0..whole.len() {
            let _ = super::release(&whole[..end]);
        }
    }
}
