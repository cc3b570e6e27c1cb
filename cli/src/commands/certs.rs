use std::path::PathBuf;

use etcd_inspect::kubernetes::certs::{Certificate, certificates};
use etcd_inspect::kubernetes::table::human_duration;
use etcd_inspect::member::{Objects, Reading};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::at::At;
use crate::exit::Exit;
use crate::kube::{self, LayoutArgs};
use crate::output::{Cell, Column, Label, Tail, time};
use crate::secrets::KeyFiles;
use crate::ui::Ui;
use crate::view::View;

/// Certificates in Secrets, signing requests and CA bundles, by expiry
///
/// Times are relative to the newest time in the data: what had expired when the copy was made. A certificate that lies in
/// several objects is one row; -o json lists all of them. Private keys are never read.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect certs /copy/m1
  etcd-inspect certs --expired /copy/m1
  etcd-inspect certs --within 30 -o wide /copy/m1")]
pub(crate) struct CertsArgs {
    /// Data directory, db or snapshot
    path: Option<PathBuf>,
    /// Only those that had expired
    #[arg(long)]
    expired: bool,
    /// Only those that expire within so many days
    #[arg(long, value_name = "DAYS")]
    within: Option<i64>,
    /// What expiry is relative to (default: the newest time in the data)
    #[arg(long, value_name = "TIME")]
    now: Option<Timestamp>,
    #[command(flatten)]
    layout: LayoutArgs,
    #[command(flatten)]
    keys: KeyFiles,
    #[command(flatten)]
    at: At,
}

static COLUMNS: [Column; 12] = [
    Column::left("EXPIRES", "not_after"),
    Column::left("IN", "expires_in_s"),
    Column::left("SUBJECT", "subject"),
    Column::left("ISSUER", "issuer"),
    Column::left("OBJECT", "object"),
    Column::left("FIELD", "field"),
    Column::left("NOT BEFORE", "not_before").wide(),
    Column::left("CA", "is_ca").wide(),
    Column::left("NAMES", "names").wide(),
    Column::left("SERIAL", "serial").wide(),
    Column::json("kind"),
    Column::json("places"),
];

/// Resources whose objects carry certificates.
const RESOURCES: [&str; 8] = [
    "secrets",
    "certificatesigningrequests",
    "configmaps",
    "apiservices",
    "mutatingwebhookconfigurations",
    "validatingwebhookconfigurations",
    "customresourcedefinitions",
    "clustertrustbundles",
];

/// A certificate with every place where it lies.
struct Placed {
    certificate: Certificate,
    places: Vec<(String, String)>,
}

pub(crate) fn run(args: &CertsArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let member = ui.member(args.path.as_deref())?;
    let view = View::open(&member, args.at.side, ui)?;
    let objects = kube::open(&member, view.keyspace(), &args.layout, &args.keys)?;
    let revision = view.revision(&args.at, ui)?;
    let known = args.now.or_else(|| objects.newest_time(revision));
    let now = known.unwrap_or(Timestamp::UNIX_EPOCH);
    ui.note(match (known, args.now) {
        (Some(_), Some(_)) => format!("as of {}, as asked", time::rfc3339(now)),
        (Some(_), None) => format!("as of {}, the newest time in the data", time::rfc3339(now)),
        (None, _) => {
            "no value carries a time: what has expired cannot be said (--now TIME)".to_owned()
        }
    })?;
    let (mut found, closed) = collect(&objects, revision)?;
    let left = |placed: &Placed| {
        placed
            .certificate
            .not_after
            .map(|end| end.duration_since(now).as_secs())
    };
    found.retain(|placed| {
        let expired = left(placed).is_some_and(|left| left < 0);
        let soon = args
            .within
            .is_none_or(|days| left(placed).is_some_and(|left| left < days.saturating_mul(86_400)));
        (!args.expired || expired) && soon
    });
    // The next to expire first; requests and damaged ones, which have no date, last.
    found.sort_by_key(|placed| {
        (
            placed.certificate.not_after.is_none(),
            placed.certificate.not_after,
        )
    });
    let zone = time::zone(ui.global.local);
    let mut rows = ui.rows("certs", &COLUMNS)?;
    rows.head("now", time::rfc3339(now));
    for placed in &found {
        rows.push(row(placed, left(placed), &zone))?;
    }
    rows.finish(Tail::default())?;
    if closed > 0 {
        let text = format!(
            "{closed} values could not be read (encrypted or damaged): etcd-inspect get --undecodable -d {{path}}"
        );
        ui.warn(ui.filled(&text))?;
        return Ok(view.finish(ui)?.worse(Exit::Partial));
    }
    view.finish(ui)
}

/// Every certificate, and how many values could not be read.
fn collect(objects: &Objects<'_>, revision: Option<i64>) -> anyhow::Result<(Vec<Placed>, u64)> {
    let (mut found, mut closed): (Vec<Placed>, u64) = (Vec::new(), 0);
    for target in RESOURCES
        .iter()
        .flat_map(|noun| objects.layout().resolve(noun))
    {
        for version in objects.list(&target, None, revision)? {
            let Ok(object) = objects.json(&version, Reading::default()) else {
                closed += 1;
                continue;
            };
            let name = objects
                .parse(version.key)
                .map(|key| key.to_string())
                .unwrap_or_default();
            for mut certificate in certificates(&object) {
                let field = std::mem::take(&mut certificate.field);
                let place = (
                    name.clone(),
                    if certificate.index == 0 {
                        field
                    } else {
                        format!("{field} #{}", certificate.index + 1)
                    },
                );
                certificate.index = 0;
                match found.iter_mut().find(|placed| {
                    placed.certificate == certificate && certificate.damage.is_none()
                }) {
                    Some(known) => known.places.push(place),
                    None => found.push(Placed {
                        certificate,
                        places: vec![place],
                    }),
                }
            }
        }
    }
    Ok((found, closed))
}

fn row(placed: &Placed, left: Option<i64>, zone: &jiff::tz::TimeZone) -> Vec<Cell> {
    let certificate = &placed.certificate;
    let moment = |at: Option<Timestamp>| {
        at.map(|at| Cell::shown(time::full(at, zone), time::rfc3339(at)))
            .unwrap_or_default()
    };
    let (object, field) = placed.places.first().cloned().unwrap_or_default();
    let more = placed.places.len().saturating_sub(1);
    let shown = if more > 0 {
        format!("{object} (+{more})")
    } else {
        object.clone()
    };
    let places: Vec<Value> = placed
        .places
        .iter()
        .map(|(object, field)| json!({ "object": object, "field": field }))
        .collect();
    let remaining = left.map(|left| match left {
        ..0 => Cell::shown(
            format!("expired {} ago", human_duration(left.saturating_neg())),
            left,
        )
        .label(Label::Error),
        0..2_592_000 => Cell::shown(human_duration(left), left).label(Label::Warning),
        _ => Cell::shown(human_duration(left), left),
    });
    let subject = match certificate.damage {
        Some(damage) => {
            Cell::shown(format!("unreadable: {damage}"), Value::Null).label(Label::Warning)
        }
        None => Cell::text(certificate.subject.as_str()),
    };
    vec![
        moment(certificate.not_after),
        remaining.unwrap_or_default(),
        subject,
        if certificate.request {
            Cell::shown("(request)", Value::Null).label(Label::Dim)
        } else {
            Cell::text(certificate.issuer.as_str())
        },
        Cell::shown(shown, object).label(Label::Name),
        Cell::text(field),
        moment(certificate.not_before),
        Cell::flag(certificate.is_ca),
        Cell::list(certificate.names.iter().cloned()),
        Cell::text(certificate.serial.as_str()),
        Cell::text(if certificate.request {
            "request"
        } else {
            "certificate"
        }),
        Cell::shown("", places),
    ]
}
