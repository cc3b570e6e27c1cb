//! Which request is named for which write: small logs over a few writes of one object.

use std::collections::HashMap;

use super::{AuditLog, AuditMatches, Confidence, ObjectWrite, WriteKind, match_requests};
use crate::mvcc::Revision;

/// A request of bob, received at a second and done a tenth of one later.
struct Request(&'static str, &'static str, u32, &'static str);

/// A log of requests for the configmap shop/a: verb, subresource, second, and more fields.
fn log(requests: &[Request]) -> AuditLog {
    let (mut log, mut known) = (AuditLog::default(), HashMap::new());
    for (at, Request(verb, subresource, second, more)) in requests.iter().enumerate() {
        let line = format!(
            r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"{at}","stage":"ResponseComplete",
            "requestURI":"/api/v1/namespaces/shop/configmaps/a","verb":"{verb}","user":{{"username":"bob"}},"userAgent":"bob-agent",
            "objectRef":{{"resource":"configmaps","namespace":"shop","name":"a","subresource":"{subresource}"}},
            "responseStatus":{{"code":200}},{more},
            "requestReceivedTimestamp":"2026-11-21T01:00:{second:02}.1Z","stageTimestamp":"2026-11-21T01:00:{second:02}.2Z"}}"#
        );
        assert!(log.add(line.as_bytes(), &mut known), "{line}");
    }
    log
}

/// A write of shop/a within a second.
fn write(revision: i64, second: u32, kind: WriteKind) -> ObjectWrite {
    let at = |part: &str| format!("2026-11-21T01:00:{second:02}.{part}Z").parse().ok();
    ObjectWrite {
        revision: Revision::new(revision, 0),
        resource: "configmaps".to_owned(),
        namespace: Some("shop".to_owned()),
        name: "a".to_owned(),
        kind,
        not_before: at("0"),
        not_after: at("9"),
        ..ObjectWrite::default()
    }
}

fn delete(was_marked: bool, finalizers: bool, completes: bool) -> WriteKind {
    WriteKind::Delete {
        replaced: Some(5),
        finalizers: Some(finalizers),
        completes,
        was_marked: Some(was_marked),
    }
}

fn mark() -> WriteKind {
    WriteKind::Update {
        replaced: Some(4),
        marks: Some(true),
    }
}

fn named(found: &AuditMatches, revision: i64) -> Option<Confidence> {
    let found = found.of_revision(Revision::new(revision, 0));
    found.map(|found| found.confidence)
}

const METADATA: &str = r#""level":"Metadata""#;
const WITHOUT_BODY: &str = r#""level":"Request""#;

#[test]
fn a_dry_run_in_the_body_is_no_write_and_one_that_is_not_logged_proves_nothing() {
    let writes = [write(6, 10, delete(false, false, false))];
    let ask = |verb, sub, more| {
        let found = match_requests(&log(&[Request(verb, sub, 10, more)]), &writes);
        named(&found, 6)
    };
    let dry = r#""level":"Request","requestObject":{"kind":"DeleteOptions","dryRun":["All"]}"#;
    let eviction = r#""level":"Request","requestObject":{"kind":"Eviction","deleteOptions":{"dryRun":["All"]}}"#;
    let real = r#""level":"Request","requestObject":{"kind":"DeleteOptions"}"#;
    let cut = r#""level":"Request","annotations":{"audit.k8s.io/truncated":"true"}"#;
    assert_eq!(ask("delete", "", dry), None);
    assert_eq!(ask("create", "eviction", eviction), None);
    assert_eq!(ask("delete", "", real), Some(Confidence::Certain));
    assert_eq!(ask("delete", "", WITHOUT_BODY), Some(Confidence::Certain));
    assert_eq!(ask("delete", "", METADATA), Some(Confidence::Likely));
    assert_eq!(ask("delete", "", cut), Some(Confidence::Likely));
    assert_eq!(
        ask("create", "eviction", METADATA),
        Some(Confidence::Likely)
    );
}

#[test]
fn where_the_log_lacks_requests_one_that_may_be_a_dry_run_is_not_named() {
    let other = ObjectWrite {
        name: "b".to_owned(),
        ..write(5, 10, WriteKind::Create)
    };
    let writes = [other, write(6, 10, delete(false, false, false))];
    let ask = |more| {
        let found = match_requests(&log(&[Request("delete", "", 10, more)]), &writes);
        named(&found, 6)
    };
    assert_eq!(ask(METADATA), None);
    assert_eq!(ask(WITHOUT_BODY), Some(Confidence::Certain));
}

#[test]
fn the_request_that_marked_an_object_is_not_named_for_its_delete() {
    let writes = [
        write(5, 10, mark()),
        write(7, 11, delete(true, true, false)),
    ];
    let answered = r#""level":"RequestResponse","responseObject":{"kind":"ConfigMap","metadata":{"resourceVersion":"5"}}"#;
    // The log has no request for the delete: one that may be a dry run is not named at all.
    for (more, marked) in [(METADATA, None), (answered, Some(Confidence::Likely))] {
        let found = match_requests(&log(&[Request("delete", "", 10, more)]), &writes);
        assert_eq!(named(&found, 5), marked, "{more}");
        assert_eq!(named(&found, 7), None, "{more}");
    }
    // Not even where the finalizers are not known: the answer has the version of the mark, and another one was deleted.
    let mut later = write(7, 10, delete(true, false, false));
    later.kind = WriteKind::Delete {
        replaced: Some(6),
        finalizers: None,
        completes: false,
        was_marked: Some(true),
    };
    let found = match_requests(&log(&[Request("delete", "", 10, answered)]), &[later]);
    assert_eq!(named(&found, 7), None);
}

#[test]
fn one_request_that_notes_the_grace_period_zero_makes_two_writes() {
    let writes = [
        write(5, 10, mark()),
        write(6, 10, delete(true, false, true)),
    ];
    let found = match_requests(&log(&[Request("delete", "", 10, WITHOUT_BODY)]), &writes);
    assert_eq!(
        (named(&found, 5), named(&found, 6)),
        (Some(Confidence::Likely), Some(Confidence::Likely))
    );
    assert_eq!((found.covered, found.without, found.len()), (2, 0, 2));
}

#[test]
fn a_request_that_was_answered_with_another_version_made_none_of_the_others() {
    let answered = r#""level":"RequestResponse","responseObject":{"kind":"ConfigMap","metadata":{"resourceVersion":"9"}}"#;
    for kind in [mark(), delete(false, false, false)] {
        let found = match_requests(
            &log(&[Request("delete", "", 10, answered)]),
            &[write(6, 10, kind)],
        );
        assert_eq!(named(&found, 6), None);
    }
}

#[test]
fn an_answer_names_the_writer_of_a_value_whose_owner_was_noted_before() {
    let manager = |name: &str| (name.to_owned(), "2026-11-21T00:50:00Z".parse().ok());
    let update = ObjectWrite {
        changed: Some(Vec::new()),
        managed: vec![manager("bob-agent"), manager("alice-agent")],
        ..write(
            6,
            10,
            WriteKind::Update {
                replaced: Some(5),
                marks: Some(false),
            },
        )
    };
    let answered = r#""level":"RequestResponse","responseObject":{"kind":"ConfigMap","metadata":{"resourceVersion":"6"}}"#;
    let found = match_requests(
        &log(&[Request("patch", "", 10, answered)]),
        std::slice::from_ref(&update),
    );
    assert_eq!(named(&found, 6), Some(Confidence::Likely));
    // A request of this subresource is noted by no release before 1.22; one that would be noted was made by a manager.
    let foreign = ObjectWrite {
        managed: vec![manager("alice-agent")],
        ..update
    };
    let ask = |sub| {
        let found = match_requests(
            &log(&[Request("patch", sub, 10, answered)]),
            std::slice::from_ref(&foreign),
        );
        named(&found, 6)
    };
    assert_eq!((ask("scale"), ask("")), (Some(Confidence::Likely), None));
}

#[test]
fn a_log_whose_clock_differs_is_corrected_by_the_times_in_the_objects() {
    let answer = |revision: i64| {
        let answer = format!(
            r#""level":"RequestResponse","responseObject":{{"kind":"ConfigMap","metadata":{{"resourceVersion":"{revision}"}}}}"#
        );
        &*answer.leak()
    };
    let requests: Vec<Request> = (1..5)
        .map(|at| Request("patch", "", 10 * at, answer(at.into())))
        .collect();
    let writes = |early: u32| -> Vec<ObjectWrite> {
        let one = |at: u32| {
            let second = 10 * at - early;
            let noted = format!("2026-11-21T01:00:{second:02}Z").parse().ok();
            ObjectWrite {
                changed: Some(vec![("bob-agent".to_owned(), noted)]),
                ..write(at.into(), second, WriteKind::default())
            }
        };
        (1..5).map(one).collect()
    };
    let offset = |early| {
        let mut log = log(&requests);
        log.set_clock(&writes(early));
        log.offset.map(|offset| offset.ahead.as_secs_f64().round())
    };
    assert_eq!((offset(0), offset(5)), (None, Some(5.0)));
}
