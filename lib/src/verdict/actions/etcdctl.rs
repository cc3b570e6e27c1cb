//! `etcdctl` for members of the cluster, at the addresses that the evidence has of them.

use located::Command;

use crate::recover::{MemberInfo, published_members};
use crate::verdict::facts::Facts;

/// `etcdctl` that asks this member itself. Ends after some time: `snapshot save` waits for an absent server without end.
pub(super) fn of_own(facts: &Facts<'_>) -> Command {
    let own = facts.own.get();
    let urls = client_urls(facts, |id| id == own);
    etcdctl(&urls).arg("--command-timeout=10m")
}

/// `etcdctl` that asks the other members.
pub(super) fn of_others(facts: &Facts<'_>) -> Command {
    let own = facts.own.get();
    etcdctl(&client_urls(facts, |id| id != own))
}

/// Without an address it asks 127.0.0.1:2379.
fn etcdctl(urls: &[String]) -> Command {
    let command = Command::new("etcdctl");
    match urls.is_empty() {
        true => command,
        false => command.arg(format!("--endpoints={}", urls.join(","))),
    }
}

fn client_urls(facts: &Facts<'_>, is_asked: impl Fn(u64) -> bool) -> Vec<String> {
    let published = published_members(facts.member);
    let urls = |infos: &mut dyn Iterator<Item = (u64, Vec<String>)>| -> Vec<String> {
        infos
            .filter(|(id, _)| is_asked(*id))
            .flat_map(|(_, urls)| urls)
            .collect()
    };
    let known = |(id, info): (u64, MemberInfo)| (id, info.client_urls);
    let found = urls(&mut published.into_iter().map(known));
    if !found.is_empty() {
        return found;
    }
    let identity = facts.member.identity();
    let members = identity.members.into_iter();
    urls(&mut members.map(|member| (member.id.get(), member.client_urls)))
}
