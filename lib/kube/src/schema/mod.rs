//! Which fields every Kubernetes message has, by number, and how Kubernetes prints them.
//!
//! `fields.tsv` and `kinds.tsv` beside this file are the source; `build.rs` turns them into the statics below, so that
//! nothing is parsed or allocated at run time. The README says how to regenerate them for a new release.
//!
//! No field number was ever reused for another purpose between Kubernetes 1.8 and the newest release, so one table that
//! unites them all decodes every release.

mod rendered;

pub use rendered::{BASE64_TEXTS, COMPUTED_TEXTS, Rendered};

/// What a field's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// UTF-8 text.
    String,
    /// Bytes, printed as base64.
    Bytes,
    /// A varint, 0 or not.
    Bool,
    /// The low 32 bits of a varint.
    Int32,
    /// A varint as two's complement.
    Int64,
    /// Eight bytes, IEEE 754.
    Double,
    /// Another message: [`Field::message`].
    Message,
}

/// How often a field occurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// Once; the last wins, messages are merged.
    One,
    /// A list.
    Repeated,
    /// Entries `{1: string key, 2: value}`.
    Map,
}

/// When a field is printed: what its Go type and JSON tag amount to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Left out when empty: zero, `""`, false, no elements.
    OmitEmpty,
    /// The one `omitzero`: a Time, left out when zero.
    OmitZero,
    /// Printed when it is on the wire, empty or not.
    Pointer,
    /// Always printed, with its zero value (`null` for lists, maps and bytes) when absent.
    Always,
    /// As [`Rule::Pointer`], and `null` when it is not.
    PointerNull,
    /// Its members are printed among those of the parent.
    Inline,
}

impl Rule {
    /// Whether nothing is printed for a field that is not on the wire.
    pub fn is_silent(self) -> bool {
        matches!(self, Self::OmitEmpty | Self::OmitZero | Self::Pointer)
    }
}

/// How a message is printed if not as an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An object with the fields as members.
    Plain,
    /// RFC 3339 UTC, whole seconds; empty is `null`.
    Time,
    /// RFC 3339 UTC, six digits of a second; empty is `null`.
    MicroTime,
    /// A quantity in canonical form.
    Quantity,
    /// A number or a string.
    IntOrString,
    /// JSON text, unchanged.
    Json,
    /// The bare list, or the bare map, of field 1; `null` when absent.
    List,
    /// The schema (2), else the bool (1).
    OrBool,
    /// The schemas (2), else the schema (1).
    OrArray,
    /// The strings (2), else the schema (1).
    OrStrings,
}

/// One field of a message.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its number on the wire.
    pub number: u16,
    name: u16,
    target: u16,
    /// What its bytes are.
    pub kind: Type,
    /// How often it occurs.
    pub label: Label,
    /// When it is printed.
    pub rule: Rule,
}

impl Field {
    /// Its JSON name.
    pub fn name(&self) -> &'static str {
        NAMES.get(usize::from(self.name)).copied().unwrap_or("")
    }

    /// The type of the message, if it is one (for a map: of its values).
    pub fn message(&self) -> &'static Message {
        MESSAGES.get(usize::from(self.target)).unwrap_or(&UNKNOWN)
    }
}

/// One message: its name and its fields by ascending number.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    /// `k8s.io.api.core.v1.Pod`.
    pub name: &'static str,
    /// How it is printed.
    pub form: Form,
    start: u16,
    end: u16,
}

/// A message that the table does not have: all its fields are unknown.
static UNKNOWN: Message = m("", Form::Plain, 0, 0);

impl Message {
    /// Its fields by ascending number.
    pub fn fields(&self) -> &'static [Field] {
        FIELDS
            .get(usize::from(self.start)..usize::from(self.end))
            .unwrap_or_default()
    }

    /// The message of that proto name.
    ///
    /// ```
    /// use etcd_inspect_kube::schema::Message;
    /// let time = Message::named("k8s.io.apimachinery.pkg.apis.meta.v1.Time").unwrap();
    /// assert_eq!(time.fields().len(), 2);
    /// ```
    pub fn named(name: &str) -> Option<&'static Self> {
        let at = MESSAGES
            .binary_search_by(|message| message.name.cmp(name))
            .ok()?;
        MESSAGES.get(at)
    }
}

/// A kind that kube-apiserver of some release can store or serve.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// `apps/v1`.
    pub api_version: &'static str,
    /// `Deployment`.
    pub kind: &'static str,
    message: u16,
    since: u16,
}

impl Kind {
    /// Looks a kind up.
    ///
    /// ```
    /// use etcd_inspect_kube::schema::Kind;
    /// let pod = Kind::find("v1", "Pod").unwrap();
    /// assert_eq!(pod.message().name, "k8s.io.api.core.v1.Pod");
    /// assert!(Kind::find("example.com/v1", "Widget").is_none());
    /// ```
    pub fn find(api_version: &str, kind: &str) -> Option<&'static Self> {
        KINDS.get(Self::position(api_version, kind)?)
    }

    /// Where a kind is in [`Kind::all`].
    pub fn position(api_version: &str, kind: &str) -> Option<usize> {
        let order = |row: &Self| (row.api_version, row.kind).cmp(&(api_version, kind));
        KINDS.binary_search_by(order).ok()
    }

    /// Every kind, by apiVersion and kind.
    pub fn all() -> &'static [Self] {
        &KINDS
    }

    /// Its message.
    pub fn message(&self) -> &'static Message {
        MESSAGES.get(usize::from(self.message)).unwrap_or(&UNKNOWN)
    }

    /// The minor version of the first release of Kubernetes 1.8 to the newest that has it; `None` if the table does not say.
    pub fn since(&self) -> Option<u16> {
        (self.since > 0).then_some(self.since)
    }
}

const fn f(number: u16, name: u16, kind: Type, target: u16, label: Label, rule: Rule) -> Field {
    Field {
        number,
        name,
        target,
        kind,
        label,
        rule,
    }
}

const fn m(name: &'static str, form: Form, start: u16, end: u16) -> Message {
    Message {
        name,
        form,
        start,
        end,
    }
}

include!(concat!(env!("OUT_DIR"), "/kubernetes_schema.rs"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stand_by_ascending_number_and_messages_by_name() {
        for message in &MESSAGES {
            assert!(
                message.fields().is_sorted_by(|a, b| a.number < b.number),
                "{}",
                message.name
            );
        }
        assert!(MESSAGES.is_sorted_by(|a, b| a.name < b.name));
    }

    #[test]
    fn inline_fields_are_messages_and_nest_at_most_twice() {
        fn depth(message: &Message) -> usize {
            let inline = message
                .fields()
                .iter()
                .filter(|field| field.rule == Rule::Inline);
            inline
                .map(|field| 1 + depth(field.message()))
                .max()
                .unwrap_or(0)
        }
        let deepest = MESSAGES.iter().map(depth).max();
        assert_eq!(deepest, Some(2));
    }

    #[test]
    fn the_kinds_of_old_and_new_releases_are_known() {
        for (api_version, kind) in [
            ("v1", "Pod"),
            ("extensions/v1beta1", "Deployment"),
            ("settings.k8s.io/v1alpha1", "PodPreset"),
            ("networking.k8s.io/v1alpha1", "ClusterCIDR"),
            ("resource.k8s.io/v1", "DeviceTaintRule"),
            ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
            ("apiregistration.k8s.io/v1", "APIService"),
            ("internal.apiserver.k8s.io/v1alpha1", "StorageVersion"),
        ] {
            assert!(
                Kind::find(api_version, kind).is_some(),
                "{api_version} {kind}"
            );
        }
    }
}
