//! One request that can have written something.

use jiff::Timestamp;

/// What a request asks for; of all verbs those that write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditVerb {
    /// A new object, or a subresource that acts on one: `pods/binding`, `pods/eviction`.
    Create,
    /// The whole object.
    Update,
    /// A part of the object.
    Patch,
    /// The object is to go.
    Delete,
    /// All objects of a selection are to go.
    DeleteCollection,
}

impl AuditVerb {
    /// By its name; `None` if it writes nothing.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "create" => Self::Create,
            "update" => Self::Update,
            "patch" => Self::Patch,
            "delete" => Self::Delete,
            "deletecollection" => Self::DeleteCollection,
            _ => return None,
        })
    }

    /// As the log has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
        }
    }
}

/// One request with all that its events say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRequest {
    /// The id that the API server gave it.
    pub audit_id: String,
    /// What it asks for.
    pub verb: AuditVerb,
    /// The user.
    pub user: String,
    /// The user as whom it acts, if that is another one.
    pub impersonated: Option<String>,
    /// The groups of the user.
    pub groups: Vec<String>,
    /// Where it is from: proxies first.
    pub source_ips: Vec<String>,
    /// The program that sent it, as that calls itself.
    pub user_agent: String,
    /// The manager that the API server notes in `managedFields` for it.
    pub manager: String,
    /// The API group; empty for the core.
    pub group: String,
    /// `deployments`.
    pub resource: String,
    /// `status`, `scale`, `binding`.
    pub subresource: Option<String>,
    /// The namespace, if there is one.
    pub namespace: Option<String>,
    /// The name; `None` if the API server made one up, or all objects were meant.
    pub name: Option<String>,
    /// The label selector of a request for many objects.
    pub selector: Option<String>,
    /// Whether it only asks what would happen, and writes nothing; `None` if the log does not say so.
    pub dry_run: Option<bool>,
    /// `metadata.resourceVersion` of the request: it is only carried out on this version.
    pub precondition: Option<i64>,
    /// `metadata.resourceVersion` of the object in the response.
    pub written: Option<i64>,
    /// The object or patch that was sent, if the log has it and it is not large.
    pub body: Option<serde_json::Value>,
    /// The status code of the response; `None` if the log does not have it.
    pub code: Option<u16>,
    /// When the API server received it.
    pub received: Timestamp,
    /// When the response was complete; `None` if the log does not have it.
    pub finished: Option<Timestamp>,
}

impl AuditRequest {
    /// Adds what an event of a later stage says.
    pub(super) fn complete(&mut self, later: Self) {
        self.code = later.code.or(self.code);
        self.dry_run = later.dry_run.or(self.dry_run);
        self.finished = later.finished.or(self.finished);
        self.written = later.written.or(self.written);
        self.body = later.body.or(self.body.take());
        self.precondition = later.precondition.or(self.precondition);
        self.name = later.name.or(self.name.take());
        self.received = self.received.min(later.received);
    }

    /// Whether it can have written. A request that failed on the server's side, or of which the log does not have the end, may have.
    pub fn may_have_written(&self) -> bool {
        !matches!(self.code, Some(300..=499)) && self.dry_run != Some(true)
    }

    /// Whether the API server answered that it did what was asked.
    pub fn succeeded(&self) -> bool {
        matches!(self.code, Some(200..=299))
    }

    /// Who, from where, with what: `alice (team-a) from 10.0.0.5 with kubectl/v1.20.2`.
    pub fn describe(&self) -> String {
        let mut text = self.user.clone();
        if let Some(other) = &self.impersonated {
            text.push_str(&format!(" as {other}"));
        }
        let plain = |group: &&String| !group.starts_with("system:authenticated");
        let groups: Vec<&str> = self
            .groups
            .iter()
            .filter(plain)
            .map(String::as_str)
            .collect();
        if !groups.is_empty() {
            text.push_str(&format!(" ({})", groups.join(", ")));
        }
        if !self.source_ips.is_empty() {
            text.push_str(&format!(" from {}", self.source_ips.join(", ")));
        }
        if let Some(program) = self
            .user_agent
            .split(' ')
            .next()
            .filter(|word| !word.is_empty())
        {
            text.push_str(&format!(" with {program}"));
        }
        text
    }
}
