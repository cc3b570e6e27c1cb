//! Messages about objects that could not be found or read.

use etcd_inspect::Command;
use etcd_inspect::answers::find::{FindError, Query};
use etcd_inspect::answers::{Damage, Version};
use etcd_inspect::codes::error;
use etcd_inspect::kubernetes::encryption::Seal;
use etcd_inspect::member::Undecodable;

use crate::failure::Failure;
use crate::output::escape::{self, Charset};
use crate::ui::Ui;

/// Why a named object is not printed.
pub(crate) fn failure(error: FindError<'_>) -> Failure {
    match error {
        FindError::Question(error) => Failure::from_library(&error),
        FindError::Absent(absent) => Failure::absent(absent),
        FindError::Unreadable { version, cause } => unreadable(&version, &cause),
        other => Failure::usage(format!("{other:?}")),
    }
}

/// Registers the values that could not be read as damage of the answer.
pub(crate) fn register(query: &Query<'_, '_>, ui: &mut Ui) -> std::io::Result<()> {
    if query.failed.is_empty() {
        return Ok(());
    }
    let most = query.objects.limits().findings_per_code;
    let mut damage = Damage::default();
    for (version, cause) in &query.failed {
        damage.skip(query.objects.finding(version, cause), most);
    }
    ui.partial(damage);
    let values = match query.failed.len() {
        1 => "1 value is no readable object".to_owned(),
        many => format!("{many} values are no readable objects"),
    };
    let all = ui.advice("etcd-inspect get --undecodable -d {path}");
    ui.warn(format!("{values}: {all}"))
}

/// The cause without the key, which the line has already.
fn without_key(cause: &Undecodable, key: &[u8]) -> String {
    let text = cause.to_string();
    let key = format!("{}: ", String::from_utf8_lossy(key));
    text.strip_prefix(&key).unwrap_or(&text).to_owned()
}

/// A named object whose value cannot be read.
pub(crate) fn unreadable(version: &Version<'_>, cause: &Undecodable) -> Failure {
    let key = escape::bytes(version.key, Charset::default()).into_owned();
    let mut failure = Failure::usage(format!(
        "{key} (rev {}): {}",
        version.revision.main,
        without_key(cause, version.key)
    ));
    let get = Command::inspect("get").flag("--key", &key);
    match cause {
        Undecodable::Closed(closed) => {
            failure.code = error::LOCKED.id;
            let sealed = version
                .key_value()
                .is_ok_and(|kv| Seal::parse(kv.value).is_some());
            if sealed && closed.tried.is_empty() {
                failure = failure.next(
                    get.arg("--encryption-config")
                        .choice("FILE")
                        .arg("-d")
                        .evidence(),
                );
            }
            failure.next("etcd-inspect meta --encryption {path}")
        }
        _ => {
            if let Undecodable::Value {
                place: Some(place), ..
            } = cause
            {
                failure.place = Some(Box::new(place.clone()));
            }
            failure.code = error::MALFORMED.id;
            failure.next(get.args(["-o", "hex", "-d"]).evidence())
        }
    }
}
