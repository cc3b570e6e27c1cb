//! The healthy directories.

use std::path::PathBuf;

/// Every healthy data directory of `fixtures/`, with its name.
pub(crate) fn directories() -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    // One member of that cluster holds a flipped bit, which is what raised the alarm.
    for name in testkit::fixtures()
        .into_iter()
        .filter(|name| !name.starts_with("alarm-corrupt"))
    {
        let data = testkit::fixture(&name).join("data");
        if data.join("member").is_dir() {
            found.push((name, data));
            continue;
        }
        let Ok(members) = std::fs::read_dir(&data) else {
            continue;
        };
        let mut members: Vec<_> = members.flatten().map(|entry| entry.path()).collect();
        members.sort();
        for member in members
            .into_iter()
            .filter(|path| path.join("member").is_dir())
        {
            found.push((
                format!("{name}/{}", member.file_name().unwrap().to_string_lossy()),
                member,
            ));
        }
    }
    found
}
