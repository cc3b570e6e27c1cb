//! YAML as `kubectl get -o yaml` lays it out. The only file that knows the YAML crate.

use std::io;

use serde::Serialize;
use serde_saphyr::SerializerOptions;

fn options() -> SerializerOptions {
    serde_saphyr::ser_options! {
        // kubectl does not fold long lines; a folded hash or token cannot be searched for.
        folded_wrap_chars: usize::MAX,
    }
}

/// Writes `value` as one YAML document, with a newline at its end.
///
/// Strings that a YAML 1.1 or 1.2 reader would take for another type are quoted; control characters are escaped.
///
/// ```
/// let mut out = Vec::new();
/// etcd_inspect::export::yaml::write(&mut out, &serde_json::json!({"kind": "Pod", "on": "yes", "list": [1]}))?;
/// assert_eq!(String::from_utf8_lossy(&out), "kind: Pod\n\"on\": \"yes\"\nlist:\n- 1\n");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// What the writer says, or a value that YAML cannot express as a key.
pub fn write<T: ?Sized + Serialize>(out: &mut dyn io::Write, value: &T) -> io::Result<()> {
    let mut text = String::new();
    serde_saphyr::to_fmt_writer_with_options(&mut text, &value, options())
        .map_err(io::Error::other)?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    out.write_all(text.as_bytes())
}
