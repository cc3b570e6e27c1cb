//! What the backend's other buckets hold, as the state a replay begins with.

use super::apply::State;
use super::lease::{CORRUPT, NOSPACE, ReplayedLease};
use super::members::MemberInfo;
use super::users::{User, Users};
use crate::backend::{self, AlarmType, PermissionType};
use crate::bolt::Db;
use crate::member::Buckets;
use crate::raft::auth::Permission;

impl State {
    /// Reads leases, alarms, users, members and versions of a db; what cannot be read is left out.
    pub fn read(db: &Db<'_>) -> Self {
        let stored = Buckets::read(db);
        let mut state = Self {
            partial: stored.partial,
            ..Self::default()
        };
        for lease in stored.leases {
            let kept = ReplayedLease {
                ttl: lease.ttl_seconds,
                remaining_ttl: lease.remaining_ttl_seconds,
            };
            state.leases.0.insert(lease.id.0, kept);
        }
        for alarm in stored.alarms {
            let kind = match alarm.alarm {
                AlarmType::NoSpace => NOSPACE,
                AlarmType::Corrupt => CORRUPT,
                AlarmType::Other(kind) => kind,
            };
            state.alarms.0.insert((alarm.member_id.0, kind));
        }
        state.users = users(stored.auth);
        let cluster = stored.cluster;
        for member in cluster.members {
            let info = MemberInfo {
                name: member.name,
                peer_urls: member.peer_urls,
                client_urls: member.client_urls,
                is_learner: member.is_learner,
            };
            state.members.members.insert(member.id.0, info);
        }
        state.members.removed = cluster.removed.into_iter().map(|id| id.0).collect();
        state.members.cluster_version = cluster.cluster_version.map(|version| version.to_string());
        state.members.downgrade = cluster
            .downgrade
            .filter(|downgrade| downgrade.enabled)
            .map(|downgrade| downgrade.target_version);
        state
    }
}

/// Users and roles as a replay needs them.
fn users(auth: backend::Auth) -> Users {
    let mut state = Users {
        enabled: auth.is_enabled(),
        revision: auth.revision.unwrap_or(1),
        ..Users::default()
    };
    for user in auth.users {
        let password = user.password_hash().to_vec();
        state.users.insert(
            user.name,
            User {
                password,
                roles: user.roles,
                no_password: user.no_password,
            },
        );
    }
    for role in auth.roles {
        let permissions = role.permissions.into_iter().map(|permission| Permission {
            perm_type: match permission.kind {
                PermissionType::Read => 0,
                PermissionType::Write => 1,
                PermissionType::ReadWrite => 2,
                PermissionType::Other => -1,
            },
            key: permission.key,
            range_end: permission.range_end,
        });
        state.roles.insert(role.name, permissions.collect());
    }
    state
}
