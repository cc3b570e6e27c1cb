//! What is reported of a question that can have no answer: a span of time that is turned round or outside of the data, a namespace
//! that nothing has.

use etcd_inspect::Command;
use etcd_inspect::answers::scope::{outside_of_data, unknown_namespace};
use etcd_inspect::check::Logged;
use etcd_inspect::clock::Clock;
use etcd_inspect::member::Objects;
use jiff::Timestamp;

use crate::at::{self, When};
use crate::failure::Failure;
use crate::output::time;
use crate::ui::Ui;

/// `--since` and `--until` as moments: relative to the newest time in the data. Refuses a span that ends before it begins.
pub(crate) fn span(
    verb: &str,
    (since, until): (Option<When>, Option<When>),
    newest: Option<Timestamp>,
    ui: &mut Ui,
) -> anyhow::Result<(Option<Timestamp>, Option<Timestamp>)> {
    let mut moment = |when: Option<When>| -> anyhow::Result<Option<Timestamp>> {
        Ok(match (when, newest) {
            (None, _) => None,
            (Some(When::Exact(moment)), _) => Some(moment),
            (Some(when), Some(newest)) => Some(at::moment(when, newest, ui)?),
            (Some(_), None) => {
                let text = "no value here has a time: a time needs its date here";
                let dated = Command::inspect(verb).args(["--since", "2026-11-21T03:10:00Z"]);
                return Err(Failure::not_found(text).next(dated.evidence()).into());
            }
        })
    };
    let (from, to) = (moment(since)?, moment(until)?);
    if let (Some(since), Some(until), Some(from), Some(to)) = (since, until, from, to)
        && from > to
    {
        let zone = time::zone(ui.global.local);
        let text = format!(
            "--since {since} is after --until {until}: {} and {}",
            time::full(from, &zone),
            time::full(to, &zone)
        );
        let (since, until) = (format!("--since={until}"), format!("--until={since}"));
        let turned = Command::inspect(verb).args([since.as_str(), until.as_str()]);
        return Err(Failure::usage(text).next(turned.evidence()).into());
    }
    Ok((from, to))
}

/// `--from` and `--to` as revisions: refuses a range that ends before it begins.
pub(crate) fn range(from: Option<i64>, to: Option<i64>) -> anyhow::Result<()> {
    match (from, to) {
        (Some(from), Some(to)) if from > to => {
            let text = format!("--from {from} is after --to {to}: no revision is in between");
            let (from, to) = (format!("--from={to}"), format!("--to={from}"));
            let turned = without(&["--from", "--to"]).args([from.as_str(), to.as_str()]);
            Err(Failure::usage(text).next(turned).into())
        }
        _ => Ok(()),
    }
}

/// The command that was given, without flags that have a value.
fn without(flags: &[&str]) -> Command {
    let mut words = std::env::args_os().skip(1);
    let mut command = Command::new("etcd-inspect");
    while let Some(word) = words.next() {
        let text = word.to_string_lossy();
        let (flag, value) = match text.split_once('=') {
            Some((flag, value)) => (flag, Some(value)),
            None => (&*text, None),
        };
        match (flags.contains(&flag), value) {
            (true, None) => _ = words.next(),
            (true, Some(_)) => {}
            (false, _) => command = command.arg(&word),
        }
    }
    command
}

/// Says of an empty answer what there is instead of the namespace that was asked for.
pub(crate) fn say_namespace(
    objects: &Objects<'_>,
    logged: Option<&Logged>,
    namespace: Option<&str>,
    ui: &mut Ui,
) -> std::io::Result<()> {
    let text = namespace.and_then(|namespace| unknown_namespace(objects, logged, namespace));
    text.map_or(Ok(()), |text| ui.note(text))
}

/// Says of an empty answer that the span of time is outside of the data.
pub(crate) fn say_span(
    clock: &Clock,
    newest: i64,
    span: (Option<Timestamp>, Option<Timestamp>),
    ui: &mut Ui,
) -> std::io::Result<()> {
    if span.0.is_none() && span.1.is_none() {
        return Ok(());
    }
    let zone = time::zone(ui.global.local);
    outside_of_data(clock, newest, span, &zone).map_or(Ok(()), |text| ui.note(text))
}
