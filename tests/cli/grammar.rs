//! Verbs, flags, help and errors.

use crate::run::{command, etcd_inspect, sealed};

#[test]
fn no_arguments_say_what_to_run_at_three_in_the_morning() {
    let said = etcd_inspect([""; 0]);
    assert_eq!(said.code, 0);
    assert!(said.out.lines().count() <= 12);
    let at = |word: &str| said.out.find(word).unwrap_or_else(|| panic!("{word}"));
    assert!(at("etcd-inspect status") < at("etcd-inspect check"));
    assert!(at("etcd-inspect check") < at("etcd-inspect keys"));
}

#[test]
fn a_path_in_place_of_the_verb_is_answered_with_the_command_that_was_meant() {
    let said = etcd_inspect(["/copy/m1"]);
    assert_eq!(said.code, 2);
    assert_eq!(
        said.err,
        "error[E0002]: no verb \"/copy/m1\". Did you mean: etcd-inspect status /copy/m1 ?\n"
    );
    assert_eq!(said.out, "");
}

#[test]
fn unknown_verbs_flags_columns_and_formats_get_their_nearest_match_and_exit_2() {
    for (args, wanted) in [
        (&["explian", "E0310"][..], "etcd-inspect explain E0310"),
        (&["explain", "--colum", "code"], "--columns"),
        (&["explain", "--sort-by", "tilte"], "did you mean title?"),
        (&["explain", "-o", "jsno"], "did you mean json"),
    ] {
        let said = etcd_inspect(args);
        assert_eq!(said.code, 2, "{args:?}");
        assert!(said.err.starts_with("error[E0002]: "), "{}", said.err);
        assert!(said.err.contains(wanted), "{args:?}: {}", said.err);
    }
}

#[test]
fn errors_are_json_on_stderr_where_json_was_asked_for() {
    for args in [
        &["nonsense", "-o", "json"][..],
        &["explain", "E9999", "-o", "json"],
    ] {
        let said = etcd_inspect(args);
        let error: serde_json::Value = serde_json::from_str(&said.err).expect(&said.err);
        assert!(error["error"]["code"].is_string(), "{error}");
        assert!(error["error"]["message"].is_string(), "{error}");
        assert!(error["error"]["next"].is_array(), "{error}");
        assert_eq!(said.out, "");
    }
}

#[test]
fn explain_knows_every_code_in_any_letter_case() {
    let all = etcd_inspect(["explain", "-o", "json"]).rows();
    assert!(all.len() > 10);
    let one = etcd_inspect(["explain", "e0310", "-o", "json"]).json();
    assert_eq!(one["schema"], "etcd-inspect/explain/v1");
    assert_eq!(one["code"], "E0310");
    assert!(
        one["next"]
            .as_str()
            .is_some_and(|next| next.contains("etcd-inspect"))
    );
    assert_eq!(etcd_inspect(["explain", "E9999"]).code, 1);
}

#[test]
fn the_environment_gives_flags_and_the_command_line_wins() {
    let run = |args: &[&str]| {
        let output = command()
            .args(args)
            .env("ETCD_INSPECT_OUTPUT", "json")
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(run(&["version"]).starts_with('{'));
    assert!(run(&["version", "-o", "table"]).starts_with("etcd-inspect"));
    assert!(run(&["version", "--no-config"]).starts_with("etcd-inspect"));
}

#[test]
fn a_variable_that_only_the_browser_reads_is_no_flag_of_other_verbs() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_etcd-inspect"))
        .args(["version", "-o", "json"])
        .env("ETCD_INSPECT_A11Y", "1")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn the_config_file_gives_one_flag_a_line_and_names_the_line_that_is_wrong() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("etcd-inspect");
    std::fs::create_dir(&folder).unwrap();
    let run = |text: &str| {
        std::fs::write(folder.join("config"), text).unwrap();
        command()
            .arg("version")
            .env("XDG_CONFIG_HOME", home.path())
            .output()
            .unwrap()
    };
    let said = run("# mine\n\n--output yaml\n");
    assert!(
        String::from_utf8_lossy(&said.stdout).starts_with("schema: "),
        "{said:?}"
    );
    let said = run("--output yaml\n--colr always\n");
    assert_eq!(said.status.code(), Some(2));
    let err = String::from_utf8_lossy(&said.stderr);
    assert!(err.contains("config:2") && err.contains("--color"), "{err}");
}

#[test]
fn a_reader_that_goes_away_ends_the_output_silently() {
    let mut child = command()
        .args(["completions", "bash"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn completions_and_manual_pages_are_made_for_every_shell_and_verb() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let said = etcd_inspect(["completions", shell]);
        assert_eq!(said.code, 0);
        assert!(said.out.contains("_ETCD_INSPECT_COMPLETE"), "{shell}");
    }
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    assert_eq!(etcd_inspect(["man", "--out", out]).code, 0);
    assert!(folder.path().join("etcd-inspect.1").is_file());
    assert!(folder.path().join("etcd-inspect-explain.1").is_file());
    let again = etcd_inspect(["man", "--out", out]);
    assert_eq!(again.code, 2, "nothing is overwritten without --force");
    assert!(again.err.contains("--force"), "{}", again.err);
    assert_eq!(etcd_inspect(["man", "--force", "--out", out]).code, 0);
}

#[test]
fn a_pipe_gets_no_colour_unless_asked_and_then_no_evidence_is_mixed_into_it() {
    assert!(!etcd_inspect(["explain"]).out.contains('\x1b'));
    assert!(
        etcd_inspect(["explain", "--color", "always"])
            .out
            .contains("\x1b[1m")
    );
    let ascii = etcd_inspect(["version", "--ascii"]);
    assert!(ascii.out.is_ascii());
}

#[test]
fn doctor_says_which_directory_would_be_asked_without_opening_it() {
    let path = testkit::data_dir("etcd-3.6.14");
    let said = sealed(
        &path,
        ["doctor", "-d", path.to_str().unwrap(), "-o", "json"],
    );
    assert_eq!(said.json()["data_dir"], path.to_str().unwrap());
}

#[test]
fn without_a_path_evidence_nearby_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("copies/m1/member/snap")).unwrap();
    std::fs::write(folder.path().join("copies/m1/member/snap/db"), [0; 4096]).unwrap();
    let output = command()
        .args(["doctor", "-o", "json"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("not an etcd data directory"), "{said}");
}

#[test]
fn the_shell_is_told_verbs_flags_and_codes() {
    let ask = |words: &[&str]| {
        let output = command()
            .env("_ETCD_INSPECT_COMPLETE", "fish")
            .arg("--")
            .arg("etcd-inspect")
            .args(words)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(ask(&["exp"]).contains("explain"));
    assert!(ask(&["explain", "--sort"]).contains("--sort-by"));
    assert!(ask(&["explain", "E03"]).contains("E0310"));
}

#[test]
fn a_flag_that_has_no_effect_is_refused_with_a_command_that_works() {
    let healthy = testkit::data_dir("auth-3.5.16");
    let path = healthy.to_str().unwrap();
    for (line, next) in [
        (
            &["version", "--limit=1"][..],
            "etcd-inspect version".to_owned(),
        ),
        (
            &["tables", "--wal-dir", path],
            "etcd-inspect tables".to_owned(),
        ),
        (
            &["page", "3", "--map", path],
            format!("etcd-inspect page 3 {path}"),
        ),
        (
            &["meta", "--rev", "-3", path],
            format!("etcd-inspect meta --rev -3 {path} --encryption"),
        ),
        (
            &["diff", "--from", "10", "--limit", "1", "-d", path],
            format!("etcd-inspect diff --from 10 --limit 1 -d {path} --stat"),
        ),
    ] {
        let refused = sealed(&healthy, line);
        assert_eq!(
            (refused.code, refused.out.as_str()),
            (2, ""),
            "{line:?} {}",
            refused.err
        );
        assert!(refused.err.contains("error[E0002]"), "{}", refused.err);
        assert!(
            refused.err.contains(&format!("  try    {next}\n")),
            "{line:?} {}",
            refused.err
        );
        let words: Vec<&str> = next.split(' ').skip(1).collect();
        assert!(sealed(&healthy, words).code < 2, "{next}");
    }
}

#[test]
fn tables_of_a_db_that_lags_say_what_only_its_log_has() {
    let lagging = testkit::data_dir("lagging-3.5.30");
    let path = lagging.to_str().unwrap();
    let newest = "SELECT max(revision) FROM versions";
    let said = sealed(&lagging, ["sql", newest, "-o", "csv", "-d", path]);
    assert_eq!(said.out, "max(revision)\n293\n");
    assert!(
        said.err
            .contains("128 entries of the log are not in the db yet"),
        "{}",
        said.err
    );
    let said = sealed(
        &lagging,
        ["sql", newest, "-o", "csv", "--replay", "-d", path],
    );
    assert_eq!(said.out, "max(revision)\n421\n");
    assert!(!said.err.contains("not in the db yet"), "{}", said.err);
    let said = sealed(&lagging, ["sql", "SELECT count(*) FROM terms", "-d", path]);
    assert!(!said.err.contains("not in the db yet"), "{}", said.err);
}
