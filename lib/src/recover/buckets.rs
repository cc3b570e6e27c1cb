//! The replayed state in the shape of etcd's buckets, so that whoever shows one can show the other.

use super::State;
use super::lease::{CORRUPT, NOSPACE};
use crate::backend::{
    Alarm, AlarmType, Auth, AuthRole, AuthUser, Cluster, ClusterMember, Downgrade, Lease, LeaseId,
    MemberId, Permission, PermissionType,
};
use crate::member::Buckets;

impl State {
    /// Members, leases, alarms, users and roles. They are in no file, so none has a place.
    pub fn buckets(&self) -> Buckets {
        Buckets {
            cluster: self.cluster(),
            leases: self.leases(),
            alarms: self.alarms(),
            auth: self.auth(),
            damage: Vec::new(),
            partial: self.partial.clone(),
        }
    }

    fn cluster(&self) -> Cluster {
        let members = &self.members;
        let member = |(id, info): (&u64, &super::members::MemberInfo)| ClusterMember {
            id: MemberId(*id),
            name: info.name.clone(),
            peer_urls: info.peer_urls.clone(),
            client_urls: info.client_urls.clone(),
            is_learner: info.is_learner,
            key: Vec::new(),
            place: None,
        };
        Cluster {
            members: members.members.iter().map(member).collect(),
            removed: members.removed.iter().copied().map(MemberId).collect(),
            cluster_version: members
                .cluster_version
                .as_deref()
                .and_then(|text| text.parse().ok()),
            downgrade: members.downgrade.clone().map(|target_version| Downgrade {
                target_version,
                enabled: true,
            }),
        }
    }

    fn leases(&self) -> Vec<Lease> {
        let leases = self.leases.0.iter();
        leases
            .map(|(id, lease)| Lease {
                id: LeaseId(*id),
                ttl_seconds: lease.ttl,
                remaining_ttl_seconds: lease.remaining_ttl,
                key: id.to_be_bytes().to_vec(),
                place: None,
            })
            .collect()
    }

    fn alarms(&self) -> Vec<Alarm> {
        let alarms = self.alarms.0.iter();
        alarms
            .map(|&(member, kind)| Alarm {
                member_id: MemberId(member),
                alarm: match kind {
                    NOSPACE => AlarmType::NoSpace,
                    CORRUPT => AlarmType::Corrupt,
                    other => AlarmType::Other(other),
                },
                place: None,
            })
            .collect()
    }

    fn auth(&self) -> Auth {
        let users = &self.users;
        let permission = |permission: &crate::raft::auth::Permission| Permission {
            kind: match permission.perm_type {
                0 => PermissionType::Read,
                1 => PermissionType::Write,
                2 => PermissionType::ReadWrite,
                _ => PermissionType::Other,
            },
            key: permission.key.clone(),
            range_end: permission.range_end.clone(),
        };
        Auth {
            enabled: Some(users.enabled),
            revision: Some(users.revision),
            users: users
                .users
                .iter()
                .map(|(name, user)| AuthUser {
                    name: name.clone(),
                    roles: user.roles.clone(),
                    no_password: user.no_password,
                    password: user.password.clone(),
                    key: name.clone().into_bytes(),
                    place: None,
                })
                .collect(),
            roles: users
                .roles
                .iter()
                .map(|(name, permissions)| AuthRole {
                    name: name.clone(),
                    permissions: permissions.iter().map(permission).collect(),
                    key: name.clone().into_bytes(),
                    place: None,
                })
                .collect(),
            revision_place: None,
        }
    }
}
