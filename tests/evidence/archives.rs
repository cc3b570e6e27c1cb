//! Archives of every kind that people make of data directories.

use std::io::{Cursor, Write};
use std::process::Command;

use etcd_inspect::evidence::{Kind, Role};
use flate2::Compression;
use flate2::write::GzEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use tempfile::tempdir;

use super::*;

/// A tar of files below `top`.
pub(crate) fn tar_of(top: &str, files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(1_700_000_000);
        tar.append_data(&mut header, format!("{top}{name}"), bytes.as_slice())
            .unwrap();
    }
    tar.into_inner().unwrap()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

pub(crate) fn zip_of(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().unix_permissions(0o600);
    for (name, bytes) in files {
        zip.start_file(name.as_str(), options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Names as some programs of Windows write them, against the specification.
fn with_backslashes(files: &[(String, Vec<u8>)]) -> Vec<(String, Vec<u8>)> {
    let files = files.iter();
    files
        .map(|(name, bytes)| (name.replace('/', "\\"), bytes.clone()))
        .collect()
}

fn saved(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let top = tempdir().unwrap();
    let path = top.path().join(name);
    write(&path, bytes);
    (top, path)
}

#[test]
fn a_data_directory_is_found_in_every_kind_of_archive() {
    let tar = tar_of("backup/etcd/", &files());
    let inner: Vec<_> = files()
        .into_iter()
        .map(|(name, bytes)| (format!("etcd/{name}"), bytes))
        .collect();
    for (name, bytes) in [
        ("a.tar", tar.clone()),
        ("a.tar.gz", gzip(&tar)),
        ("a.tgz", gzip(&tar)),
        ("a.tar.zst", zstd(&tar)),
        ("a.zip", zip_of(&inner)),
        ("windows.zip", zip_of(&with_backslashes(&inner))),
        ("no-ending", zstd(&tar)),
        ("a.tar.zst.gz", gzip(&zstd(&tar))),
        // An archive in an archive, beside something else.
        (
            "outer.tar",
            tar_of(
                "",
                &[
                    ("notes".to_owned(), vec![b'x'; 9]),
                    ("etcd.tgz".to_owned(), gzip(&tar)),
                ],
            ),
        ),
        ("outer.zip", zip_of(&[("etcd.tar".to_owned(), tar.clone())])),
        // What `tar -C /var/lib/etcd -c .` makes.
        ("dot.tar", tar_of("./", &files())),
    ] {
        let (_top, path) = saved(name, &bytes);
        let evidence = open(&path);
        assert_eq!(
            (evidence.kind(), codes(&evidence)),
            (Kind::DataDir, vec![]),
            "{name}"
        );
        assert_eq!(evidence.files().len(), 3, "{name}");
        assert!(
            evidence.db().unwrap().bytes().unwrap().as_slice() == db(),
            "{name}"
        );
        assert!(
            evidence.wal()[0].bytes().unwrap().as_slice() == repaired_segment(),
            "{name}"
        );
        let prefix = format!("{}!", path.display());
        assert!(
            evidence.db().unwrap().name().as_str().starts_with(&prefix),
            "{name}"
        );
    }
}

#[test]
fn a_single_file_is_found_in_every_compression() {
    let mut snapshot = db();
    snapshot.extend([0; 32]);
    for (name, bytes) in [
        ("snapshot.db.gz", gzip(&snapshot)),
        ("snapshot.db.zst", zstd(&snapshot)),
        // k3s names the entry without any ending.
        (
            "etcd-snapshot-node1-1700000000.zip",
            zip_of(&[(
                "etcd-snapshot-node1-1700000000".to_owned(),
                snapshot.clone(),
            )]),
        ),
        (
            "snapshot.tar",
            tar_of("", &[("snapshot.db".to_owned(), snapshot.clone())]),
        ),
    ] {
        let (_top, path) = saved(name, &bytes);
        let evidence = open(&path);
        assert_eq!(evidence.kind(), Kind::Snapshot, "{name}");
        assert!(
            evidence.db().unwrap().bytes().unwrap().as_slice() == snapshot,
            "{name}"
        );
    }
    // Damaged beyond recognition, but alone and well named.
    let (_top, path) = saved("db.gz", &gzip(&[1; 100]));
    assert_eq!(open(&path).kind(), Kind::Db);
    let (_top, path) = saved("poem.txt.gz", &gzip(b"a rose is a rose"));
    assert!(
        refused(&path).0.starts_with("nothing in the archive"),
        "{:?}",
        refused(&path)
    );
}

#[test]
fn a_path_in_the_archive_can_be_named() {
    let mut all = files();
    let two: Vec<_> = files()
        .into_iter()
        .map(|(name, bytes)| (format!("m2/{name}"), bytes))
        .collect();
    all = all
        .into_iter()
        .map(|(name, bytes)| (format!("m1/{name}"), bytes))
        .chain(two)
        .collect();
    all.push(("old/snapshot.db.gz".to_owned(), gzip(&db())));
    all.push(("big.bin".to_owned(), vec![b'x'; 3 << 20]));
    let (_top, path) = saved("all.tgz", &gzip(&tar_of("", &all)));
    let at = |inside: &str| format!("{}!{inside}", path.display());
    assert_eq!(refused(&path).1, [at("/m1"), at("/m2")].map(PathBuf::from));
    for (inside, kind) in [
        ("/m1", Kind::DataDir),
        ("/m2/", Kind::DataDir),
        ("//m2/./member", Kind::MemberDir),
        ("/m1/member/snap", Kind::SnapDir),
        ("/m1/member/snap/db", Kind::Db),
        ("/old/snapshot.db.gz", Kind::Db),
        ("/old/snapshot.db.gz!/snapshot.db", Kind::Db),
    ] {
        assert_eq!(open(at(inside)).kind(), kind, "{inside}");
    }
    assert_eq!(open(at("/m2")).name().as_str(), at("/m2"));
    assert!(refused(at("/m3")).0.contains("no such entry"));
    assert!(
        refused(at("/old"))
            .1
            .contains(&PathBuf::from(at("/old/snapshot.db.gz")))
    );
    assert_eq!(refused(at("")).1.len(), 2);
    assert!(refused(at("/big.bin")).0.contains("begins neither"));
    // A file really called so wins.
    let literal = path.with_file_name("x!");
    data_dir(&literal.join("y"));
    assert!(!open(literal.join("y")).is_archived());
}

#[test]
fn the_data_directory_is_preferred_to_a_snapshot_beside_it() {
    let mut all = files();
    all.push(("../snapshot.db".trim_start_matches("../").to_owned(), db()));
    all.push(("truth.json".to_owned(), b"{}".to_vec()));
    let (_top, path) = saved("x.tar", &tar_of("x/", &all));
    let evidence = open(&path);
    assert_eq!(evidence.kind(), Kind::DataDir);
    // Files that are not etcd's are listed, and small ones can be read.
    let strays = evidence.with_role(Role::Stray);
    assert_eq!(strays.len(), 2);
    assert_eq!(strays[1].bytes().unwrap().as_slice(), b"{}");
}

#[test]
fn frames_in_a_row_are_one_stream() {
    let tar = tar_of("", &files());
    let (first, second) = tar.split_at(tar.len() / 3);
    let skippable = [0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
    let zstd = [&skippable[..], &zstd(first), &skippable, &zstd(second)].concat();
    let (_top, path) = saved("p.tar.zst", &zstd);
    assert_eq!(codes(&open(&path)), [""; 0]);
    let (_top, path) = saved("p.tar.gz", &[gzip(first), gzip(second)].concat());
    assert_eq!(codes(&open(&path)), [""; 0]);
}

/// Compressed by the programs themselves, where the machine has them; each content twice, as two members or frames.
#[test]
fn what_xz_bzip2_and_lz4_compress_is_read() {
    let tar = tar_of("", &files());
    let (front, back) = tar.split_at(tar.len() / 2);
    for program in ["xz", "bzip2", "lz4"] {
        let packed = |bytes: &[u8]| {
            let (top, path) = saved("in", bytes);
            let made = Command::new(program).arg("-c").arg(&path).output().ok()?;
            drop(top);
            made.status.success().then_some(made.stdout)
        };
        let (Some(front), Some(back)) = (packed(front), packed(back)) else {
            eprintln!("{program} is not here: not tested");
            continue;
        };
        let cut = front.len() + back.len() / 2;
        let whole = [front, back].concat();
        let (_top, path) = saved("a.tar.packed", &whole);
        let evidence = open(&path);
        assert_eq!(codes(&evidence), [""; 0], "{program}");
        assert_eq!(evidence.kind(), Kind::DataDir, "{program}");
        assert!(evidence.db().unwrap().bytes().unwrap().as_slice() == db());
        // A file that was cut gives what is before the cut, and says so.
        let (_top, path) = saved("a.tar.packed", &whole[..cut]);
        assert!(codes(&open(&path)).contains(&"DIR-019"), "{program}");
    }
}

#[test]
fn entries_that_need_a_password_are_named_and_an_archive_of_nothing_else_is_refused() {
    let top = tempdir().unwrap();
    data_dir(&top.path().join("data"));
    let zip = |archive: &str, password: &[&str], what: &str| {
        let made = Command::new("zip")
            .args(["-qr"])
            .args(password)
            .args([archive, what])
            .current_dir(top.path())
            .status();
        made.is_ok_and(|made| made.success())
    };
    let password = ["-P", "secret"];
    if !zip("all.zip", &password, "data") {
        eprintln!("zip is not here: not tested");
        return;
    }
    let error = Evidence::open(top.path().join("all.zip"), &OpenOptions::default()).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("entries are encrypted, the first is data/member/"),
        "{error}"
    );
    assert!(zip("part.zip", &[], "data/member/wal"));
    assert!(zip("part.zip", &password, "data/member/snap/db"));
    let evidence = open(top.path().join("part.zip"));
    assert!(codes(&evidence).contains(&"DIR-023"));
    assert_eq!(evidence.damage().findings.len(), 1);
    assert!(evidence.db().is_none() && !evidence.wal().is_empty());
}

#[test]
fn zeros_after_a_gzip_file_are_padding_and_other_bytes_are_damage() {
    let tar = tar_of("", &files());
    let (front, back) = tar.split_at(1000);
    let members = [gzip(front), gzip(back)].concat();
    let (_top, path) = saved("a.tgz", &[members.clone(), vec![0; 100_000]].concat());
    assert_eq!(codes(&open(&path)), [""; 0]);
    let (_top, path) = saved("a.tgz", &[members, vec![0; 10], b"x".to_vec()].concat());
    assert_eq!(codes(&open(&path)), ["DIR-019"]);
}

/// Real tar programs, where the machine has them: sparse files and long names in each of their forms.
#[test]
fn archives_of_real_tar_programs_are_read() {
    let top = tempdir().unwrap();
    let data = top.path().join("data");
    data_dir(&data);
    // A long name, and one with a newline: both need extension headers.
    let long = "l".repeat(150);
    write(
        data.join("member/snap").join(format!("{long}.snap")),
        snap(),
    );
    write(data.join("member/snap/new\nline.snap"), snap());
    // The segment as a file with holes.
    let wal = data.join("member/wal").join(SEGMENT);
    let file = fs::File::create(&wal).unwrap();
    file.set_len(64_000_000).unwrap();
    let mut want = vec![0; 64_000_000];
    for piece in 0..40u8 {
        let at = u64::from(piece) * 1_200_000;
        std::os::unix::fs::FileExt::write_at(&file, &[piece + 1; 5000], at).unwrap();
        want[usize::from(piece) * 1_200_000..][..5000].fill(piece + 1);
    }
    restrict(&data);
    let mut seen = 0;
    for arguments in [
        "tar --format=gnu -Scf",
        "tar --format=gnu -cf",
        "tar --format=ustar -cf",
        "tar --format=pax -cf",
        "tar --format=pax --sparse-version=0.0 -Scf",
        "tar --format=pax --sparse-version=0.1 -Scf",
        "tar --format=pax --sparse-version=1.0 -Scf",
        "bsdtar -cf",
    ] {
        let mut words = arguments.split(' ');
        let archive = top.path().join("a.tar");
        let made = Command::new(words.next().unwrap())
            .args(words)
            .arg(&archive)
            .arg("-C")
            .arg(top.path())
            .arg("data")
            .stderr(std::process::Stdio::null())
            .status();
        let Ok(_) = made else {
            continue;
        };
        seen += 1;
        let evidence = open(&archive);
        assert_eq!(
            codes(&evidence),
            [""; 0],
            "{arguments}: {:?}",
            findings(&evidence)
        );
        assert!(
            evidence.wal()[0].bytes().unwrap().as_slice() == want,
            "{arguments}"
        );
        // ustar has no room for the long name and tar left it out.
        let snaps = if arguments.contains("ustar") { 2 } else { 3 };
        assert_eq!(evidence.snaps().len(), snaps, "{arguments}");
        assert!(
            evidence
                .snaps()
                .iter()
                .any(|file| file.base() == "new\nline.snap"),
            "{arguments}"
        );
    }
    assert!(seen > 0, "not even tar is here");
}
