//! Archives made to hurt.

use etcd_inspect::Limits;
use etcd_inspect::evidence::{Kind, Role};

use super::archives::{gzip, tar_of, zip_of, zstd};
use super::*;

/// One tar entry exactly as given, with a right checksum.
fn raw(name: &[u8], kind: u8, link: &[u8], size: u64, data: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name);
    header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link);
    header.set_size(size);
    header.set_mode(0o600);
    header.as_mut_bytes()[156] = kind;
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn before(first: &[Vec<u8>]) -> Vec<u8> {
    [first.concat(), tar_of("", &files())].concat()
}

fn opened(bytes: &[u8]) -> Evidence {
    try_open(bytes, Limits::default()).unwrap()
}

fn try_open(bytes: &[u8], limits: Limits) -> Result<Evidence, Error> {
    let top = fast_tempdir();
    write(top.path().join("archive"), bytes);
    let evidence = Evidence::open(
        top.path().join("archive"),
        &OpenOptions {
            limits,
            ..OpenOptions::default()
        },
    );
    let left: Vec<_> = fs::read_dir(top.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing is unpacked to disk");
    evidence
}

fn at_most(bytes: u64) -> Limits {
    let mut limits = Limits::default();
    limits.unpacked_bytes = bytes;
    limits
}

#[test]
fn names_that_climb_out_links_and_devices_are_refused_and_the_rest_is_read() {
    let evidence = opened(&before(&[
        raw(b"/etc/passwd", b'0', b"", 4, b"root"),
        raw(b"member/../../../etc/shadow", b'0', b"", 4, b"root"),
        raw(b"..", b'5', b"", 0, b""),
        raw(b"member/wal/link", b'2', b"/etc/shadow", 0, b""),
        raw(b"member/snap/hard", b'1', b"../db", 0, b""),
        raw(b"member/snap/fifo", b'6', b"", 0, b""),
        raw(b"member/snap/tty", b'3', b"", 0, b""),
        raw(b"odd", b'Z', b"", 4, b"what"),
        raw(&[b'a', b'/'].repeat(49), b'0', b"", 1, b"x"),
    ]));
    assert_eq!(evidence.kind(), Kind::DataDir);
    let refused = ["DIR-018"; 8];
    assert_eq!(
        codes(&evidence),
        [&["DIR-012"][..], &refused, &["DIR-022"]].concat()
    );
    let says = |text: &str| {
        let all = findings(&evidence);
        all.iter().any(|finding| finding.message.contains(text))
    };
    assert!(says("the first is /etc/passwd"));
    assert!(says(
        "it is a link to \"/etc/shadow\": that is not in the archive"
    ));

    let mut all = files();
    all.push(("../../evil".to_owned(), b"x".to_vec()));
    all.push(("/abs".to_owned(), b"x".to_vec()));
    assert_eq!(
        codes(&opened(&zip_of(&all))),
        ["DIR-012", "DIR-018", "DIR-022"]
    );
}

#[test]
fn a_hard_link_is_the_file_that_it_names_before_or_after_it() {
    let link = |to: &[u8]| raw(b"member/snap/0000000000000001.snap.db", b'1', to, 0, b"");
    let end = vec![0; 1024];
    let tar = tar_of("", &files());
    let tar = tar.strip_suffix(end.as_slice()).unwrap();
    let evidence = opened(&[tar, &link(b"member/snap/db"), &end].concat());
    assert_eq!(codes(&evidence), ["DIR-007"]);
    let after = opened(&[&link(b"member/snap/db"), tar, &end].concat());
    assert_eq!(codes(&after), ["DIR-007"]);
    let linked = &evidence.with_role(Role::SnapDb)[0];
    assert!(
        linked.bytes().unwrap().as_slice() == evidence.db().unwrap().bytes().unwrap().as_slice()
    );
    for nothing in [&b"member/snap/none"[..], b"../db", b""] {
        let evidence = opened(&[tar, &link(nothing), &end].concat());
        assert_eq!(codes(&evidence), ["DIR-018"]);
    }
}

#[test]
fn many_refusals_are_counted_not_kept() {
    let links: Vec<_> = (0..1000)
        .map(|at| raw(format!("l{at}").as_bytes(), b'2', b"x", 0, b""))
        .collect();
    let findings = findings(&opened(&before(&links)));
    assert_eq!(findings.len(), 100);
    assert_eq!(
        findings.iter().map(|finding| finding.count).sum::<u64>(),
        1000
    );
}

#[test]
fn a_bomb_ends_at_the_limit_whatever_it_is_made_of() {
    let zeros = vec![0u8; 40 << 20];
    let noise = noise(10 << 20);
    let bomb = |bytes: &[u8]| [("member/snap/db".to_owned(), bytes.to_vec())];
    for bytes in [
        gzip(&zeros),
        zstd(&zeros),
        gzip(&gzip(&zeros)),
        gzip(&tar_of("", &bomb(&zeros))),
        zip_of(&bomb(&zeros)),
        zip_of(&bomb(&noise)),
        tar_of("", &bomb(&noise)),
        // Not evidence at all: skipping costs time, and time is bounded too.
        gzip(&tar_of("", &[("x".to_owned(), noise.clone())])),
        // A name as long as the bomb.
        gzip(&raw(b"././@LongLink", b'L', b"", 40 << 20, &zeros)),
        gzip(&raw(b"x", b'x', b"", 40 << 20, &zeros)),
        // After the end mark.
        gzip(&[tar_of("", &files()[..1]), zeros.clone()].concat()),
    ] {
        match try_open(&bytes, at_most(9 << 20)) {
            Err(Error::Limit { limit, option, .. }) => {
                assert_eq!((limit, option), (9 << 20, "--max-unpacked"))
            }
            other => panic!("{other:?}"),
        }
    }
    // The limit is no obstacle to what fits.
    assert!(try_open(&gzip(&tar_of("", &bomb(&noise))), at_most(11 << 20)).is_ok());
}

#[test]
fn headers_that_claim_more_than_there_is_cost_nothing() {
    for size in [8 << 30, u64::MAX >> 2, u64::MAX] {
        let evidence = opened(
            &[
                tar_of("", &files()[..1])[..33_280].to_vec(),
                raw(b"member/wal/x.wal", b'0', b"", size, b"short"),
            ]
            .concat(),
        );
        assert_eq!(evidence.kind(), Kind::DataDir);
        assert!(
            codes(&evidence).contains(&"DIR-019"),
            "{size}: {:?}",
            findings(&evidence)
        );
    }
    // A sparse file of an exabyte.
    let mut header = tar::Header::new_gnu();
    header.set_path("member/snap/db.tmp").unwrap();
    header.set_entry_type(tar::EntryType::GNUSparse);
    header.set_size(0);
    header.set_mode(0o600);
    header.as_gnu_mut().unwrap().set_real_size(1 << 60);
    header.set_cksum();
    let result = try_open(&before(&[header.as_bytes().to_vec()]), Limits::default());
    assert!(matches!(result, Err(Error::Limit { .. })), "{result:?}");
}

#[test]
fn sparse_pieces_that_overlap_or_leave_the_file_are_refused() {
    for pieces in [
        [(0, 512), (100, 512)],
        [(0, 512), (1 << 40, 512)],
        [(512, 512), (0, 512)],
        [(0, u64::MAX >> 4), (0, 0)],
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_path("member/snap/tmp1").unwrap();
        header.set_entry_type(tar::EntryType::GNUSparse);
        header.set_size(1024);
        header.set_mode(0o600);
        let gnu = header.as_gnu_mut().unwrap();
        gnu.set_real_size(4096);
        for (slot, (offset, len)) in gnu.sparse.iter_mut().zip(pieces) {
            slot.set_offset(offset);
            slot.set_length(len);
        }
        header.set_cksum();
        let entry = [&header.as_bytes()[..], &[7; 1024]].concat();
        assert_eq!(codes(&opened(&before(&[entry]))), ["DIR-018"], "{pieces:?}");
    }
}

#[test]
fn a_truncated_archive_gives_what_was_read() {
    let mut all = files();
    all.reverse(); // the db last
    let mut whole = noise(3 << 20);
    whole[..32768].copy_from_slice(&db());
    all[2].1 = whole.clone();
    let tar = tar_of("", &all);
    for bytes in [
        tar[..tar.len() - (1 << 20)].to_vec(),
        cut(gzip(&tar)),
        cut(zstd(&tar)),
        cut(zip_of(&all)),
    ] {
        let evidence = opened(&bytes);
        assert_eq!(evidence.kind(), Kind::DataDir);
        assert!(
            codes(&evidence).contains(&"DIR-019"),
            "{:?}",
            findings(&evidence)
        );
        assert!(evidence.wal()[0].bytes().unwrap().as_slice() == repaired_segment());
        let db = evidence.db().unwrap().bytes().unwrap();
        assert!(db.len() > 1 << 20 && db.len() < whole.len(), "{}", db.len());
        assert!(db.as_slice() == &whole[..db.len()]);
    }
}

/// Bytes that no compression makes smaller.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252u64;
    let mut words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.by_ref().take(len / 8).flatten().collect()
}

fn cut(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len() - (1 << 20));
    bytes
}

#[test]
fn every_prefix_and_every_flipped_byte_of_an_archive_is_survived() {
    let small = [
        ("member/snap/db".to_owned(), db()[..4096].to_vec()),
        (format!("member/snap/{SNAP}"), snap()),
    ];
    let tar = tar_of("", &small);
    for bytes in [tar.clone(), gzip(&tar), zstd(&tar), zip_of(&small)] {
        let step = bytes.len() / 150 + 1;
        for at in (0..bytes.len()).step_by(step) {
            let _ = try_open(&bytes[..at], Limits::default());
            for flip in [0x01, 0x80, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] ^= flip;
                let _ = try_open(&bytes, Limits::default());
            }
        }
    }
}

#[test]
fn a_damaged_header_costs_its_entry_only() {
    let mut tar = tar_of(
        "",
        &[
            files()[0].clone(),
            ("lost".to_owned(), vec![7; 1000]),
            files()[1].clone(),
        ],
    );
    let lost = 512 + 32768;
    tar[lost..lost + 512].fill(0xee);
    let evidence = opened(&tar);
    assert_eq!((evidence.db().is_some(), evidence.snaps().len()), (true, 1));
    // What the damage hides is not called missing.
    assert_eq!(codes(&evidence), ["DIR-019"]);
}

#[test]
fn a_wrong_checksum_is_said() {
    let tar = tar_of("", &files());
    let mut bytes = gzip(&tar);
    let sum = bytes.len() - 8;
    bytes[sum] ^= 1;
    assert_eq!(codes(&opened(&bytes)), ["DIR-019"]);
    let mut bytes = zstd(&tar);
    let sum = bytes.len() - 2;
    bytes[sum] ^= 1;
    assert_eq!(codes(&opened(&bytes)), ["DIR-019"]);
    let mut bytes = zip_of(&files());
    let central = bytes
        .windows(4)
        .position(|four| four == b"PK\x01\x02")
        .unwrap();
    bytes[central + 16] ^= 1;
    assert_eq!(codes(&opened(&bytes)), ["DIR-019"]);
}

#[test]
fn doubles_and_files_in_the_place_of_folders_are_said() {
    let mut all = files();
    all.push(("member/snap/db".to_owned(), db()[..16384].to_vec()));
    all.push(("member/snap/db/x".to_owned(), vec![1]));
    all.push(("member/wal".to_owned(), vec![1]));
    let evidence = opened(&tar_of("", &all));
    assert_eq!(codes(&evidence), ["DIR-018"; 3]);
    assert_eq!(
        evidence.db().unwrap().size(),
        16384,
        "the later one, as tar does"
    );
}

#[test]
fn archives_in_archives_end_somewhere() {
    let mut bytes = tar_of("", &files()[..1]);
    for _ in 0..8 {
        bytes = tar_of("", &[("next.tar".to_owned(), bytes)]);
    }
    let result = try_open(&bytes, Limits::default());
    assert!(
        matches!(result, Err(Error::NotEvidence { .. })),
        "{result:?}"
    );
    let mut bytes = db();
    for _ in 0..8 {
        bytes = gzip(&bytes);
    }
    let result = try_open(&bytes, Limits::default());
    assert!(
        matches!(result, Err(Error::NotEvidence { .. })),
        "{result:?}"
    );
}

#[test]
fn a_sea_of_entries_ends_at_the_limit_of_files() {
    let mut limits = Limits::default();
    limits.files = 500;
    let mut all = files();
    all.extend((0..2000).map(|at| (format!("x{at}/y"), vec![1])));
    let evidence = try_open(&tar_of("", &all), limits).unwrap();
    assert_eq!(evidence.kind(), Kind::DataDir);
    assert!(codes(&evidence).contains(&"DIR-020"));
}
