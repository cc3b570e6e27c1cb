//! `certs`: certificates in Secrets, signing requests and CA bundles, by expiry.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Answer, Cell, Column, Damage, Label, Row, Table};
use crate::kubernetes::certs::{Certificate, certificates};
use crate::kubernetes::table::human_duration;
use crate::member::{Objects, Reading};
use located::Error;
use located::text::time;

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

/// Resources whose objects contain certificates.
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

/// A certificate with every object and field that contains it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CertificateRow {
    /// The certificate.
    pub certificate: Certificate,
    /// Objects and fields.
    pub places: Vec<(String, String)>,
    /// Seconds until it expires; negative if it has expired.
    pub left_seconds: Option<i64>,
}

/// Which certificates are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct CertificateFilter {
    /// Only those that have expired.
    pub expired: bool,
    /// Only those that expire within so many days.
    pub within_days: Option<i64>,
}

impl CertificateFilter {
    fn has(self, row: &CertificateRow) -> bool {
        let left = |limit: i64| row.left_seconds.is_some_and(|left| left < limit);
        (!self.expired || left(0))
            && self
                .within_days
                .is_none_or(|days| left(days.saturating_mul(86_400)))
    }
}

/// Every certificate at a revision, the next to expire first. `now` is what expiry is relative to.
///
/// # Errors
/// As [`Objects::list`].
pub fn certs(
    objects: &Objects<'_>,
    revision: Option<i64>,
    now: Timestamp,
    wanted: CertificateFilter,
) -> Result<Answer<Table<CertificateRow>>, Error> {
    let (mut rows, damage) = collect(objects, revision)?.into_parts();
    for row in &mut rows {
        let end = row.certificate.not_after;
        row.left_seconds = end.map(|end| end.duration_since(now).as_secs());
    }
    rows.retain(|row| wanted.has(row));
    // Requests and damaged ones, which have no date, last.
    rows.sort_by_key(|row| {
        (
            row.certificate.not_after.is_none(),
            row.certificate.not_after,
        )
    });
    let table = Table::new(&COLUMNS, rows).head("now", time::rfc3339(now));
    Ok(Answer::new(table, damage))
}

/// Every certificate; values that cannot be read are damage.
fn collect(
    objects: &Objects<'_>,
    revision: Option<i64>,
) -> Result<Answer<Vec<CertificateRow>>, Error> {
    let mut found: Vec<CertificateRow> = Vec::new();
    let mut damage = Damage::default();
    let most = objects.limits().findings_per_code;
    for target in RESOURCES
        .iter()
        .flat_map(|noun| objects.layout().resolve(noun))
    {
        for version in objects.list(&target, None, revision)? {
            let object = match objects.json(&version, Reading::default()) {
                Ok(object) => object,
                Err(cause) => {
                    damage.skip(objects.finding(&version, &cause), most);
                    continue;
                }
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
                        format!("{field} #{}", certificate.index.saturating_add(1))
                    },
                );
                certificate.index = 0;
                match found.iter_mut().find(|placed| {
                    placed.certificate == certificate && certificate.damage.is_none()
                }) {
                    Some(known) => known.places.push(place),
                    None => found.push(CertificateRow {
                        certificate,
                        places: vec![place],
                        left_seconds: None,
                    }),
                }
            }
        }
    }
    Ok(Answer::new(found, damage))
}

impl Row for CertificateRow {
    fn cells(&self) -> Vec<Cell> {
        let certificate = &self.certificate;
        let moment = |at: Option<Timestamp>| at.map(Cell::moment).unwrap_or_default();
        let (object, field) = self.places.first().cloned().unwrap_or_default();
        let more = self.places.len().saturating_sub(1);
        let shown = if more > 0 {
            format!("{object} (+{more})")
        } else {
            object.clone()
        };
        let places: Vec<Value> = self
            .places
            .iter()
            .map(|(object, field)| json!({ "object": object, "field": field }))
            .collect();
        let remaining = self.left_seconds.map(|left| match left {
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
}
