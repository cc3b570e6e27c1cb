use etcd_inspect::backend::Meta;
use etcd_inspect::check::applied;
use etcd_inspect::member::Member;

#[test]
fn wal_and_store_of_healthy_directories_agree() {
    let mut wrong = Vec::new();
    for (name, path) in crate::healthy::directories() {
        let member = Member::open(&path).unwrap();
        let (db, wal) = (member.db().unwrap(), member.wal().unwrap());
        let index = Meta::read(&db, &mut |_| {})
            .consistent_index
            .unwrap_or_default();
        let mut found = Vec::new();
        let reach = applied(
            &db,
            &member.readable_keyspace().unwrap(),
            &wal,
            index,
            &etcd_inspect::progress::Silent,
            &mut |finding| found.push(finding),
        );
        match reach {
            Ok(reach) => assert!(
                reach.indexes.is_some_and(|(_, last)| last > 0) && reach.records > 0,
                "{name}"
            ),
            Err(why) => assert!(name.starts_with("restored-"), "{name}: {why}"),
        }
        let said = found
            .into_iter()
            .map(|finding| format!("{name}: {} {}", finding.code.id, finding.message));
        wrong.extend(said);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
