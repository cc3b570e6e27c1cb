//! Who wrote a version: one answer for every list of versions. etcd stores no user; what the object says is the next best.

use serde_json::Value;

use crate::kubernetes::blame::writer;
use crate::kubernetes::changed::Change;
use crate::kubernetes::written::written;
use crate::kubernetes::yaml::Step;

/// What says who wrote a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhoSource {
    /// The request in the audit log.
    Audit,
    /// The write changed the field set of this manager.
    Changed,
    /// The holder of a Lease, the reporter of an Event.
    Signed,
    /// This manager owns the field that was changed; someone else may have written it.
    Owner,
}

impl WhoSource {
    /// As JSON spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Changed => "managed_fields",
            Self::Signed => "object",
            Self::Owner => "owner",
        }
    }
}

/// Who wrote a version, and what says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionWriter {
    /// A manager, a holder, a component; of an audit log the user with address and program.
    pub name: String,
    /// What says so.
    pub source: WhoSource,
}

impl VersionWriter {
    /// Whether the object itself calls its writer unknown: as the API server does for a request that names no manager and has no
    /// `User-Agent` (`managerOrUserAgent` in apiserver `pkg/endpoints/handlers/create.go`, v0.20.2).
    pub fn is_called_unknown(&self) -> bool {
        self.name == "unknown" && self.source != WhoSource::Audit
    }

    /// The manager whose field set changed, else who signs the object, else the owner of the first changed field. `before`: the
    /// object that was replaced, and whether there was none; `changes`: what differs from it.
    pub fn find(
        (before, is_first): (Option<&Value>, bool),
        object: &Value,
        changes: &[Change],
    ) -> Option<Self> {
        let found = |name: String, source| Some(Self { name, source });
        let wrote = written(before, object);
        // Without the version before it is not known which field set changed last: some writes change none.
        let is_sure = wrote.is_sure && (is_first || before.is_some());
        let (sure, guess) = match is_sure {
            true => (wrote.by, None),
            false => (None, wrote.by),
        };
        if let Some(manager) = sure {
            return found(manager, WhoSource::Changed);
        }
        if let Some(signed) = Self::signed(object) {
            return Some(signed);
        }
        if let Some(manager) = guess {
            return found(manager, WhoSource::Owner);
        }
        // No manager owns the mark of an object that is to be deleted, and what the API server changes with it says nothing of who asked.
        if changes
            .iter()
            .any(|change| change.path == "metadata.deletionTimestamp")
        {
            return None;
        }
        let mut owners = changes.iter().filter_map(|change| {
            // Items of lists have keys that a path does not hold.
            let path = Some(&change.path).filter(|path| !path.contains('['))?;
            let steps: Vec<Step> = path
                .split('.')
                .map(|name| Step::Field(name.to_owned()))
                .collect();
            Some(writer(object, &steps)?.manager.to_owned())
        });
        found(owners.next()?, WhoSource::Owner)
    }

    /// Who signs an object that need have no managed fields: the holder of a Lease, the reporter of an Event.
    pub fn signed(object: &Value) -> Option<Self> {
        let fields: &[&str] = match object.get("kind")?.as_str()? {
            "Lease" => &["/spec/holderIdentity"],
            "Event" => &[
                "/reportingComponent",
                "/reportingController",
                "/source/component",
                "/deprecatedSource/component",
            ],
            _ => return None,
        };
        let mut found = fields
            .iter()
            .filter_map(|field| object.pointer(field)?.as_str());
        let name = found.find(|text| !text.is_empty())?.to_owned();
        let source = WhoSource::Signed;
        Some(Self { name, source })
    }

    /// The name; with `?` if someone else may have written it.
    pub fn shown(&self) -> String {
        match self.source {
            WhoSource::Owner => format!("{}?", self.name),
            _ => self.name.clone(),
        }
    }
}
