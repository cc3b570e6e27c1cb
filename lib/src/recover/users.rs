//! Users, roles and what they may do, while entries are applied. Source: `server/auth/store.go`, v3.5.30.

use std::collections::BTreeMap;

use base64::Engine as _;

use super::appliers::ApplyRules;
use super::layer::KeySpan;
use super::store::Refused;
use crate::raft::auth::{
    AuthRoleGrantPermissionRequest, AuthRoleRevokePermissionRequest, AuthUserAddRequest,
    AuthUserChangePasswordRequest, Permission,
};
use crate::raft::kv::{Op, PutRequest, TxnRequest};
use crate::raft::{Operation, RequestHeader};

const ROOT: &str = "root";
const READ: i32 = 0;
const WRITE: i32 = 1;
const READ_WRITE: i32 = 2;

const NOT_FOUND: Refused = Refused::Auth("user name not found");
const ROLE_NOT_FOUND: Refused = Refused::Auth("role name not found");
const DENIED: Refused = Refused::Auth("permission denied");
const INVALID: Refused = Refused::Auth("invalid auth management");

/// A user: authpb.User.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// bcrypt; empty if there is none, or if the log contains it in plain text (etcd 3.4) and the hash cannot be known.
    pub password: Vec<u8>,
    /// Sorted.
    pub roles: Vec<String>,
    /// Authenticates by certificate only.
    pub no_password: bool,
}

/// Authentication as the `auth*` buckets hold it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Users {
    /// Whether authentication is on.
    pub enabled: bool,
    /// Counts changes of users and roles; 1 in a new store.
    pub revision: u64,
    /// By name.
    pub users: BTreeMap<String, User>,
    /// Permissions by role.
    pub roles: BTreeMap<String, Vec<Permission>>,
}

/// A request of a user, as a release checks it.
struct Asking<'r> {
    users: &'r Users,
    header: &'r RequestHeader,
    rules: ApplyRules,
    /// The keys that are attached to a lease.
    attached: &'r dyn Fn(i64) -> Vec<Vec<u8>>,
}

impl Asking<'_> {
    fn may(&self, span: KeySpan<'_>, kind: i32) -> Result<(), Refused> {
        self.users.permits_span(self.header, span, kind)
    }

    fn keys_of_lease(&self, lease: i64) -> Result<(), Refused> {
        if self.rules.root_has_every_lease && self.users.permits_admin(self.header).is_ok() {
            return Ok(());
        }
        let keys = (self.attached)(lease);
        keys.iter()
            .try_for_each(|key| self.may(KeySpan::Key(key), WRITE))
    }

    /// Who may not write the other keys of a lease may not attach to it either: `checkPutAuth` in
    /// `server/etcdserver/apply_auth.go`, v3.5.30.
    fn put(&self, put: &PutRequest) -> Result<(), Refused> {
        self.may(KeySpan::Key(&put.key), WRITE)?;
        if put.lease != 0 {
            self.keys_of_lease(put.lease)?;
        }
        match put.prev_kv {
            true => self.may(KeySpan::Key(&put.key), READ),
            false => Ok(()),
        }
    }

    fn txn(&self, txn: &TxnRequest) -> Result<(), Refused> {
        for compare in &txn.compare {
            self.may(KeySpan::new(&compare.key, &compare.range_end), READ)?;
        }
        for operation in txn.success.iter().chain(&txn.failure) {
            match &operation.request {
                Some(Op::Range(range)) => {
                    self.may(KeySpan::new(&range.key, &range.range_end), READ)?;
                }
                Some(Op::Put(put)) if self.rules.put_in_txn => self.put(put)?,
                Some(Op::Put(put)) => self.may(KeySpan::Key(&put.key), WRITE)?,
                Some(Op::DeleteRange(delete)) => {
                    let span = KeySpan::new(&delete.key, &delete.range_end);
                    if delete.prev_kv {
                        self.may(span, READ)?;
                    }
                    self.may(span, WRITE)?;
                }
                Some(Op::Txn(nested)) if self.rules.nested_txn => self.txn(nested)?,
                Some(Op::Txn(_)) | None => {}
            }
        }
        Ok(())
    }
}

impl Users {
    /// Whether the header's user may do the operation at all, as etcd checks when it applies it.
    pub(super) fn permits(
        &self,
        header: &RequestHeader,
        operation: &Operation<'_>,
        rules: ApplyRules,
        attached: impl Fn(i64) -> Vec<Vec<u8>>,
    ) -> Result<(), Refused> {
        if !self.enabled {
            return Ok(());
        }
        let asking = Asking {
            users: self,
            header,
            rules,
            attached: &attached,
        };
        let may = |span: KeySpan<'_>, kind: i32| self.permits_span(header, span, kind);
        match operation {
            Operation::Put(put) => asking.put(put),
            Operation::DeleteRange(delete) => {
                let span = KeySpan::new(&delete.key, &delete.range_end);
                may(span, WRITE)?;
                if delete.prev_kv {
                    may(span, READ)
                } else {
                    Ok(())
                }
            }
            Operation::Txn(txn) => asking.txn(txn),
            Operation::LeaseRevoke(revoke) => asking.keys_of_lease(revoke.id),
            // `needAdminPermission` in `server/etcdserver/apply_auth.go`, v3.5.30.
            Operation::AuthEnable(_)
            | Operation::AuthDisable(_)
            | Operation::AuthUserAdd(_)
            | Operation::AuthUserDelete(_)
            | Operation::AuthUserChangePassword(_)
            | Operation::AuthUserGrantRole(_)
            | Operation::AuthUserRevokeRole(_)
            | Operation::AuthRoleAdd(_)
            | Operation::AuthRoleDelete(_)
            | Operation::AuthRoleGrantPermission(_)
            | Operation::AuthRoleRevokePermission(_) => self.permits_admin(header),
            _ => Ok(()),
        }
    }

    /// Whether it may depend on the keys of a lease, or on the release, if this user may revoke it.
    pub(crate) fn may_refuse_to_revoke(&self, header: Option<&RequestHeader>) -> bool {
        let is_root = |header: &RequestHeader| {
            header.auth_revision >= self.revision && self.permits_admin(header).is_ok()
        };
        self.enabled && !header.is_some_and(is_root)
    }

    fn permits_admin(&self, header: &RequestHeader) -> Result<(), Refused> {
        if header.username.is_empty() {
            return Err(Refused::Auth("user name is empty"));
        }
        match self.users.get(&header.username) {
            Some(user) if is_root(user) => Ok(()),
            _ => Err(DENIED),
        }
    }

    fn permits_span(
        &self,
        header: &RequestHeader,
        span: KeySpan<'_>,
        kind: i32,
    ) -> Result<(), Refused> {
        // `isOpPermitted` in `server/auth/store.go`, v3.5.30.
        if header.auth_revision == 0 {
            return Err(Refused::Auth("user name is empty"));
        }
        if header.auth_revision < self.revision {
            return Err(Refused::Auth("revision in header is old"));
        }
        let user = self.users.get(&header.username).ok_or(DENIED)?;
        let granted = user
            .roles
            .iter()
            .filter_map(|role| self.roles.get(role))
            .flatten();
        let spans = granted
            .filter(|permission| permission.perm_type == kind || permission.perm_type == READ_WRITE)
            .map(|permission| KeySpan::new(&permission.key, &permission.range_end));
        if is_root(user) || covers(spans, span) {
            Ok(())
        } else {
            Err(DENIED)
        }
    }

    /// Each change of users and roles that is not refused counts.
    fn changed(&mut self) -> Result<(), Refused> {
        self.revision = self.revision.saturating_add(1);
        Ok(())
    }

    /// Applies an operation on users and roles.
    pub(super) fn apply(&mut self, operation: &Operation<'_>) -> Result<(), Refused> {
        match operation {
            Operation::AuthEnable(_) => self.enable(),
            Operation::AuthDisable(_) if self.enabled => {
                self.enabled = false;
                self.changed()
            }
            Operation::AuthUserAdd(request) => self.add_user(request),
            Operation::AuthUserDelete(request) => {
                if self.enabled && request.name == ROOT {
                    return Err(INVALID);
                }
                self.users.remove(&request.name).ok_or(NOT_FOUND)?;
                self.changed()
            }
            Operation::AuthUserChangePassword(request) => self.change_password(request),
            Operation::AuthUserGrantRole(request) => self.grant_role(&request.user, &request.role),
            Operation::AuthUserRevokeRole(request) => {
                self.revoke_role(&request.name, &request.role)
            }
            Operation::AuthRoleAdd(request) => {
                if request.name.is_empty() {
                    return Err(Refused::Auth("role name is empty"));
                }
                if self.roles.contains_key(&request.name) {
                    return Err(Refused::Auth("role name already exists"));
                }
                self.roles.insert(request.name.clone(), Vec::new());
                self.changed()
            }
            Operation::AuthRoleDelete(request) => self.delete_role(&request.role),
            Operation::AuthRoleGrantPermission(request) => self.grant_permission(request),
            Operation::AuthRoleRevokePermission(request) => self.revoke_permission(request),
            _ => Ok(()),
        }
    }

    fn enable(&mut self) -> Result<(), Refused> {
        let root = self
            .users
            .get(ROOT)
            .ok_or(Refused::Auth("root user does not exist"))?;
        if !is_root(root) {
            return Err(Refused::Auth("root user does not have root role"));
        }
        // Alone of all changes it leaves authRevision as it is: `AuthEnable` in `server/auth/store.go`, v3.5.30.
        self.enabled = true;
        Ok(())
    }

    fn add_user(&mut self, request: &AuthUserAddRequest) -> Result<(), Refused> {
        if request.name.is_empty() {
            return Err(Refused::Auth("user name is empty"));
        }
        if self.users.contains_key(&request.name) {
            return Err(Refused::Auth("user name already exists"));
        }
        let no_password = request
            .options
            .as_ref()
            .is_some_and(|options| options.no_password);
        let password = if no_password {
            Vec::new()
        } else {
            hash(&request.hashed_password)
        };
        self.users.insert(
            request.name.clone(),
            User {
                password,
                roles: Vec::new(),
                no_password,
            },
        );
        self.changed()
    }

    fn change_password(&mut self, request: &AuthUserChangePasswordRequest) -> Result<(), Refused> {
        let user = self.users.get_mut(&request.name).ok_or(NOT_FOUND)?;
        // `UserChangePassword` in `server/auth/store.go`, v3.5.30.
        if !user.no_password {
            user.password = hash(&request.hashed_password);
        }
        self.changed()
    }

    fn grant_role(&mut self, user: &str, role: &str) -> Result<(), Refused> {
        let exists = role == ROOT || self.roles.contains_key(role);
        let user = self.users.get_mut(user).ok_or(NOT_FOUND)?;
        if !exists {
            return Err(ROLE_NOT_FOUND);
        }
        match user
            .roles
            .binary_search_by(|granted| granted.as_str().cmp(role))
        {
            // A role that the user has already changes nothing, authRevision neither: `UserGrantRole` in
            // `server/auth/store.go`, v3.5.30.
            Ok(_) => Ok(()),
            Err(at) => {
                user.roles.insert(at, role.to_owned());
                self.changed()
            }
        }
    }

    fn revoke_role(&mut self, name: &str, role: &str) -> Result<(), Refused> {
        if self.enabled && name == ROOT && role == ROOT {
            return Err(INVALID);
        }
        let user = self.users.get_mut(name).ok_or(NOT_FOUND)?;
        let before = user.roles.len();
        user.roles.retain(|granted| granted != role);
        if user.roles.len() == before {
            return Err(Refused::Auth("role is not granted to the user"));
        }
        self.changed()
    }

    fn delete_role(&mut self, role: &str) -> Result<(), Refused> {
        if self.enabled && role == ROOT {
            return Err(INVALID);
        }
        self.roles.remove(role).ok_or(ROLE_NOT_FOUND)?;
        self.users
            .values_mut()
            // `RoleDelete` in `server/auth/store.go`, v3.5.30, takes the role from every user.
            .for_each(|user| user.roles.retain(|granted| granted != role));
        self.changed()
    }

    fn grant_permission(
        &mut self,
        request: &AuthRoleGrantPermissionRequest,
    ) -> Result<(), Refused> {
        let permission = request
            .perm
            .as_ref()
            .ok_or(Refused::Auth("permission not given"))?;
        let granted = self.roles.get_mut(&request.name).ok_or(ROLE_NOT_FOUND)?;
        let same = |other: &&mut Permission| {
            other.key == permission.key && other.range_end == permission.range_end
        };
        match granted.iter_mut().find(same) {
            Some(other) => other.perm_type = permission.perm_type,
            None => {
                granted.push(permission.clone());
                // `RoleGrantPermission` in `server/auth/store.go`, v3.5.30, keeps them sorted by key.
                granted.sort_by(|a, b| a.key.cmp(&b.key));
            }
        }
        self.changed()
    }

    fn revoke_permission(
        &mut self,
        request: &AuthRoleRevokePermissionRequest,
    ) -> Result<(), Refused> {
        let granted = self.roles.get_mut(&request.role).ok_or(ROLE_NOT_FOUND)?;
        let before = granted.len();
        granted.retain(|other| other.key != request.key || other.range_end != request.range_end);
        if granted.len() == before {
            return Err(Refused::Auth("permission is not granted to the role"));
        }
        self.changed()
    }
}

fn is_root(user: &User) -> bool {
    user.roles.iter().any(|role| role == ROOT)
}

fn hash(base64: &str) -> Vec<u8> {
    base64::engine::general_purpose::STANDARD
        .decode(base64)
        .unwrap_or_default()
}

/// Whether spans, put together, contain another: neighbours count as one: `getMergedPerms` in
/// `server/auth/range_perm_cache.go`, v3.5.30.
fn covers<'s>(spans: impl Iterator<Item = KeySpan<'s>>, wanted: KeySpan<'_>) -> bool {
    let mut spans: Vec<KeySpan<'_>> = spans.collect();
    let (mut first, end) = match wanted {
        KeySpan::Key(key) => return spans.iter().any(|span| span.contains(key)),
        KeySpan::Range(first, end) => (first.to_vec(), Some(end)),
        KeySpan::From(first) => (first.to_vec(), None),
    };
    spans.sort_by_key(|span| match *span {
        KeySpan::Key(first) | KeySpan::Range(first, _) | KeySpan::From(first) => first,
    });
    for span in spans {
        let covered = end.is_some_and(|end| first.as_slice() >= end);
        if covered || !span.contains(&first) {
            continue;
        }
        match span {
            KeySpan::From(_) => return true,
            KeySpan::Range(_, until) => first = until.to_vec(),
            KeySpan::Key(_) => first.push(0),
        }
    }
    end.is_some_and(|end| first.as_slice() >= end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_permissions_cover_a_range_together() {
        let spans = [KeySpan::Range(b"m", b"z"), KeySpan::Range(b"a", b"m")];
        assert!(covers(spans.into_iter(), KeySpan::Range(b"b", b"y")));
        assert!(!covers(spans.into_iter(), KeySpan::Range(b"b", b"zz")));
        assert!(!covers(spans.into_iter(), KeySpan::From(b"b")));
        assert!(covers(
            [KeySpan::From(b"")].into_iter(),
            KeySpan::From(b"b")
        ));
    }

    #[test]
    fn granting_a_role_twice_does_not_count() {
        let mut users = Users {
            revision: 1,
            ..Users::default()
        };
        users.users.insert(ROOT.into(), User::default());
        assert_eq!(users.grant_role(ROOT, ROOT), Ok(()));
        assert_eq!(users.grant_role(ROOT, ROOT), Ok(()));
        assert_eq!(users.revision, 2);
    }
}
