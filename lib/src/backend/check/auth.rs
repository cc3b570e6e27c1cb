//! Users and roles.

use std::collections::HashSet;

use crate::backend::value::excerpt;
use crate::backend::{Auth, AuthUser};
use crate::codes::backend as codes;
use located::{Finding, Place, Sink};

/// Checks users and roles.
pub fn auth(auth: &Auth, here: &Place, sink: &mut Sink<'_>) {
    let roles: HashSet<&str> = auth.roles.iter().map(|role| role.name.as_str()).collect();
    for one in &auth.users {
        user(one, &roles, here, sink);
    }
    for role in auth
        .roles
        .iter()
        .filter(|role| role.name.as_bytes() != role.key && std::str::from_utf8(&role.key).is_ok())
    {
        let at = role.place.as_ref().unwrap_or(here).clone();
        let finding = Finding::new(
            &codes::AUTH_NAMES,
            at,
            "a role is stored under another name",
        );
        sink(finding.seen(excerpt(&role.key), role.name.escape_debug().to_string()));
    }
    // `AuthEnable` in `server/auth/store.go`, v3.5.30, refuses to switch auth on without them.
    let root = auth
        .users
        .iter()
        .any(|user| user.name == "root" && user.roles.iter().any(|role| role == "root"));
    if auth.is_enabled() && !root {
        let message = "auth is enabled, but there is no user root with the role root";
        sink(Finding::new(&codes::AUTH_NAMES, here.clone(), message));
    }
    auth_revision(auth, here, sink);
}

/// Checks the names, roles and password of a user.
fn user(user: &AuthUser, roles: &HashSet<&str>, here: &Place, sink: &mut Sink<'_>) {
    let at = user.place.as_ref().unwrap_or(here).clone();
    let name = user.name.escape_debug();
    if user.name.as_bytes() != user.key && std::str::from_utf8(&user.key).is_ok() {
        let finding = Finding::new(
            &codes::AUTH_NAMES,
            at.clone(),
            "a user is stored under another name",
        );
        sink(finding.seen(excerpt(&user.key), name.to_string()));
    }
    for role in user
        .roles
        .iter()
        .filter(|role| *role != "root" && !roles.contains(role.as_str()))
    {
        let message = format!(
            "user \"{name}\" has the role \"{}\", which does not exist",
            role.escape_debug()
        );
        sink(Finding::new(&codes::AUTH_NAMES, at.clone(), message));
    }
    let hash = user.password_hash();
    let bcrypt = hash.len() == 60 && hash.starts_with(b"$2");
    if !(bcrypt || hash.is_empty()) {
        let message = format!("the password hash of user \"{name}\" is not bcrypt's");
        sink(
            Finding::new(&codes::AUTH_HASH, at, message)
                .seen(format!("{} bytes", hash.len()), "60 bytes, $2a$…"),
        );
    }
}

/// Checks authRevision: 1 in a fresh store, one more with each change.
/// `commitRevision` in `server/auth/store.go`, v3.5.30.
fn auth_revision(auth: &Auth, here: &Place, sink: &mut Sink<'_>) {
    let changed = auth.enabled.is_some() || !auth.users.is_empty() || !auth.roles.is_empty();
    let at = auth.revision_place.as_ref().unwrap_or(here).clone();
    match auth.revision {
        Some(0) => sink(Finding::new(
            &codes::AUTH_REVISION,
            at,
            "authRevision is 0; a fresh store has 1",
        )),
        Some(1) | None if changed => {
            let message = "users, roles or the switch were changed, but authRevision was not";
            let seen = auth
                .revision
                .map_or_else(|| "none".to_owned(), |revision| revision.to_string());
            sink(Finding::new(&codes::AUTH_REVISION, at, message).seen(seen, "at least 2"));
        }
        _ => {}
    }
}
