//! Buckets `auth`, `authUsers` and `authRoles`: who may do what.

use prost::Message as _;

use super::value::{bad, each, u64_be, value_place};
use crate::bolt::{Db, Item};
use crate::codes::backend as codes;
use located::Place;
use located::Sink;

/// Authentication. Source: `server/auth/store.go, v3.5.30`, `server/storage/schema/auth*.go, v3.6.14`.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Auth {
    /// Whether it is on; `None` if it was never switched, which means off.
    pub enabled: Option<bool>,
    /// Counts changes of users and roles, from 1. Members with different numbers refuse each other's tokens; etcd before 3.4.8
    /// could skip changes at a restart (etcd#11651).
    pub revision: Option<u64>,
    /// Users, by name.
    pub users: Vec<AuthUser>,
    /// Roles, by name. `root` need not be among them.
    pub roles: Vec<AuthRole>,
    /// Where the value of `authRevision` starts.
    #[serde(skip)]
    pub revision_place: Option<Place>,
}

/// A user. The hash of the password is in no output and no debug output.
#[derive(Clone, serde::Serialize)]
pub struct AuthUser {
    /// The name, from the value.
    pub name: String,
    /// Roles by name, sorted.
    pub roles: Vec<String>,
    /// Whether the user was created without a password, for certificates only.
    pub no_password: bool,
    #[serde(skip)]
    pub(crate) password: Vec<u8>,
    /// The key it is stored under: the name.
    #[serde(skip)]
    pub key: Vec<u8>,
    /// Where its value starts.
    #[serde(skip)]
    pub place: Option<Place>,
}

/// A role.
#[derive(Clone, Debug, serde::Serialize)]
pub struct AuthRole {
    /// The name, from the value.
    pub name: String,
    /// What it allows.
    pub permissions: Vec<Permission>,
    /// The key it is stored under: the name.
    #[serde(skip)]
    pub key: Vec<u8>,
    /// Where its value starts.
    #[serde(skip)]
    pub place: Option<Place>,
}

/// What a role allows, and for which keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// Reading, writing or both.
    pub kind: PermissionType,
    /// The key, or the first of the range.
    pub key: Vec<u8>,
    /// Empty: that key only; one zero byte: all keys from it on; else the first key after the range.
    pub range_end: Vec<u8>,
}

/// Reading, writing or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PermissionType {
    /// 0.
    Read,
    /// 1.
    Write,
    /// 2.
    ReadWrite,
    /// Anything else.
    Other,
}

impl PermissionType {
    /// The number in etcd's messages; -1 for one that no release has.
    pub fn number(self) -> i32 {
        match self {
            Self::Read => 0,
            Self::Write => 1,
            Self::ReadWrite => 2,
            Self::Other => -1,
        }
    }
}

/// As text if they are UTF-8, else in base64, like keys everywhere in JSON output.
impl serde::Serialize for Permission {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use base64::Engine as _;
        use serde::ser::SerializeMap as _;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("permission", &self.kind)?;
        for (text, base64, bytes) in [
            ("key", "key_b64", &self.key),
            ("range_end", "range_end_b64", &self.range_end),
        ] {
            match std::str::from_utf8(bytes) {
                Ok(value) => map.serialize_entry(text, value)?,
                Err(_) => map.serialize_entry(
                    base64,
                    &base64::engine::general_purpose::STANDARD.encode(bytes),
                )?,
            }
        }
        map.end()
    }
}

/// Without the hash.
impl std::fmt::Debug for AuthUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthUser")
            .field("name", &self.name)
            .field("roles", &self.roles)
            .finish_non_exhaustive()
    }
}

impl AuthUser {
    /// The bcrypt hash of the password, `$2a$10$…`, 60 bytes; empty if the user has none. Show it only on request.
    pub fn password_hash(&self) -> &[u8] {
        &self.password
    }
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct StoredUser {
    #[prost(bytes = "vec", tag = "1")]
    name: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    password: Vec<u8>,
    #[prost(string, repeated, tag = "3")]
    roles: Vec<String>,
    #[prost(message, optional, tag = "4")]
    options: Option<StoredOptions>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct StoredOptions {
    #[prost(bool, tag = "1")]
    no_password: bool,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct StoredRole {
    #[prost(bytes = "vec", tag = "1")]
    name: Vec<u8>,
    #[prost(message, repeated, tag = "2")]
    permissions: Vec<StoredPermission>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct StoredPermission {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(bytes = "vec", tag = "2")]
    key: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    range_end: Vec<u8>,
}

impl Auth {
    /// Reads the three buckets; an unreadable value is reported to `sink` and the others are returned.
    pub fn read(db: &Db<'_>, sink: &mut Sink<'_>) -> Self {
        let mut auth = Self::default();
        auth.read_keys(db, sink);
        let (mut users, mut roles) = (Vec::new(), Vec::new());
        each(db, b"authUsers", sink, &mut |item| users.push(item));
        each(db, b"authRoles", sink, &mut |item| roles.push(item));
        for item in users {
            let place = place_of(db, &item);
            match StoredUser::decode(item.value) {
                Ok(stored) => auth.users.push(AuthUser {
                    name: String::from_utf8_lossy(&stored.name).into_owned(),
                    roles: stored.roles,
                    no_password: stored.options.is_some_and(|options| options.no_password),
                    password: stored.password,
                    key: item.key.to_vec(),
                    place: Some(place),
                }),
                // The value contains a password hash: not even an excerpt is shown.
                Err(_) => bad(
                    sink,
                    &codes::AUTH_UNREADABLE,
                    place,
                    "a user",
                    b"",
                    "an authpb.User",
                ),
            }
        }
        for item in roles {
            let place = place_of(db, &item);
            match StoredRole::decode(item.value) {
                Ok(stored) => auth.roles.push(AuthRole {
                    name: String::from_utf8_lossy(&stored.name).into_owned(),
                    permissions: stored
                        .permissions
                        .into_iter()
                        .map(Permission::from)
                        .collect(),
                    key: item.key.to_vec(),
                    place: Some(place),
                }),
                Err(_) => bad(
                    sink,
                    &codes::AUTH_UNREADABLE,
                    place,
                    "a role",
                    item.value,
                    "an authpb.Role",
                ),
            }
        }
        auth
    }

    fn read_keys(&mut self, db: &Db<'_>, sink: &mut Sink<'_>) {
        let mut items = Vec::new();
        each(db, b"auth", sink, &mut |item| items.push(item));
        for item in items {
            let place = place_of(db, &item);
            match (item.key, item.value) {
                (b"authEnabled", [0]) => self.enabled = Some(false),
                (b"authEnabled", [1]) => self.enabled = Some(true),
                (b"authEnabled", other) => bad(
                    sink,
                    &codes::AUTH_UNREADABLE,
                    place,
                    "authEnabled",
                    other,
                    "one byte, 0 or 1",
                ),
                (b"authRevision", value) => {
                    self.revision = u64_be(value);
                    if self.revision.is_none() {
                        bad(
                            sink,
                            &codes::AUTH_UNREADABLE,
                            place.clone(),
                            "authRevision",
                            value,
                            "8 bytes, big-endian",
                        );
                    }
                    self.revision_place = Some(place);
                }
                _ => {}
            }
        }
    }

    /// Whether requests must be authenticated.
    pub fn is_enabled(&self) -> bool {
        self.enabled == Some(true)
    }
}

impl From<StoredPermission> for Permission {
    fn from(stored: StoredPermission) -> Self {
        let kind = match stored.kind {
            0 => PermissionType::Read,
            1 => PermissionType::Write,
            2 => PermissionType::ReadWrite,
            _ => PermissionType::Other,
        };
        Self {
            kind,
            key: stored.key,
            range_end: stored.range_end,
        }
    }
}

fn place_of(db: &Db<'_>, item: &Item<'_>) -> Place {
    value_place(db.file().file(), item)
}
