//! What of a member was not read: nothing may be concluded about its start.

use crate::member::Member;

/// Why the start is not known, if a file or a part of the evidence could not be read.
pub(super) fn unread(member: &Member) -> Option<String> {
    let evidence = member.evidence();
    if let Some(unseen) = evidence.unseen_log().or(evidence.unseen_db()) {
        return Some(format!("{}: {}", unseen.place, unseen.message));
    }
    let (file, error) = member.unreadable_files().next()?;
    Some(format!("{} cannot be read: {error}", file.name()))
}
