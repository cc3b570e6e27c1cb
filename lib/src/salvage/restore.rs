//! The command that restores a backup: complete, and for the release that shall read it. There is no other builder of it.
//!
//! A complete command names the member, the members of the cluster with their URLs, a token that no other cluster has, and a
//! data directory; it raises the revision if clients may have seen a later one. `etcdutl` is there since 3.5, and can raise
//! revisions since 3.5.10. Source: etcd `etcdutl/etcdutl/snapshot_command.go`, v3.5.30; `etcdctl/ctlv3/command/snapshot_command.go`,
//! v3.4.23.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use located::Command;

use super::Salvage;
use crate::kubernetes::is_stored_by_kubernetes;
use crate::member::Member;
use crate::mvcc::Keyspace;
use crate::recover::{MemberInfo, State, published_members};
use crate::wal::boot::Release;

/// Revisions that a restored cluster skips, so that no client has seen one that is given out again: 1,500 writes a second for
/// a week, as etcd's documentation of disaster recovery recommends.
pub(crate) const BUMP_REVISIONS: i64 = 1_000_000_000;
/// Records that are looked at to find out whether Kubernetes wrote them.
const SAMPLED_RECORDS: usize = 5_000;
/// Maximum number of names of a data directory that are tried to find one that does not exist.
const MAX_NAMES_TRIED: usize = 100;

/// How a backup is restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restore {
    /// The release whose tool restores it.
    pub release: Release,
    /// The members of the cluster, the one whose copy it is first: name and peer URLs. Empty if the evidence does not say.
    pub members: Vec<(String, Vec<String>)>,
    /// Revisions that the restored cluster skips; `None` if no client minds, or the release cannot skip any.
    pub bump_revision: Option<i64>,
    /// Whether the file has the SHA-256 that the tools demand; a copied db has none.
    pub has_hash: bool,
    /// Whether the first of [`Restore::members`] is the one whose copy it is.
    owner_is_known: bool,
    /// The revision of the backup: the token is made of it.
    revision: i64,
}

/// `--bump-revision` and `--mark-compacted` are in `etcdutl` since 3.5.10 and 3.6.0.
pub(crate) fn knows_bump(release: Release) -> bool {
    release.minor >= 6 || (release.minor == 5 && release.patch >= 10)
}

/// By how much every restore raises the revision, whoever prints its command: if clients have seen `behind` later revisions, if they
/// may have seen some, or if Kubernetes wrote it, whose clients watch from a revision on. `None` otherwise, and if the release
/// cannot do it.
pub(crate) fn revisions_to_skip(
    release: Release,
    behind: i64,
    may_go_back: bool,
    keyspace: &Keyspace<'_>,
) -> Option<i64> {
    let is_needed = behind > 0 || may_go_back || is_of_kubernetes(keyspace);
    (knows_bump(release) && is_needed).then(|| BUMP_REVISIONS.max(behind.saturating_mul(2)))
}

/// Whether Kubernetes wrote a store: values as it stores them, or its key of compactions.
fn is_of_kubernetes(keyspace: &Keyspace<'_>) -> bool {
    let mut records = keyspace.between(0..=i64::MAX).take(SAMPLED_RECORDS);
    records.any(|version| {
        let value = version.key_value().map(|kv| kv.value);
        is_stored_by_kubernetes(version.key, value.unwrap_or_default())
    })
}

impl Restore {
    /// Of a backup of a member, with what is known of the cluster.
    pub(crate) fn new(member: &Member, state: &State, release: Release, revision: i64) -> Self {
        let (members, owner_is_known) = members(member, state);
        Self {
            release,
            members,
            bump_revision: None,
            has_hash: true,
            owner_is_known,
            revision,
        }
    }

    /// With revisions to skip, if the release can skip any and the sum is a revision.
    #[must_use]
    pub(crate) fn bumped(mut self, by: Option<i64>) -> Self {
        self.bump_revision = by
            .filter(|_| knows_bump(self.release))
            .filter(|by| self.revision.checked_add(*by).is_some());
        self
    }

    pub(super) fn from_salvage(member: &Member, salvage: &Salvage<'_>) -> Self {
        let version = salvage.version();
        let minor = version.and_then(|version| u32::try_from(version.minor).ok());
        // The patch number in the evidence is that of the cluster's version: always 0.
        let release = Release::new(minor.unwrap_or(5), u32::MAX);
        Self::new(member, &salvage.state, release, salvage.revision)
            .bumped((salvage.goes_back || is_kubernetes(salvage)).then_some(BUMP_REVISIONS))
    }

    /// The commands that restore a backup file, one for each member; each is given a data directory beside the file that does not
    /// exist: a restore refuses one that does.
    pub fn commands(&self, backup: &Path) -> Vec<Command> {
        let named = |number: usize| {
            let mut beside = backup.with_extension("").into_os_string();
            beside.push("-restored");
            if number > 1 {
                beside.push(format!("-{number}"));
            }
            PathBuf::from(beside)
        };
        let is_free = |beside: &PathBuf| {
            let mut own = self.data_dirs(beside).into_iter();
            own.all(|directory| std::fs::symlink_metadata(directory).is_err())
        };
        let mut free = (1..=MAX_NAMES_TRIED).map(named).filter(is_free);
        let beside = free.next().unwrap_or_else(|| named(1));
        self.of_all(backup, &beside)
    }

    /// The data directory of each member, by the beginning of their names.
    fn data_dirs(&self, data_dir: &Path) -> Vec<PathBuf> {
        let of_member = |(name, _): &(String, Vec<String>)| {
            let mut own = data_dir.to_owned().into_os_string();
            own.push(format!("-{}", name.replace('/', "_")));
            PathBuf::from(own)
        };
        match self.members.len() {
            0 | 1 => vec![data_dir.to_owned()],
            _ => self.members.iter().map(of_member).collect(),
        }
    }

    /// The commands that restore the cluster of the member whose copy it is: into a data directory, or one for each member, whose
    /// names begin alike. One member of several restored alone would wait for the others and never serve. Without a name if the
    /// evidence does not say whose copy it is: a cluster of one.
    pub fn commands_into(&self, backup: &Path, data_dir: &Path) -> Vec<Command> {
        match self.owner_is_known || self.members.len() == 1 {
            true => self.of_all(backup, data_dir),
            false => vec![self.command_of(None, backup, data_dir)],
        }
    }

    fn of_all(&self, backup: &Path, data_dir: &Path) -> Vec<Command> {
        let directories = self.data_dirs(data_dir);
        let members = self.members.iter().map(Some).chain([None]);
        let each = members.zip(&directories);
        each.map(|(member, directory)| self.command_of(member, backup, directory))
            .collect()
    }

    fn command_of(
        &self,
        member: Option<&(String, Vec<String>)>,
        backup: &Path,
        data_dir: &Path,
    ) -> Command {
        let mut command = match self.release.minor {
            // Version 2 of the API was the default before 3.4.
            ..4 => Command::new("env").args(["ETCDCTL_API=3", "etcdctl"]),
            4 => Command::new("etcdctl"),
            _ => Command::new("etcdutl"),
        };
        command = command.args(["snapshot", "restore"]).path(backup);
        if !self.has_hash {
            command = command.arg("--skip-hash-check");
        }
        if let Some(bump) = self.bump_revision {
            command = command.flag("--bump-revision", bump.to_string());
            command = command.arg("--mark-compacted");
        }
        if let Some((name, urls)) = member {
            command = command
                .flag("--name", name)
                .flag("--initial-cluster", self.initial_cluster())
                .flag("--initial-cluster-token", self.token())
                .flag("--initial-advertise-peer-urls", urls.join(","));
        }
        command.arg("--data-dir").path(data_dir)
    }

    fn initial_cluster(&self) -> String {
        let members = self.members.iter();
        let urls =
            members.flat_map(|(name, urls)| urls.iter().map(move |url| format!("{name}={url}")));
        urls.collect::<Vec<String>>().join(",")
    }

    /// Makes the id of the restored cluster another one than that of the old cluster: members of both that meet would
    /// otherwise take each other for one.
    fn token(&self) -> String {
        format!("restored-{}", self.revision)
    }
}

/// Names and URLs of the members, the one whose copy it is first, and whether it is known which one that is. None of them if
/// one has not published its name, or two have one name: then the operator has to say what the cluster shall be.
fn members(member: &Member, state: &State) -> (Vec<(String, Vec<String>)>, bool) {
    let identity = member.identity();
    let published = published_members(member);
    let named = |name: &str, urls: &[String]| (name.to_owned(), urls.to_vec());
    // Members of an old cluster that a restore left in the db are none of this one.
    let in_db = member.buckets().map(|buckets| buckets.cluster.members);
    let in_db: Vec<u64> = in_db
        .unwrap_or_default()
        .iter()
        .map(|member| member.id.0)
        .collect();
    let is_stranger = |id: u64| {
        let known = identity.members.iter().any(|member| member.id.0 == id);
        !identity.members.is_empty() && !known && in_db.contains(&id)
    };
    let mut members: Vec<(u64, (String, Vec<String>))> = state
        .members
        .members
        .iter()
        .filter(|(id, info)| !info.is_learner && !is_stranger(**id))
        .map(|(id, info)| {
            let other = identity.members.iter().find(|member| member.id.0 == *id);
            let other = other.filter(|_| info.name.is_empty());
            let name = other.map_or(&info.name, |other| &other.name);
            // Checksums protect what is published; nothing in bbolt does.
            let sure = published.get(id).filter(|sure| is_complete(sure));
            (
                *id,
                sure.map_or_else(|| named(name, &info.peer_urls), own_words),
            )
        })
        .collect();
    if members.is_empty() {
        members = identity
            .members
            .iter()
            .filter(|member| !member.is_learner)
            .map(|member| (member.id.0, named(&member.name, &member.peer_urls)))
            .collect();
    }
    if members.is_empty() {
        let voters = published.iter().filter(|(_, info)| !info.is_learner);
        members = voters.map(|(id, info)| (*id, own_words(info))).collect();
    }
    let own = identity.member_id.map(|id| id.0);
    members.sort_by_key(|(id, _)| (Some(*id) != own, *id));
    let names: BTreeSet<&str> = members.iter().map(|(_, (name, _))| name.as_str()).collect();
    let complete = names.len() == members.len()
        && members
            .iter()
            .all(|(_, (name, urls))| !name.is_empty() && !urls.is_empty());
    if !complete {
        return (Vec::new(), false);
    }
    let known = members.first().is_some_and(|(id, _)| Some(*id) == own);
    (
        members.into_iter().map(|(_, member)| member).collect(),
        known,
    )
}

/// A member as the log has it.
fn own_words(info: &MemberInfo) -> (String, Vec<String>) {
    (info.name.clone(), info.peer_urls.clone())
}

/// Whether a member has published all that a command needs.
fn is_complete(info: &MemberInfo) -> bool {
    !info.name.is_empty() && !info.peer_urls.is_empty()
}

/// Whether Kubernetes wrote what was salvaged.
fn is_kubernetes(salvage: &Salvage<'_>) -> bool {
    salvage
        .set
        .records
        .iter()
        .filter_map(|record| salvage.set.key_value(record))
        .take(SAMPLED_RECORDS)
        .any(|kv| is_stored_by_kubernetes(kv.key, kv.value))
}
