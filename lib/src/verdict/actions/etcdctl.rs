//! `etcdctl` for members of the cluster, at the addresses that the evidence has of them.

use located::Command;

use crate::member::Member;
use crate::recover::{MemberInfo, published_members};
use crate::verdict::facts::Facts;

/// `etcdctl` that asks this member itself. Ends after some time: `snapshot save` waits for an absent server without end.
pub(super) fn of_own(facts: &Facts<'_>) -> Command {
    let own = facts.own.get();
    let urls = client_urls(facts.member, |id, _| id == own);
    etcdctl(&urls).arg("--command-timeout=10m")
}

/// Where the voters other than one answer clients. A learner answers no question about members.
pub(in crate::verdict) fn voter_urls(member: &Member, except: u64) -> Vec<String> {
    client_urls(member, |id, is_learner| id != except && !is_learner)
}

/// Without an address it asks 127.0.0.1:2379.
pub(in crate::verdict) fn etcdctl(urls: &[String]) -> Command {
    let command = Command::new("etcdctl");
    match urls.is_empty() {
        true => command,
        false => command.arg(format!("--endpoints={}", urls.join(","))),
    }
}

fn client_urls(member: &Member, is_asked: impl Fn(u64, bool) -> bool) -> Vec<String> {
    let published = published_members(member);
    let urls = |infos: &mut dyn Iterator<Item = (u64, bool, Vec<String>)>| -> Vec<String> {
        infos
            .filter(|(id, is_learner, _)| is_asked(*id, *is_learner))
            .flat_map(|(_, _, urls)| urls)
            .collect()
    };
    let known = |(id, info): (u64, MemberInfo)| (id, info.is_learner, info.client_urls);
    let found = urls(&mut published.into_iter().map(known));
    if !found.is_empty() {
        return found;
    }
    let members = member.identity().members.into_iter();
    urls(&mut members.map(|member| (member.id.get(), member.is_learner, member.client_urls)))
}
