//! The B+tree: every bucket and every entry, against a second reader that shares no code.

use testkit::places::bolt::Db;

use crate::each;

#[test]
fn every_entry_of_every_bucket_is_what_a_second_reader_finds() {
    each(|expected, member| {
        let second = Db::read(&expected.data_dir().join("member/snap/db"));
        let db = member.db().unwrap();
        let mut findings = Vec::new();
        let mut sink = |finding| findings.push(finding);
        let buckets = db.buckets(&mut sink);
        let root: Vec<Vec<u8>> = second
            .nodes_from(second.root())
            .iter()
            .filter(|node| node.leaf)
            .flat_map(|node| second.leaf(node.page))
            .map(|entry| second.slice(&entry.key))
            .collect();
        assert_eq!(
            buckets
                .iter()
                .map(|(name, _)| name.to_vec())
                .collect::<Vec<_>>(),
            root,
            "{}",
            expected.name
        );
        for (name, bucket) in buckets {
            let mut seen = Vec::new();
            bucket.for_each(&mut sink, &mut |item| {
                seen.push((item.key.to_vec(), item.value.to_vec()))
            });
            let name = String::from_utf8(name.to_vec()).unwrap();
            let wanted: Vec<_> = second
                .entries(&name)
                .iter()
                .map(|entry| (second.slice(&entry.key), second.slice(&entry.value)))
                .collect();
            assert!(
                seen == wanted,
                "{}: bucket {name}: {} entries, {} wanted",
                expected.name,
                seen.len(),
                wanted.len()
            );
        }
        assert!(findings.is_empty(), "{}: {findings:?}", expected.name);
    });
}
