//! Evidence in archives of every form and nesting, and on standard input: the printed chain runs in bash, as it was printed, and
//! gives another program the very file that was packed.

use std::path::Path;
use std::process::Command;

use testkit::Seal;

use crate::printed::binary;

/// Name of the archive, the lines that make it of `s.db` or of the folder `data`, the programs that both ways take.
const FILES: [(&str, &str, &[&str]); 14] = [
    ("s.db.gz", "gzip -c s.db", &["gzip"]),
    ("s.db.xz", "xz -c s.db", &["xz"]),
    ("s.db.bz2", "bzip2 -c s.db", &["bzip2"]),
    ("s.db.lz4", "lz4 -qc s.db", &["lz4"]),
    ("s.db.zst", "zstd -qc s.db", &["zstd"]),
    ("s.db.gz.gz", "gzip -c s.db | gzip -c", &["gzip"]),
    ("s.db.lz4.xz", "lz4 -qc s.db | xz -c", &["lz4", "xz"]),
    ("of-no-name", "xz -c s.db | bzip2 -c", &["xz", "bzip2"]),
    ("at 10:00.tar", "tar -c s.db", &["tar"]),
    ("at10:00.tgz", "tar -c s.db | gzip -c", &["tar", "gzip"]),
    ("s.tar.lz4", "tar -c s.db | lz4 -qc", &["tar", "lz4"]),
    ("s.zip", "zip -q - s.db", &["zip", "unzip"]),
    (
        "s.zip.zst",
        "zip -q - s.db | zstd -qc",
        &["zip", "unzip", "zstd"],
    ),
    (
        "inner.zip",
        "gzip -c s.db > s.db.gz; tar -c s.db.gz > s.tar; lz4 -qc s.tar > s.tar.lz4; zip -q - s.tar.lz4",
        &["gzip", "tar", "lz4", "zip", "unzip"],
    ),
];

const FOLDERS: [(&str, &str, &[&str]); 4] = [
    ("m.tar.lz4", "tar -c data | lz4 -qc", &["tar", "lz4"]),
    ("m.tar.bz2", "tar -c data | bzip2 -c", &["tar", "bzip2"]),
    ("m.tar", "tar -c data > i.tar; tar -c i.tar", &["tar"]),
    (
        "m.zip",
        "tar -c data | gzip -c > i.tgz; zip -q - i.tgz",
        &["tar", "gzip", "zip", "unzip"],
    ),
];

/// Runs a line in bash, `etcdutl` replaced by a program that compares what it is given with the file that was packed.
fn bash(line: &str, folder: &Path) -> std::process::Output {
    let etcdutl = folder.join("bin/etcdutl");
    if !etcdutl.exists() {
        std::fs::create_dir_all(folder.join("bin")).unwrap();
        std::fs::write(
            &etcdutl,
            "#!/bin/sh\ncmp \"$3\" \"$PACKED\" && echo the same\n",
        )
        .unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&etcdutl, mode).unwrap();
    }
    let path = format!(
        "{}:{}:/usr/bin:/bin",
        folder.join("bin").display(),
        binary().parent().unwrap().display()
    );
    Command::new("bash")
        .args(["-c", &format!("set -o pipefail; {line}")])
        .current_dir(folder)
        .env("PATH", path)
        .env("PACKED", folder.join("s.db"))
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap()
}

/// A folder with a backup and a data directory; the line that makes an archive of them has run there.
fn packed(name: &str, line: &str, programs: &[&str]) -> Option<tempfile::TempDir> {
    let folder = tempfile::tempdir().unwrap();
    let has = |program: &&str| {
        bash(&format!("command -v {program}"), folder.path())
            .status
            .success()
    };
    if !programs.iter().all(has) {
        eprintln!("skipped: {name} needs {programs:?}");
        return None;
    }
    let fixture = testkit::data_dir("etcd-3.5.30");
    let db = fixture.join("member/snap/db");
    let make = format!(
        "cp --sparse=always {} s.db && cp -a --sparse=always {} data && ({line}) > out && rm -rf data && mv out '{name}'",
        db.display(),
        fixture.display()
    );
    let made = bash(&make, folder.path());
    assert!(made.status.success(), "{name}: {made:?}");
    Some(folder)
}

/// The line after GO.
fn line_of(answer: &std::process::Output) -> String {
    let text = String::from_utf8_lossy(&answer.stdout).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("GO  "));
    line.unwrap_or_else(|| panic!("{answer:?}")).to_owned()
}

#[test]
fn what_is_packed_in_any_form_is_unpacked_layer_by_layer_before_it_is_restored() {
    for (name, line, programs) in FILES.iter().chain(&FOLDERS) {
        let Some(folder) = packed(name, line, programs) else {
            continue;
        };
        let folder = folder.path();
        let seal = Seal::read(&folder.join(name));
        let ask = format!("etcd-inspect --no-config preflight '{name}' --for restore");
        let chain = line_of(&bash(&ask, folder));
        let ran = bash(&chain, folder);
        let text = String::from_utf8_lossy(&ran.stdout);
        assert!(
            ran.status.success() && text.contains("the same"),
            "{name}: {chain}: {ran:?}"
        );
        seal.assert_unchanged();
    }
}

#[test]
fn what_came_through_a_pipe_is_saved_first_and_the_commands_name_that_file() {
    let all = FILES.iter().filter(|(name, ..)| !name.contains(' '));
    for (name, line, programs) in all.chain(&FOLDERS) {
        let Some(folder) = packed(name, line, programs) else {
            continue;
        };
        let folder = folder.path();
        let ask = format!("cat '{name}' | etcd-inspect --no-config preflight - --for restore");
        let asked = bash(&ask, folder);
        let notes = String::from_utf8_lossy(&asked.stderr).into_owned();
        let file = notes.split("save it to a file first, as ").nth(1);
        let file = file
            .and_then(|rest| rest.split(';').next())
            .unwrap_or_else(|| panic!("{notes}"));
        let chain = line_of(&asked);
        assert!(!chain.contains("/dev/"), "{chain}");
        let ran = bash(&format!("cat '{name}' > {file} && {chain}"), folder);
        let text = String::from_utf8_lossy(&ran.stdout);
        assert!(
            ran.status.success() && text.contains("the same"),
            "{name}: {chain}: {ran:?}"
        );
    }
}

#[test]
fn several_members_in_an_archive_on_standard_input_are_compared_and_one_can_be_named() {
    let line = "mv data m1; cp -a m1 m2; tar -c m1 m2; rm -rf m1 m2";
    let folder = packed("two.tar", line, &["tar"]).unwrap();
    let ask = |line: &str| {
        let output = bash(line, folder.path());
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let (code, text, error) = ask("cat two.tar | etcd-inspect --no-config compare -");
    assert_eq!(code, Some(0), "{text} {error}");
    assert!(text.contains("the same keys, values and history"), "{text}");
    assert!(text.contains("'standard-input.tar!/m1'"), "{text}");
    let (code, text, error) = ask("cat two.tar | etcd-inspect --no-config hashkv '-!/m1'");
    assert_eq!(code, Some(0), "{text} {error}");
    let (code, _, error) = ask("cat two.tar | etcd-inspect --no-config status -");
    assert_eq!(code, Some(2), "{error}");
    let next = error
        .lines()
        .find_map(|line| line.trim().strip_prefix("try    "));
    assert!(
        error.contains("save it to a file first, as standard-input"),
        "{error}"
    );
    let (code, _, error) = ask(&format!(
        "cat two.tar > standard-input && {}",
        next.unwrap()
    ));
    assert_eq!(code, Some(0), "{error}");
}
