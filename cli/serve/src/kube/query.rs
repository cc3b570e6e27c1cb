//! The parameters of a request, and the form in which the client wants the answer.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use etcd_inspect::kubernetes::selector::{FieldSelector, LabelSelector, SelectorError};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::net::status::Status;

/// Parameters of get, list and watch.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// `labelSelector`.
    pub labels: LabelSelector,
    /// `fieldSelector`.
    pub fields: FieldSelector,
    /// Text of both, for what depends on whether there are any.
    pub selects: bool,
    /// Whether there is a `fieldSelector`: only the whole object tells whether it fits.
    pub selects_fields: bool,
    /// `limit`; none for 0.
    pub limit: Option<usize>,
    /// `continue`.
    pub after: Option<Continue>,
    /// `resourceVersion`; none if it is empty or 0.
    pub resource_version: Option<i64>,
    /// Whether `resourceVersion` is given at all, `0` included.
    pub has_resource_version: bool,
    /// `resourceVersionMatch=Exact`, or what means the same.
    pub is_exact: bool,
    /// `watch`.
    pub is_watch: bool,
    /// `sendInitialEvents`.
    pub initial_events: bool,
    /// `allowWatchBookmarks`.
    pub bookmarks: bool,
    /// `timeoutSeconds`.
    pub timeout_seconds: Option<u64>,
    /// `includeObject` of a table.
    pub include: Include,
    /// `dryRun=All`.
    pub is_dry_run: bool,
}

/// What a row of a table contains of its object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Include {
    /// Nothing.
    None,
    /// The metadata.
    #[default]
    Metadata,
    /// All.
    Object,
}

/// Where a list goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Continue {
    /// The revision of the whole list.
    pub revision: i64,
    /// The first key that is not yet listed.
    pub key: Vec<u8>,
}

impl Continue {
    /// The token that a client sends back.
    pub fn token(&self) -> String {
        let start = URL_SAFE_NO_PAD.encode(&self.key);
        let token = json!({ "v": "meta.k8s.io/v1", "rv": self.revision, "start": start });
        URL_SAFE_NO_PAD.encode(token.to_string())
    }

    fn parse(token: &str) -> Option<Self> {
        let text = URL_SAFE_NO_PAD.decode(token.trim_end_matches('=')).ok()?;
        let token: Value = serde_json::from_slice(&text).ok()?;
        Some(Self {
            revision: token.get("rv")?.as_i64()?,
            key: URL_SAFE_NO_PAD.decode(token.get("start")?.as_str()?).ok()?,
        })
    }
}

impl Query {
    /// Reads the part of a URL after the question mark.
    ///
    /// # Errors
    /// A parameter that cannot be read.
    pub fn parse(text: &str) -> Result<Self, Status> {
        let mut query = Self::default();
        let mut matching = String::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let spaced = value.replace('+', " ");
            let value = percent_decode_str(&spaced).decode_utf8_lossy();
            match &*percent_decode_str(name).decode_utf8_lossy() {
                "resourceVersionMatch" => matching = value.into_owned(),
                name => query.read(name, &value)?,
            }
        }
        match matching.as_str() {
            "Exact" if query.resource_version.is_none() => {
                return Err(Status::bad_request(
                    "resourceVersionMatch=Exact needs a resourceVersion other than 0",
                ));
            }
            "" => {
                // A limit with a version means that version: `validateListOptions` in apiserver `pkg/storage`, v0.34.0.
                query.is_exact = query.limit.is_some() && query.resource_version.is_some();
            }
            "Exact" => query.is_exact = true,
            "NotOlderThan" => {}
            other => {
                let message =
                    format!("resourceVersionMatch is Exact or NotOlderThan, not {other:?}");
                return Err(Status::bad_request(message));
            }
        }
        Ok(query)
    }

    fn read(&mut self, name: &str, value: &str) -> Result<(), Status> {
        let wrong = |error: SelectorError| Status::bad_request(error.to_string());
        let number = || {
            value
                .parse::<u64>()
                .map_err(|_| Status::bad_request(format!("{name} is a number, not {value:?}")))
        };
        let flag = matches!(value, "" | "1" | "true" | "True" | "t");
        match name {
            "labelSelector" if !value.is_empty() => {
                self.labels = LabelSelector::parse(value).map_err(wrong)?;
                self.selects = true;
            }
            "fieldSelector" if !value.is_empty() => {
                self.fields = FieldSelector::parse(value).map_err(wrong)?;
                self.selects = true;
                self.selects_fields = true;
            }
            "limit" if !value.is_empty() => {
                self.limit = usize::try_from(number()?).ok().filter(|limit| *limit > 0);
            }
            "continue" if !value.is_empty() => {
                let token = Continue::parse(value);
                self.after = Some(token.ok_or_else(|| {
                    Status::bad_request("continue key is not valid: it is not one of this server")
                })?);
            }
            "resourceVersion" if !value.is_empty() => {
                let revision = i64::try_from(number()?).map_err(|_| {
                    Status::bad_request(format!("resourceVersion {value:?} is too large"))
                })?;
                self.has_resource_version = true;
                self.resource_version = (revision > 0).then_some(revision);
            }
            "watch" => self.is_watch = flag,
            "sendInitialEvents" => self.initial_events = flag,
            "allowWatchBookmarks" => self.bookmarks = flag,
            "timeoutSeconds" if !value.is_empty() => self.timeout_seconds = Some(number()?),
            "includeObject" => {
                self.include = match value {
                    "None" => Include::None,
                    "Object" => Include::Object,
                    _ => Include::Metadata,
                }
            }
            "dryRun" => self.is_dry_run = value == "All",
            _ => {}
        }
        Ok(())
    }
}

/// The form of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// The objects.
    #[default]
    Object,
    /// A table as kubectl prints it.
    Table,
    /// The metadata of the objects.
    Metadata,
}

/// What a client accepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accept {
    /// The form.
    pub form: Form,
    /// YAML instead of JSON.
    pub yaml: bool,
    /// Protobuf instead of JSON.
    pub protobuf: bool,
}

impl Accept {
    /// The forms of an `Accept` header that there are, in its order.
    pub fn parse(header: &str) -> Vec<Self> {
        if header.trim().is_empty() {
            return vec![Self::default()];
        }
        header.split(',').filter_map(Self::one).collect()
    }

    fn one(text: &str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default();
        let yaml = matches!(media, "application/yaml" | "text/yaml");
        let protobuf = media == super::protobuf::MEDIA;
        let is_json = matches!(
            media,
            "application/json" | "application/*" | "*/*" | "text/*"
        );
        if !yaml && !protobuf && !is_json {
            return None;
        }
        let form = parts.find_map(|part| part.strip_prefix("as="));
        Some(Self {
            form: match form {
                None => Form::Object,
                Some("Table") => Form::Table,
                Some("PartialObjectMetadata" | "PartialObjectMetadataList") => Form::Metadata,
                Some(_) => return None,
            },
            yaml,
            protobuf,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_form_that_can_be_given_is_taken() {
        let table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
        assert_eq!(Accept::parse(table).first().unwrap().form, Form::Table);
        let typed = Accept::parse("application/vnd.kubernetes.protobuf,application/json");
        let is_protobuf: Vec<bool> = typed.iter().map(|accept| accept.protobuf).collect();
        assert_eq!(is_protobuf, [true, false]);
        assert_eq!(Accept::parse("image/png"), []);
        assert_eq!(Accept::parse(""), [Accept::default()]);
    }

    #[test]
    fn a_token_says_where_the_list_goes_on_and_another_servers_is_refused() {
        let after = Continue {
            revision: 7,
            key: b"/registry/pods/a\0".to_vec(),
        };
        let query = Query::parse(&format!("limit=5&continue={}", after.token())).unwrap();
        assert_eq!(query.after, Some(after));
        assert!(Query::parse("continue=abc").is_err());
        assert!(Query::parse("resourceVersionMatch=Exact").is_err());
        assert!(Query::parse("resourceVersion=x").is_err());
    }
}
