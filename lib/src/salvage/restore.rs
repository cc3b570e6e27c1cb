//! The command that restores the backup: complete, quoted for a shell, and for the release that can read it.

use std::collections::BTreeSet;
use std::path::Path;

use super::Salvage;
use crate::member::Member;
use crate::recover::State;
use located::Command;

/// Revisions that a restored Kubernetes cluster skips, so that no client has seen one that is given out again: 1500 writes a
/// second for a week, as etcd's documentation of disaster recovery recommends.
const BUMP_REVISIONS: i64 = 1_000_000_000;

/// The program that restores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tool {
    /// `etcdctl snapshot restore` of 3.4.
    Etcdctl,
    /// `etcdutl snapshot restore`, since 3.5.
    #[default]
    Etcdutl,
}

/// How a backup is restored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restore {
    /// By what.
    pub tool: Tool,
    /// The members of the cluster, the one whose copy it is first: name and peer URLs. Empty if the evidence does not say.
    pub members: Vec<(String, Vec<String>)>,
    /// Revisions that the restored cluster skips; `None` if no client minds, or the release cannot skip any.
    pub bump_revision: Option<i64>,
}

impl Restore {
    pub(super) fn from_salvage(member: &Member, salvage: &Salvage<'_>) -> Self {
        let version = salvage
            .version()
            .map(|version| (version.major, version.minor));
        let tool = match version {
            Some((3, minor)) if minor < 5 => Tool::Etcdctl,
            _ => Tool::Etcdutl,
        };
        let skips = tool == Tool::Etcdutl
            && salvage.revision < i64::MAX - BUMP_REVISIONS
            && is_kubernetes(salvage);
        Self {
            tool,
            members: members(member, &salvage.state),
            bump_revision: skips.then_some(BUMP_REVISIONS),
        }
    }

    /// The commands that restore a backup file, one for each member; each is given a data directory beside the file.
    pub fn commands(&self, backup: &Path) -> Vec<Command> {
        if self.members.is_empty() {
            return vec![self.with_bump(self.head(backup, ""))];
        }
        let cluster: Vec<String> = self
            .members
            .iter()
            .flat_map(|(name, urls)| urls.iter().map(move |url| format!("{name}={url}")))
            .collect();
        let command = |(name, urls): &(String, Vec<String>)| {
            let suffix = match self.members.len() {
                1 => String::new(),
                _ => format!("-{}", name.replace('/', "_")),
            };
            let head = self.head(backup, &suffix).flag("--name", name);
            let head = head.flag("--initial-cluster", cluster.join(","));
            self.with_bump(head.flag("--initial-advertise-peer-urls", urls.join(",")))
        };
        self.members.iter().map(command).collect()
    }

    fn head(&self, backup: &Path, suffix: &str) -> Command {
        let program = match self.tool {
            Tool::Etcdctl => Command::new("ETCDCTL_API=3").arg("etcdctl"),
            Tool::Etcdutl => Command::new("etcdutl"),
        };
        let mut data_dir = backup.with_extension("").into_os_string();
        data_dir.push("-restored");
        data_dir.push(suffix);
        let restore = program.args(["snapshot", "restore"]).path(backup);
        restore.arg("--data-dir").path(Path::new(&data_dir))
    }

    fn with_bump(&self, command: Command) -> Command {
        match self.bump_revision {
            Some(by) => command
                .arg("--bump-revision")
                .arg(by.to_string())
                .arg("--mark-compacted"),
            None => command,
        }
    }
}

/// Names and URLs of the members, the one whose copy it is first. None of them if one has not published its name, or two
/// have one name: then the operator has to say what the cluster shall be.
fn members(member: &Member, state: &State) -> Vec<(String, Vec<String>)> {
    let identity = member.identity();
    let named = |name: &str, urls: &[String]| (name.to_owned(), urls.to_vec());
    let mut members: Vec<(u64, (String, Vec<String>))> = state
        .members
        .members
        .iter()
        .filter(|(_, info)| !info.is_learner)
        .map(|(id, info)| {
            let published = identity.members.iter().find(|member| member.id.0 == *id);
            match published.filter(|_| info.name.is_empty()) {
                Some(published) => (*id, named(&published.name, &info.peer_urls)),
                None => (*id, named(&info.name, &info.peer_urls)),
            }
        })
        .collect();
    if members.is_empty() {
        members = identity
            .members
            .iter()
            .map(|member| (member.id.0, named(&member.name, &member.peer_urls)))
            .collect();
    }
    let own = identity.member_id.map(|id| id.0);
    members.sort_by_key(|(id, _)| (Some(*id) != own, *id));
    let names: BTreeSet<&str> = members.iter().map(|(_, (name, _))| name.as_str()).collect();
    let complete = names.len() == members.len()
        && members
            .iter()
            .all(|(_, (name, urls))| !name.is_empty() && !urls.is_empty());
    if !complete {
        return Vec::new();
    }
    members.into_iter().map(|(_, member)| member).collect()
}

/// Whether a value is stored as Kubernetes stores its own.
fn is_kubernetes(salvage: &Salvage<'_>) -> bool {
    let stored = |value: &[u8]| value.starts_with(b"k8s\0") || value.starts_with(b"k8s:enc:");
    salvage
        .set
        .records
        .iter()
        .filter_map(|record| salvage.set.key_value(record))
        .take(5_000)
        .any(|kv| stored(kv.value) || kv.key == b"compact_rev_key")
}
