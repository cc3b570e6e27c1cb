//! One line of an audit log.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::request::{AuditRequest, AuditVerb};

/// Largest body of a request that is kept, to see whether it changed anything.
const MAX_BODY: usize = 64 << 10;

/// Subresources whose requests write nothing into the object.
const READ_ONLY: &[&str] = &["log", "exec", "attach", "portforward", "proxy", "token"];

/// Longest name of a manager that the API server takes from the user agent.
const MAX_MANAGER: usize = 128;

/// What a line says.
pub(super) struct ParsedEvent {
    /// When the request was received.
    pub(super) received: Timestamp,
    /// When this stage was logged.
    pub(super) logged: Option<Timestamp>,
    /// The request, if it can have written something.
    pub(super) request: Option<AuditRequest>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuditLine<'l> {
    kind: Option<String>,
    api_version: Option<String>,
    level: Option<String>,
    annotations: Option<HashMap<String, Value>>,
    #[serde(rename = "auditID")]
    audit_id: Option<String>,
    stage: Option<String>,
    #[serde(rename = "requestURI")]
    request_uri: Option<String>,
    verb: Option<String>,
    user: Option<UserInfo>,
    impersonated_user: Option<UserInfo>,
    #[serde(rename = "sourceIPs")]
    source_ips: Option<Vec<String>>,
    user_agent: Option<String>,
    object_ref: Option<ObjectRef>,
    response_status: Option<Status>,
    #[serde(borrow)]
    request_object: Option<&'l RawValue>,
    #[serde(borrow)]
    response_object: Option<&'l RawValue>,
    request_received_timestamp: Option<String>,
    stage_timestamp: Option<String>,
}

impl AuditLine<'_> {
    fn received(&self) -> Option<Timestamp> {
        let own = self.request_received_timestamp.as_deref();
        own.and_then(|text| text.parse().ok()).or(self.logged())
    }

    fn logged(&self) -> Option<Timestamp> {
        self.stage_timestamp.as_deref()?.parse().ok()
    }

    fn ends(&self) -> bool {
        matches!(self.stage.as_deref(), Some("ResponseComplete" | "Panic"))
    }

    /// Whether the request only asks what would happen. In the URI all requests may ask so; requests to delete also in their body, which
    /// the level Metadata does not have, and an event that was too large has not any more (`plugin/buffered` and `plugin/truncate` of
    /// apiserver, v0.20.2). `None` if that is not known.
    fn is_dry_run(&self, verb: AuditVerb) -> Option<bool> {
        if query(self.request_uri.as_deref().unwrap_or_default(), "dryRun").is_some() {
            return Some(true);
        }
        let reference = self.object_ref.as_ref();
        let subresource = reference.and_then(|target| target.subresource.as_deref());
        let has_options = matches!(verb, AuditVerb::Delete | AuditVerb::DeleteCollection)
            || subresource == Some("eviction");
        if !has_options {
            return Some(false);
        }
        if let Some(text) = self.request_object {
            let body: Value = serde_json::from_str(text.get()).ok()?;
            let asks = |pointer: &&str| {
                let asked = body.pointer(pointer).and_then(Value::as_array);
                asked.is_some_and(|asked| !asked.is_empty())
            };
            return Some(["/dryRun", "/deleteOptions/dryRun"].iter().any(asks));
        }
        let has_bodies = matches!(self.level.as_deref(), Some("Request" | "RequestResponse"));
        let mut notes = self.annotations.iter().flatten();
        let is_cut = notes.any(|(name, _)| name.ends_with("/truncated"));
        (has_bodies && self.ends() && !is_cut).then_some(false)
    }
}

#[derive(Deserialize)]
struct UserInfo {
    username: Option<String>,
    groups: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ObjectRef {
    resource: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
    api_group: Option<String>,
    subresource: Option<String>,
    resource_version: Option<String>,
}

#[derive(Deserialize)]
struct Status {
    code: Option<i64>,
}

/// An object of a response, as far as it is looked at.
#[derive(Deserialize)]
struct Response {
    kind: Option<String>,
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: Option<String>,
    resource_version: Option<String>,
}

/// Reads a line; `None` if it is no audit event.
pub(super) fn parse(line: &[u8]) -> Option<ParsedEvent> {
    let line: AuditLine<'_> = serde_json::from_slice(line).ok()?;
    let is_event = line.kind.as_deref() == Some("Event");
    let version = line.api_version.as_deref()?;
    if !is_event || !matches!(version, "audit.k8s.io/v1" | "audit.k8s.io/v1beta1") {
        return None;
    }
    Some(ParsedEvent {
        received: line.received()?,
        logged: line.logged(),
        request: request(line),
    })
}

fn request(line: AuditLine<'_>) -> Option<AuditRequest> {
    let verb = AuditVerb::parse(line.verb.as_deref()?)?;
    let (received, logged) = (line.received()?, line.logged());
    let (dry_run, ends) = (line.is_dry_run(verb), line.ends());
    let target = line.object_ref?;
    let uri = line.request_uri.unwrap_or_default();
    // For a namespace the API server repeats its name as its namespace.
    let namespace = target
        .namespace
        .filter(|_| target.resource.as_deref() != Some("namespaces"));
    let subresource = target.subresource.filter(|name| !name.is_empty());
    if subresource
        .as_deref()
        .is_some_and(|name| READ_ONLY.contains(&name))
    {
        return None;
    }
    let response = line.response_object.and_then(|text| {
        let object: Response = serde_json::from_str(text.get()).ok()?;
        // A Status is no object, and the object of a subresource may be another kind without a version.
        object
            .metadata
            .filter(|_| object.kind.as_deref() != Some("Status"))
    });
    let is_small = |text: &&RawValue| text.get().len() <= MAX_BODY;
    let body = line.request_object.filter(is_small);
    let user_agent = line.user_agent.unwrap_or_default();
    let user = line.user?;
    let named = |name: Option<String>| name.filter(|name| !name.is_empty());
    let response_name = response.as_ref().and_then(|object| object.name.clone());
    let code = line.response_status.and_then(|status| status.code);
    Some(AuditRequest {
        audit_id: line.audit_id?,
        verb,
        user: named(user.username)?,
        impersonated: line.impersonated_user.and_then(|user| named(user.username)),
        groups: user.groups.unwrap_or_default(),
        source_ips: line.source_ips.unwrap_or_default(),
        manager: query(&uri, "fieldManager").unwrap_or_else(|| manager_of(&user_agent)),
        user_agent,
        group: target.api_group.unwrap_or_default(),
        resource: named(target.resource)?,
        subresource,
        namespace: named(namespace),
        name: named(target.name).or(named(response_name)),
        selector: query(&uri, "labelSelector").filter(|text| !text.is_empty()),
        dry_run,
        precondition: number(target.resource_version),
        body: body.and_then(|text| serde_json::from_str(text.get()).ok()),
        written: number(response.and_then(|object| object.resource_version)),
        code: code
            .and_then(|code| u16::try_from(code).ok())
            .filter(|_| ends),
        received,
        finished: logged.filter(|_| ends),
    })
}

/// A resource version; 0 means any.
fn number(text: Option<String>) -> Option<i64> {
    text?.parse().ok().filter(|number| *number > 0)
}

/// The value of a parameter of a URI.
fn query(uri: &str, name: &str) -> Option<String> {
    let (_, query) = uri.split_once('?')?;
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.into_iter().find(|(known, _)| *known == name)?;
    Some(unquoted(value))
}

/// A value of a URI without its `%` escapes.
fn unquoted(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let escaped = more.get(..2).filter(|_| *first == b'%');
        let escaped = escaped.and_then(|hex| std::str::from_utf8(hex).ok());
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = more.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(if *first == b'+' { b' ' } else { *first });
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The manager of a request without `fieldManager`: the user agent up to its first slash.
/// `prefixFromUserAgent` in apiserver `pkg/endpoints/handlers/create.go`, v0.20.2.
fn manager_of(user_agent: &str) -> String {
    let prefix = user_agent.split('/').next().unwrap_or_default();
    prefix
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_MANAGER)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_are_read_and_other_lines_are_not() {
        let line = |version: &str, verb: &str| {
            format!(
                r#"{{"kind":"Event","apiVersion":"{version}","auditID":"a","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/a/configmaps/b?fieldManager=my%20tool","verb":"{verb}","user":{{"username":"u","groups":["g"]}},"userAgent":"kubectl/v1 (x)","objectRef":{{"resource":"configmaps","namespace":"a","name":"b","resourceVersion":"7"}},"responseStatus":{{"code":200}},"responseObject":{{"kind":"ConfigMap","metadata":{{"resourceVersion":"9"}}}},"requestReceivedTimestamp":"2026-11-21T01:00:00.000001Z","stageTimestamp":"2026-11-21T01:00:00.5Z"}}"#
            )
        };
        for version in ["audit.k8s.io/v1", "audit.k8s.io/v1beta1"] {
            let request = parse(line(version, "update").as_bytes())
                .unwrap()
                .request
                .unwrap();
            assert_eq!(
                (request.precondition, request.written, request.code),
                (Some(7), Some(9), Some(200))
            );
            assert_eq!(request.manager, "my tool");
        }
        assert!(
            parse(line("audit.k8s.io/v1", "get").as_bytes())
                .unwrap()
                .request
                .is_none()
        );
        assert!(parse(line("v1", "update").as_bytes()).is_none());
        assert!(parse(b"[]").is_none() && parse(b"{").is_none() && parse(&[0xff]).is_none());
    }
}
