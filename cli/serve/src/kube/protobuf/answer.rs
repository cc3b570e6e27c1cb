//! The answer to a request for protobuf.

use hyper::Response;

use super::{MEDIA, Planned, TAIL, one};
use crate::catalog::Served;
use crate::kube::list::{Failures, List, named};
use crate::kube::path::ObjectPath;
use crate::kube::query::{Accept, Query};
use crate::kube::shape::Shape;
use crate::net::body::{Body, pieces};
use crate::net::reply;
use crate::net::status::Status;
use crate::source::Moment;

/// The answer as protobuf; none if there is no such form of it.
pub fn answer(
    moment: &Moment,
    served: &Served,
    path: &ObjectPath,
    query: &Query,
    accept: Accept,
) -> Result<Option<Response<Body>>, Status> {
    let objects = moment.source.objects()?;
    if path.name.is_some() {
        let version = named(&objects, served, path, moment.revision)?;
        let shape = Shape {
            served,
            mask: moment.source.mask(true),
        };
        let bytes = version.and_then(|version| one(&shape, &objects, &version, accept.form));
        return Ok(bytes.map(|bytes| reply::typed(bytes, MEDIA)));
    }
    let list = List {
        moment,
        served,
        path,
        query,
        accept,
    };
    let revision = list.revision(&objects)?;
    let listing = list.listing(&objects, revision)?;
    let Some(planned) = list.plan(&objects, revision, &listing) else {
        return Ok(None);
    };
    moment.source.report(&planned.failed);
    let mut failed = Failures {
        closed: 0,
        reasons: planned.failed.clone(),
    };
    if !failed.reasons.is_empty() {
        let closed = listing.closed_from(&objects, 0);
        failed.closed = closed.min(failed.reasons.len());
    }
    let body = body(moment, served, path, query, accept, planned);
    let mut response = reply::with_body(body, MEDIA);
    let warning = failed.warning(&served.target.plural);
    reply::add_warning(&mut response, warning.as_deref());
    Ok(Some(response))
}

/// Streams a planned list.
fn body(
    moment: &Moment,
    served: &Served,
    path: &ObjectPath,
    query: &Query,
    accept: Accept,
    planned: Planned,
) -> Body {
    let (moment, served) = (moment.clone(), served.clone());
    let (path, query) = (path.clone(), query.clone());
    let (mut out, body) = pieces();
    tokio::task::spawn_blocking(move || {
        let list = List {
            moment: &moment,
            served: &served,
            path: &path,
            query: &query,
            accept,
        };
        let Ok(objects) = moment.source.objects() else {
            return out.abort();
        };
        let revision = list.revision(&objects);
        let Ok(listing) = revision.and_then(|revision| list.listing(&objects, revision)) else {
            return out.abort();
        };
        if out.write(&planned.head).is_err() {
            return;
        }
        for item in list.planned_items(&planned, &objects, &listing) {
            match item {
                Some(bytes) if out.write(&bytes).is_ok() => {}
                Some(_) => return,
                None => return out.abort(),
            }
        }
        if out.write(TAIL).is_ok() {
            let _ = out.send();
        }
    });
    body
}
