//! Members, status, alarms, hashes, users and roles: what etcd says about itself.

use etcd_inspect::dataset::Dataset;
use etcd_inspect::member::{BucketPart, Buckets};
use tonic::{Code, Status};

use super::errors;
use super::messages::{
    AlarmMember, AlarmRequest, AlarmResponse, AuthStatusResponse, AuthenticateRequest,
    AuthenticateResponse, ClusterMember, HashKvRequest, HashKvResponse, HashResponse,
    MemberListResponse, NameRequest, NamesResponse, Permission, RoleResponse, StatusResponse,
};
use super::store::Store;

impl Store {
    fn buckets(&self) -> Result<Buckets, Status> {
        let failed = |error| errors::from_library(&error);
        match self.dataset.replayed().map_err(failed)? {
            Some(replayed) => Ok(replayed.buckets()),
            None => self.dataset.member().buckets().map_err(failed),
        }
    }

    /// `MemberList`.
    ///
    /// # Errors
    /// The evidence cannot be read.
    pub fn members(&self) -> Result<MemberListResponse, Status> {
        let mut identity = self.dataset.member().identity();
        if let Ok(Some(replayed)) = self.dataset.replayed() {
            identity.with_members(replayed.buckets().cluster.members);
        }
        let mut members: Vec<ClusterMember> = identity
            .members
            .into_iter()
            .map(|member| ClusterMember {
                id: member.id.into(),
                name: member.name,
                peer_urls: member.peer_urls,
                client_urls: member.client_urls,
                is_learner: member.is_learner,
            })
            .collect();
        members.sort_by_key(|member| member.id);
        // etcd names no revision here: `clusterServer.header` in `server/etcdserver/api/v3rpc/member.go`, v3.5.30.
        Ok(MemberListResponse {
            header: self.header(0),
            members,
        })
    }

    /// `Status`.
    ///
    /// # Errors
    /// The evidence cannot be read.
    pub fn status(&self) -> Result<StatusResponse, Status> {
        let failed = |error| errors::from_library(&error);
        let member = self.dataset.member();
        let db = member.db().ok();
        let applied = match self
            .dataset
            .load(&etcd_inspect::progress::Silent)
            .map_err(failed)?
        {
            Some(reach) => Some(reach.to),
            None => member.meta().ok().and_then(|meta| meta.consistent_index),
        };
        let mut unknown = Vec::new();
        if applied.is_none() && !member.meta_loss().is_empty() {
            unknown.push(errors::unknown("the applied index").message().to_owned());
        }
        let applied = applied.unwrap_or_default().get();
        let version = member.identity().version;
        // Without a db its size and its applied index are not known: zeros, as etcd has it for a member that has just begun.
        let size = db.map_or(0, |db| db.meta().size_bytes());
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        let (keyspace, _) = self.dataset.keyspace().map_err(failed)?.into_parts();
        let space = member.space(&keyspace.counts()).ok();
        let in_use = match space {
            Some(space) if !space.is_known() => {
                unknown.push(errors::unknown("the size in use").message().to_owned());
                0
            }
            space => {
                let free = space.map_or(0, |space| space.free_bytes);
                size.saturating_sub(i64::try_from(free).unwrap_or(0))
            }
        };
        Ok(StatusResponse {
            header: self.header_now()?,
            version: version
                .map(|version| version.to_string())
                .unwrap_or_default(),
            db_size: size,
            leader: self.member_id,
            raft_index: applied,
            raft_term: self.term,
            raft_applied_index: applied,
            errors: unknown,
            db_size_in_use: in_use,
            is_learner: false,
        })
    }

    /// `Alarm`: the list of alarms; none can be raised or disarmed.
    ///
    /// # Errors
    /// Another action than the list.
    pub fn alarms(&self, request: &AlarmRequest) -> Result<AlarmResponse, Status> {
        if request.action != 0 {
            return Err(errors::not_taken());
        }
        let buckets = self.buckets()?;
        if !buckets.is_whole(BucketPart::Alarms) {
            return Err(errors::unknown("alarms"));
        }
        let alarms = buckets.alarms;
        Ok(AlarmResponse {
            header: self.header_now()?,
            alarms: alarms
                .iter()
                .map(|alarm| AlarmMember {
                    member_id: alarm.member_id.into(),
                    alarm: alarm.alarm.number(),
                })
                .collect(),
        })
    }

    /// `HashKV`.
    ///
    /// # Errors
    /// Those of etcd, and a part of the keys that cannot be read.
    pub fn hash_kv(&self, request: &HashKvRequest) -> Result<HashKvResponse, Status> {
        // A hash over a part of the keys is another number.
        if !self.dataset.damage().is_empty() {
            return Err(errors::unknown("a part of the keys, and so their hash,"));
        }
        self.read(|keyspace, current| {
            let revision = match request.revision {
                revision if revision <= 0 => current,
                revision => revision,
            };
            let hash = keyspace
                .hash_kv(Some(revision))
                .map_err(|error| errors::from_library(&error))?;
            Ok(HashKvResponse {
                header: self.header(current),
                hash: hash.hash,
                compact_revision: hash.compact_revision.get(),
                hash_revision: 0,
            })
        })
    }

    /// `Hash`.
    ///
    /// # Errors
    /// The served state is not the db as it is stored.
    pub fn hash(&self) -> Result<HashResponse, Status> {
        if !self.is_stored() {
            return Err(not_stored("a hash"));
        }
        let minor = minor(&self.dataset);
        let hash = self
            .dataset
            .db_hash(minor)
            .map_err(|error| errors::from_library(&error))?;
        Ok(HashResponse {
            header: self.header_now()?,
            hash: hash.into_parts().0,
        })
    }

    /// `Authenticate`: the password is the token of the server. Without one every user learns that no password is needed.
    ///
    /// # Errors
    /// The password is another, or none is needed.
    pub fn authenticate(
        &self,
        request: &AuthenticateRequest,
        token: Option<&str>,
    ) -> Result<AuthenticateResponse, Status> {
        let Some(token) = token else {
            let text = "authentication is not enabled";
            return Err(errors::etcd(Code::FailedPrecondition, text));
        };
        if !crate::net::guard::is_equal(&request.password, token) {
            let text = "authentication failed, invalid user ID or password";
            return Err(errors::etcd(Code::InvalidArgument, text));
        }
        Ok(AuthenticateResponse {
            header: self.header_now()?,
            token: token.to_owned(),
        })
    }

    /// `AuthStatus`.
    ///
    /// # Errors
    /// The evidence cannot be read.
    pub fn auth_status(&self) -> Result<AuthStatusResponse, Status> {
        let buckets = self.buckets()?;
        if !buckets.is_whole(BucketPart::Auth) {
            return Err(errors::unknown("authentication"));
        }
        let auth = buckets.auth;
        Ok(AuthStatusResponse {
            header: self.header_now()?,
            enabled: auth.is_enabled(),
            auth_revision: auth.revision.unwrap_or(0),
        })
    }

    /// `UserList`.
    ///
    /// # Errors
    /// The evidence cannot be read.
    pub fn users(&self) -> Result<NamesResponse, Status> {
        let buckets = self.buckets()?;
        if !buckets.is_whole(BucketPart::Auth) {
            return Err(errors::unknown("users"));
        }
        let names = buckets.auth.users.into_iter().map(|user| user.name);
        self.names(names.collect())
    }

    /// `RoleList`.
    ///
    /// # Errors
    /// The evidence cannot be read.
    pub fn roles(&self) -> Result<NamesResponse, Status> {
        let buckets = self.buckets()?;
        if !buckets.is_whole(BucketPart::Auth) {
            return Err(errors::unknown("roles"));
        }
        let names = buckets.auth.roles.into_iter().map(|role| role.name);
        self.names(names.collect())
    }

    /// `UserGet`: the roles of a user.
    ///
    /// # Errors
    /// There is no such user.
    pub fn user(&self, request: &NameRequest) -> Result<NamesResponse, Status> {
        let users = self.buckets()?.auth.users;
        let user = users.into_iter().find(|user| user.name == request.name);
        let none = || errors::etcd(Code::FailedPrecondition, "user name not found");
        self.names(user.ok_or_else(none)?.roles)
    }

    /// `RoleGet`: the permissions of a role.
    ///
    /// # Errors
    /// There is no such role.
    pub fn role(&self, request: &NameRequest) -> Result<RoleResponse, Status> {
        let roles = self.buckets()?.auth.roles;
        let role = roles.into_iter().find(|role| role.name == request.name);
        let none = || errors::etcd(Code::FailedPrecondition, "role name not found");
        let permissions = role.ok_or_else(none)?.permissions.into_iter();
        Ok(RoleResponse {
            header: self.header_now()?,
            permissions: permissions
                .map(|permission| Permission {
                    kind: permission.kind.number(),
                    key: permission.key,
                    range_end: permission.range_end,
                })
                .collect(),
        })
    }

    fn names(&self, names: Vec<String>) -> Result<NamesResponse, Status> {
        Ok(NamesResponse {
            header: self.header_now()?,
            names,
        })
    }
}

/// Why a state that is in no file has no backup and no hash of one.
pub(super) fn not_stored(what: &str) -> Status {
    let message = format!(
        "etcdserver: {what} is of the db as it is stored: serve it without --scratch, --rev, --at and --replay, or use `etcd-inspect salvage`"
    );
    Status::new(Code::FailedPrecondition, message)
}

fn minor(dataset: &Dataset) -> u64 {
    let version = dataset.member().identity().version;
    version.map_or(5, |version| version.minor)
}
