//! Every db that real etcd wrote is free of complaint, and its pages add up.

use etcd_inspect_bbolt::{MetaChoice, PageCounts, PageMap};
use std::path::{Path, PathBuf};

use crate::{findings, with_db};

fn dbs(below: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            dbs(&path, found);
        } else if ["db", "snapshot.db"]
            .iter()
            .any(|name| path.file_name().unwrap() == *name)
        {
            found.push(path);
        }
    }
}

fn all_dbs() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for name in testkit::fixtures() {
        dbs(&testkit::fixture(&name), &mut found);
    }
    assert!(found.len() >= 20, "fixtures are missing: {found:?}");
    found
}

#[test]
fn no_db_of_a_real_etcd_raises_a_warning() {
    for path in all_dbs() {
        let mut file = std::fs::read(&path).unwrap();
        if file.len() % 512 == 32 {
            file.truncate(file.len() - 32);
        }
        let found = findings(&file);
        let severe = found
            .iter()
            .filter(|f| f.severity > located::Severity::Note);
        let severe: Vec<_> = severe
            .map(|f| format!("{} {}", f.code.id, f.message))
            .collect();
        assert!(severe.is_empty(), "{}: {severe:?}", path.display());
    }
}

#[test]
fn the_pages_of_every_db_add_up_to_its_size() {
    for path in all_dbs() {
        let mut file = std::fs::read(&path).unwrap();
        file.truncate(file.len() / 4096 * 4096);
        with_db(&file, MetaChoice::Newest, |db| {
            let counts = PageMap::build(db, &mut |f| panic!("{f:?}")).counts();
            let key = db.bucket(b"key", &mut |_| {}).unwrap();
            let leaves = key.leaves(&mut |_| {});
            assert_eq!(
                PageCounts::with_known_bucket(db, "key", &leaves),
                counts,
                "{}",
                path.display()
            );
            let pages = counts.free_pages + counts.used_pages + counts.outside_pages;
            assert_eq!(
                pages * db.page_size(),
                file.len() as u64,
                "{}",
                path.display()
            );
        });
    }
}
