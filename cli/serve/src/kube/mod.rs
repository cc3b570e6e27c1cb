//! The Kubernetes door: the API of kube-apiserver, read-only, over a copied data directory.

mod brief;
mod discovery;
mod dry_run;
mod events;
mod list;
mod merge_keys;
mod openapi;
mod patch;
mod path;
mod protobuf;
mod query;
mod reviews;
mod shape;
mod table;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use etcd_inspect::kubernetes::crd::Crd;
use etcd_inspect::kubernetes::field_labels;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONTENT_TYPE};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::catalog::{GroupVersion, Served};
use crate::net::body::{Body, pieces};
use crate::net::reply;
use crate::net::status::Status;
use crate::source::{Moment, Source};
use list::{Failures, List, OPENS, Progress, closed, named, why_absent};
use path::{Asked, ObjectPath, What};
use query::{Accept, Form, Query};
use shape::{Shape, metadata_text};
use table::Printed;

/// Maximum size of what a client sends.
const MAX_REQUEST: usize = 1 << 20;

/// Time for the body of a request.
const BODY_TIME: Duration = Duration::from_secs(15);

/// Time for an answer that is no watch and no list.
const ANSWER_TIME: Duration = Duration::from_secs(120);

/// Answers that are made at once. Each has up to [`list::FIRST_BYTES`] of a list in memory, and uses all cores.
const MAX_WORKING: usize = 8;

/// Release that is named if no node names one.
const UNKNOWN_RELEASE: &str = "v1.34.0";

/// What answers.
#[derive(Debug)]
pub struct Door {
    sources: Vec<Arc<Source>>,
    /// Answers that are made at once; more wait, so that many clients need no more memory and no longer than one after the other.
    working: Arc<Semaphore>,
}

impl Door {
    /// Over evidence; the first is at the root.
    pub fn new(sources: Vec<Arc<Source>>) -> Self {
        Self {
            sources,
            working: Arc::new(Semaphore::new(MAX_WORKING)),
        }
    }

    fn source(&self, name: Option<&str>) -> Result<&Arc<Source>, Status> {
        let found = match name {
            None => self.sources.first(),
            Some(name) => self.sources.iter().find(|source| source.name == name),
        };
        found.ok_or_else(|| {
            let names: Vec<_> = self
                .sources
                .iter()
                .map(|source| source.name.as_str())
                .collect();
            let message = format!("no such source; there are: {}", names.join(", "));
            Status::new(StatusCode::NOT_FOUND, "NotFound", message)
        })
    }
}

/// A request without its body.
struct Question {
    asked: Asked,
    query: String,
    accept: String,
    content_type: String,
    method: Method,
    host: String,
    body: Vec<u8>,
}

/// Answers a request.
pub async fn answer(door: Arc<Door>, request: Request<Incoming>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, MAX_REQUEST).collect();
    let body = match tokio::time::timeout(BODY_TIME, body).await {
        Ok(Ok(body)) => body.to_bytes().to_vec(),
        Err(_) => {
            let message = "the body of the request did not arrive";
            return Status::new(StatusCode::REQUEST_TIMEOUT, "Timeout", message).response();
        }
        Ok(Err(_)) => {
            let message = format!("a request has at most {MAX_REQUEST} bytes");
            return Status::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "RequestEntityTooLarge",
                message,
            )
            .response();
        }
    };
    let accept = head
        .headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|one| one.to_str().ok());
    let host = head
        .headers
        .get(hyper::header::HOST)
        .and_then(|host| host.to_str().ok());
    let content_type = head
        .headers
        .get(CONTENT_TYPE)
        .and_then(|content_type| content_type.to_str().ok());
    let question = Question {
        asked: Asked::parse(head.uri.path()),
        query: head.uri.query().unwrap_or_default().to_owned(),
        accept: accept.collect::<Vec<_>>().join(","),
        content_type: content_type.unwrap_or_default().to_owned(),
        method: head.method,
        host: host.unwrap_or_default().to_owned(),
        body,
    };
    // The time of waiting does not count: the client knows how long it waits.
    let permit = Arc::clone(&door.working).acquire_owned().await;
    let answered = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        answered(&door, question).unwrap_or_else(|status| status.response())
    });
    match tokio::time::timeout(ANSWER_TIME, answered).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => {
            let message = "this request could not be answered: a fault of etcd-inspect";
            Status::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", message).response()
        }
        Err(_) => {
            let message = "the evidence took too long to read: ask again";
            Status::new(StatusCode::GATEWAY_TIMEOUT, "Timeout", message).response()
        }
    }
}

fn answered(door: &Door, question: Question) -> Result<Response<Body>, Status> {
    let source = door.source(question.asked.source.as_deref())?;
    // Discovery is the same at each moment; one that does not exist has none.
    let moment = Moment::parse(source, question.asked.moment.as_deref())?;
    match &question.asked.what {
        What::Health => return Ok(reply::typed("ok", "text/plain; charset=utf-8")),
        What::Objects(path) => {
            let answered = objects(moment, path, &question);
            let mut response = answered.unwrap_or_else(|status| status.response());
            if question.method == Method::GET {
                reply::add_warning(&mut response, source.loss().as_deref());
            }
            return Ok(response);
        }
        _ => {}
    }
    if question.method != Method::GET && question.method != Method::HEAD {
        return Err(Status::read_only());
    }
    let catalog = source.catalog()?;
    let aggregated = discovery::aggregated_version(&question.accept);
    let found = match &question.asked.what {
        What::Root => Some(
            json!({ "paths": ["/api", "/apis", "/healthz", "/openapi/v2", "/openapi/v3", "/version"] }),
        ),
        What::Version => Some(version(catalog.release.as_deref())),
        What::CoreVersions | What::Groups if aggregated.is_some() => {
            let version = aggregated.unwrap_or_default();
            let is_core = question.asked.what == What::CoreVersions;
            let document = discovery::aggregated(&catalog, is_core, version);
            let content_type = discovery::aggregated_type(version);
            return Ok(reply::typed(document.to_string(), &content_type));
        }
        What::CoreVersions => Some(discovery::core_versions(&question.host)),
        What::Groups => Some(discovery::groups(&catalog)),
        What::Group(group) => discovery::group(&catalog, group),
        What::Resources(of) => discovery::resources(&catalog, of),
        What::OpenApiV2 => return openapi::v2::answer(source, &catalog, &question.accept),
        What::OpenApiV3 => Some(openapi::index(&catalog, &question.asked)),
        What::OpenApiV3Of(of) => openapi::v3(source, &catalog, of)?,
        _ => None,
    };
    found
        .map(|found| reply::json(&found))
        .ok_or_else(Status::no_path)
}

fn version(release: Option<&str>) -> Value {
    let release = release.unwrap_or(UNKNOWN_RELEASE);
    let minor = release.split('.').nth(1).unwrap_or_default();
    json!({ "major": "1", "minor": minor, "gitVersion": release, "gitCommit": "", "gitTreeState": "",
        "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "", "platform": "etcd-inspect/read-only" })
}

/// Requests for objects.
fn objects(
    moment: Moment,
    path: &ObjectPath,
    question: &Question,
) -> Result<Response<Body>, Status> {
    if question.method == Method::POST
        && matches!(
            path.of.group.as_str(),
            "authorization.k8s.io" | "authentication.k8s.io"
        )
    {
        let review = reviews::read(&question.body).ok_or_else(|| {
            Status::bad_request("the review can be read neither as JSON nor as protobuf")
        })?;
        let answer = reviews::answer(&path.plural, &review);
        return Ok(reply::created(&answer.ok_or_else(Status::no_path)?));
    }
    let catalog = moment.source.catalog()?;
    let served = catalog
        .find(&path.of, &path.plural)
        .ok_or_else(Status::no_path)?;
    if question.method != Method::GET && question.method != Method::HEAD {
        return dry_run::answer(&moment, served, path, question);
    }
    match path.subresource.as_deref() {
        None | Some("status") => {}
        Some("log") => return Err(no_log(path)),
        Some("exec" | "attach" | "portforward" | "proxy") => return Err(Status::read_only()),
        Some(_) => return Err(Status::no_path()),
    }
    let query = Query::parse(&question.query)?;
    check_fields(&moment, served, &query)?;
    let accepts = Accept::parse(&question.accept);
    let wanted = accepts.first().copied().unwrap_or_default();
    let is_watch = query.is_watch || path.is_watch;
    if wanted.protobuf
        && let Some(response) = in_protobuf(&moment, served, path, &query, wanted, is_watch)?
    {
        return Ok(response);
    }
    // A table of events is the same in both groups.
    let core = catalog.find(&GroupVersion::new("", "v1"), "events");
    let is_table = wanted.form == Form::Table && served.is_view_of_events();
    let served = core.filter(|_| is_table).unwrap_or(served);
    let accept = accepts.into_iter().find(|accept| !accept.protobuf);
    let accept = accept.ok_or_else(|| {
        let message =
            "this is served as JSON: application/json must be among the accepted media types";
        Status::new(StatusCode::NOT_ACCEPTABLE, "NotAcceptable", message)
    })?;
    if is_watch {
        return watch(moment, served, path, query, accept);
    }
    match path.name {
        Some(_) => one(&moment, served, path, &query, accept),
        None => listed(moment, served.clone(), path.clone(), query, accept),
    }
}

/// The answer as protobuf; `None` if it has no such form.
fn in_protobuf(
    moment: &Moment,
    served: &Served,
    path: &ObjectPath,
    query: &Query,
    accept: Accept,
    is_watch: bool,
) -> Result<Option<Response<Body>>, Status> {
    if !is_watch {
        return protobuf::answer(moment, served, path, query, accept);
    }
    let list = List {
        moment,
        served,
        path,
        query,
        accept,
    };
    if !list.is_watched_as_protobuf(&moment.source.objects()?) {
        return Ok(None);
    }
    watch(moment.clone(), served, path, query.clone(), accept).map(Some)
}

/// Refuses a field selector that no API server supports.
fn check_fields(moment: &Moment, served: &Served, query: &Query) -> Result<(), Status> {
    if !query.selects {
        return Ok(());
    }
    let objects = moment.source.objects()?;
    let own = |crd: &&Crd| crd.group == served.of.group && crd.plural == served.target.plural;
    let crd = objects.layout().crds().find(own);
    let known = match crd.filter(|_| served.is_custom) {
        Some(crd) => field_labels::of_crd(crd),
        None => field_labels::of_kind(&served.target.kind),
    };
    // The view of events has its own name for the object.
    let view = served.is_view_of_events();
    let known = known.into_iter().map(|field| match view {
        true => field.replace("involvedObject.", "regarding."),
        false => field.to_owned(),
    });
    let known: Vec<String> = known.collect();
    let names: Vec<&str> = known.iter().map(String::as_str).collect();
    let Some(field) = query.fields.unsupported(&names) else {
        return Ok(());
    };
    Err(Status::bad_request(format!(
        "field label not supported: {field} ({} can be selected by {})",
        served.target.plural,
        names.join(", ")
    )))
}

fn no_log(path: &ObjectPath) -> Status {
    let name = path.name.as_deref().unwrap_or_default();
    Status::new(
        StatusCode::NOT_FOUND,
        "NotFound",
        format!(
            "etcd stores no logs: those of pod {name:?} are on the node it ran on, below /var/log/pods"
        ),
    )
}

/// One object by its name.
fn one(
    moment: &Moment,
    served: &Served,
    path: &ObjectPath,
    query: &Query,
    accept: Accept,
) -> Result<Response<Body>, Status> {
    let objects = moment.source.objects()?;
    let (name, revision) = (path.name.as_deref().unwrap_or_default(), moment.revision);
    let Some(version) = named(&objects, served, path, revision)? else {
        let absent = Status::no_object(&path.plural, &path.of.group, name);
        return Err(absent.warning(why_absent(&objects, served, path, revision)));
    };
    let shape = Shape {
        served,
        mask: moment.source.mask(true),
    };
    let object = shape.object(&objects, &version).map_err(|reason| {
        let opens = match objects.is_closed(&version) {
            true => format!("; {OPENS}"),
            false => String::new(),
        };
        let key = version.key.escape_ascii();
        let message = format!("{key} cannot be shown: {reason}{opens}");
        Status::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", message)
    })?;
    let shown = match accept.form {
        Form::Object => object.to_string(),
        Form::Metadata => metadata_text(&object),
        Form::Table => {
            let source = &moment.source;
            let shown = (query.include, source.mask(true));
            Printed::new(source, &objects, served, revision, shown).of_one(&object)
        }
    };
    let mut response = if accept.yaml {
        let shown = serde_json::from_str(&shown).unwrap_or(object);
        let mut text = Vec::new();
        // Writing to memory does not fail.
        let _ = etcd_inspect::export::yaml::write(&mut text, &shown);
        reply::typed(text, "application/yaml")
    } else {
        reply::typed(shown, "application/json")
    };
    reply::add_warning(&mut response, shape.hides().then_some(MASKED));
    Ok(response)
}

/// The warning about hidden values.
const MASKED: &str = "values of Secrets are masked: `etcd-inspect serve --reveal=all` shows them";

fn listed(
    moment: Moment,
    served: Served,
    path: ObjectPath,
    query: Query,
    accept: Accept,
) -> Result<Response<Body>, Status> {
    // What makes the whole list impossible is found out before the answer begins.
    let hides = Shape {
        served: &served,
        mask: moment.source.mask(false),
    }
    .hides();
    let asked = List {
        moment: &moment,
        served: &served,
        path: &path,
        query: &query,
        accept,
    };
    let (first, progress, is_done) = {
        let objects = moment.source.objects()?;
        let revision = asked.revision(&objects)?;
        let listing = asked.listing(&objects, revision)?;
        let (first, mut progress) = asked.begin(&objects, revision, &listing);
        let failed = progress.failed.reasons.len();
        if failed > 0 {
            progress.failed.closed = listing.closed_from(&objects, 0).min(failed);
        }
        let is_done = asked.is_done(&listing, &progress);
        (first, progress, is_done)
    };
    moment.source.report(&progress.failed.reasons);
    let warning = progress.failed.warning(&served.target.plural);
    let mut response = if is_done {
        reply::typed(first, "application/json")
    } else {
        rest_of_list(moment, served, path, query, accept, first, progress)
    };
    reply::add_warning(&mut response, hides.then_some(MASKED));
    reply::add_warning(&mut response, warning.as_deref());
    Ok(response)
}

/// Streams a list whose first part is made.
fn rest_of_list(
    moment: Moment,
    served: Served,
    path: ObjectPath,
    query: Query,
    accept: Accept,
    first: Vec<u8>,
    progress: Progress,
) -> Response<Body> {
    let (mut out, body) = pieces();
    tokio::task::spawn_blocking(move || {
        let list = List {
            moment: &moment,
            served: &served,
            path: &path,
            query: &query,
            accept,
        };
        if out.write(&first).is_err() {
            return;
        }
        drop(first);
        let Ok(objects) = moment.source.objects() else {
            return out.abort();
        };
        let listing = list
            .revision(&objects)
            .and_then(|revision| Ok((revision, list.listing(&objects, revision)?)));
        let Ok((revision, listing)) = listing else {
            return out.abort();
        };
        let _ = list.go_on(&objects, revision, &listing, progress, &mut out);
    });
    reply::with_body(body, "application/json")
}

/// A watch, with what its first state lacks.
fn watch(
    moment: Moment,
    served: &Served,
    path: &ObjectPath,
    query: Query,
    accept: Accept,
) -> Result<Response<Body>, Status> {
    let warning = warning_of_watch(&moment, served, path, &query, accept)?;
    let mut response = watched(moment, served.clone(), path.clone(), query, accept);
    reply::add_warning(&mut response, warning.as_deref());
    Ok(response)
}

/// What the first state of a watch lacks.
fn warning_of_watch(
    moment: &Moment,
    served: &Served,
    path: &ObjectPath,
    query: &Query,
    accept: Accept,
) -> Result<Option<String>, Status> {
    if query.resource_version.is_some() && !query.initial_events {
        return Ok(None);
    }
    let list = List {
        moment,
        served,
        path,
        query,
        accept,
    };
    let objects = moment.source.objects()?;
    let versions = list.versions(&objects, moment.revision)?;
    let failed = Failures {
        reasons: list.failures(&objects, &versions),
        closed: closed(&objects, &versions),
    };
    moment.source.report(&failed.reasons);
    Ok(failed.warning(&served.target.plural))
}

fn watched(
    moment: Moment,
    served: Served,
    path: ObjectPath,
    query: Query,
    accept: Accept,
) -> Response<Body> {
    let (mut out, body) = pieces();
    tokio::spawn(async move {
        let written = tokio::task::spawn_blocking(move || {
            let list = List {
                moment: &moment,
                served: &served,
                path: &path,
                query: &query,
                accept,
            };
            let objects = moment.source.objects().ok()?;
            let idle = list.watch(&objects, &mut out).ok()??;
            Some((idle, out))
        });
        if let Ok(Some((idle, out))) = written.await {
            idle.wait(out).await;
        }
    });
    let media = match accept.protobuf {
        true => protobuf::WATCH_MEDIA,
        false => "application/json",
    };
    reply::with_body(body, media)
}
