//! A backup with authentication on, of which no user could log in to set a password.

use super::Lost;
use super::member_records::MemberRecords;
use crate::Place;
use crate::recover::{User, Users};

/// The role that may change users: `rootRole` in `server/auth/store.go`, v3.5.30.
const ROOT: &str = "root";

/// Turns authentication off where no administrator could log in.
///
/// etcd 3.4 logs passwords in plain text and stores hashes that it makes when it applies the entry: a log alone has none of them
/// (`UserAdd` in `auth/store.go`, v3.4.23). With authentication on, `etcdctl user passwd` needs a password.
pub(super) fn unlock(part: &mut MemberRecords<'_>) {
    let users = &mut part.state.users;
    if !users.enabled || users.users.values().any(is_administrator) {
        return;
    }
    users.enabled = false;
    let names = without_password(users);
    part.lost.push(Lost {
        what: format!(
            "the passwords of {names} have no hash in the log of etcd 3.4, so no one could log in: authentication is off in the backup. Set them with etcdctl user passwd, then etcdctl auth enable"
        ),
        place: Some(Place::file(part.member.evidence().name())),
        ..Lost::default()
    });
}

/// Whether a user may change others, and can log in by a password or a certificate.
fn is_administrator(user: &User) -> bool {
    let can_log_in = user.no_password || !user.password.is_empty();
    can_log_in && user.roles.iter().any(|role| role == ROOT)
}

fn without_password(users: &Users) -> String {
    let all = users.users.iter();
    let names = all.filter(|(_, user)| user.password.is_empty() && !user.no_password);
    let names: Vec<&str> = names.map(|(name, _)| name.as_str()).collect();
    match names.is_empty() {
        true => "all users".to_owned(),
        false => names.join(", "),
    }
}
