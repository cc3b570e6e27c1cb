//! Messages about objects that could not be found or read.

use etcd_inspect::Command;
use etcd_inspect::answers::find::{Absent, Asked, FindError, Query};
use etcd_inspect::answers::{Damage, Version};
use etcd_inspect::codes::error;
use etcd_inspect::kubernetes::encryption::Seal;
use etcd_inspect::kubernetes::mask::without_token;
use etcd_inspect::member::Undecodable;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::escape::{self, Charset};
use crate::output::messages;
use crate::ui::Ui;

/// Why a named object is not printed.
fn failure(error: FindError<'_>) -> Failure {
    match error {
        FindError::Question(error) => Failure::from_library(&error),
        FindError::Absent(absent) => Failure::absent(absent),
        FindError::Unreadable { version, cause } => unreadable(&version, &cause),
        other => Failure::usage(format!("{other:?}")),
    }
}

/// Named objects that are not printed; the others are, as by kubectl.
pub(crate) struct Failures {
    ignore_not_found: bool,
    failures: Vec<Failure>,
}

impl Failures {
    /// None yet. `ignore_not_found`: objects that do not exist are no failure.
    pub(crate) fn new(ignore_not_found: bool) -> Self {
        Self {
            ignore_not_found,
            failures: Vec::new(),
        }
    }

    /// What was found; the failure of a named object is kept for later.
    pub(crate) fn keep<T>(
        &mut self,
        found: Result<Vec<T>, FindError<'_>>,
    ) -> Result<Vec<T>, Failure> {
        match found {
            Ok(found) => Ok(found),
            Err(FindError::Absent(_)) if self.ignore_not_found => Ok(Vec::new()),
            Err(error @ (FindError::Absent(_) | FindError::Unreadable { .. })) => {
                self.failures.push(failure(error));
                Ok(Vec::new())
            }
            Err(error) => Err(failure(error)),
        }
    }

    /// Keeps that a named object does not exist.
    pub(crate) fn miss(&mut self, absent: Absent) {
        self.failures.push(Failure::absent(absent));
    }

    /// The first failure, if it is the answer; the others are of the same kind.
    pub(crate) fn first_if(&mut self, alone: bool) -> Option<Failure> {
        (alone && !self.failures.is_empty()).then(|| self.failures.remove(0))
    }

    /// Reports the failures after everything that was found. Returns the exit code of the gravest.
    pub(crate) fn report(self, ui: &mut Ui) -> std::io::Result<Option<Exit>> {
        let mut exit = None;
        for failure in &self.failures {
            messages::failure(failure, ui)?;
            if exit != Some(Exit::Refused) {
                exit = Some(failure.exit);
            }
        }
        Ok(exit)
    }
}

/// A field that no API server selects objects of that kind by.
pub(crate) fn unsupported_field(field: &str, supported: &[String], asked: &Asked) -> Failure {
    let plural = asked
        .targets
        .first()
        .map_or("objects", |target| target.plural.as_str());
    let failure = Failure::usage(format!(
        "field selector {field}: {plural} cannot be selected by that field"
    ));
    let failure = failure.means(format!("supported for {plural}: {}", supported.join(", ")));
    let columns = format!("custom-columns=NAME:.metadata.name,VALUE:.{field}");
    let get = Command::inspect("get")
        .arg(plural)
        .arg("-A")
        .flag("-o", &columns);
    failure.next(get.arg("-d").evidence())
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
    let key = escape::bytes(&without_token(version.key), Charset::default()).into_owned();
    let mut failure = Failure::usage(format!(
        "{key} (rev {}): {}",
        version.revision.main,
        without_key(cause, version.key)
    ));
    let get = Command::inspect("get").flag("--key", &key);
    match cause {
        Undecodable::Closed(closed) if closed.flaw.is_some() => {
            failure.code = error::MALFORMED.id;
            let history = Command::inspect("history").key(version.key);
            failure.next(history.arg("-d").evidence())
        }
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
