//! Requests on users and roles. Logs of etcd 3.4 contain passwords in plain text, logs since 3.5 contain bcrypt hashes.

/// Turns authentication on.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct AuthEnableRequest {}

/// Turns authentication off.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct AuthDisableRequest {}

/// Asks whether authentication is on.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct AuthStatusRequest {}

/// A user asks for a token.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct InternalAuthenticateRequest {
    /// The user.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The server never sets it: the log does not contain the password of a login.
    #[prost(string, tag = "2")]
    pub password: String,
    /// The token that the user receives.
    #[prost(string, tag = "3")]
    pub simple_token: String,
}

/// Options of a new user.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct UserAddOptions {
    /// The user authenticates by certificate only.
    #[prost(bool, tag = "1")]
    pub no_password: bool,
}

/// Adds a user.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct AuthUserAddRequest {
    /// The user.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Plain text in logs of etcd 3.4; empty since 3.5.
    #[prost(string, tag = "2")]
    pub password: String,
    /// Options.
    #[prost(message, optional, tag = "3")]
    pub options: Option<UserAddOptions>,
    /// base64 of a bcrypt hash, since 3.5.
    #[prost(string, tag = "4")]
    pub hashed_password: String,
}

/// Changes a password.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct AuthUserChangePasswordRequest {
    /// The user.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Plain text in logs of etcd 3.4; empty since 3.5.
    #[prost(string, tag = "2")]
    pub password: String,
    /// base64 of a bcrypt hash, since 3.5.
    #[prost(string, tag = "3")]
    pub hashed_password: String,
}

/// Deletes a user.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct AuthUserDeleteRequest {
    /// The user.
    #[prost(string, tag = "1")]
    pub name: String,
}

/// Reads a user.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct AuthUserGetRequest {
    /// The user.
    #[prost(string, tag = "1")]
    pub name: String,
}

/// Grants a role to a user.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct AuthUserGrantRoleRequest {
    /// The user.
    #[prost(string, tag = "1")]
    pub user: String,
    /// The role.
    #[prost(string, tag = "2")]
    pub role: String,
}

/// Revokes a role from a user.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct AuthUserRevokeRoleRequest {
    /// The user.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The role.
    #[prost(string, tag = "2")]
    pub role: String,
}

/// Lists users.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct AuthUserListRequest {}

/// Lists roles.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct AuthRoleListRequest {}

/// Adds a role.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct AuthRoleAddRequest {
    /// The role.
    #[prost(string, tag = "1")]
    pub name: String,
}

/// Deletes a role.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct AuthRoleDeleteRequest {
    /// The role.
    #[prost(string, tag = "1")]
    pub role: String,
}

/// Reads a role.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct AuthRoleGetRequest {
    /// The role.
    #[prost(string, tag = "1")]
    pub role: String,
}

/// Allows a role to read or write a key or a range: authpb.Permission.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Permission {
    /// 0 read, 1 write, 2 read and write.
    #[prost(int32, tag = "1")]
    pub perm_type: i32,
    /// The key, or the first of the range.
    #[prost(bytes = "vec", tag = "2")]
    pub key: Vec<u8>,
    /// End of the range, exclusive. Empty: only `key`. One zero byte: every key from `key` on.
    #[prost(bytes = "vec", tag = "3")]
    pub range_end: Vec<u8>,
}

/// Grants a permission to a role.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct AuthRoleGrantPermissionRequest {
    /// The role.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The permission.
    #[prost(message, optional, tag = "2")]
    pub perm: Option<Permission>,
}

/// Revokes a permission from a role.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct AuthRoleRevokePermissionRequest {
    /// The role.
    #[prost(string, tag = "1")]
    pub role: String,
    /// The key, or the first of the range.
    #[prost(bytes = "vec", tag = "2")]
    pub key: Vec<u8>,
    /// As in [`Permission`].
    #[prost(bytes = "vec", tag = "3")]
    pub range_end: Vec<u8>,
}
