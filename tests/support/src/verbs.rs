//! Every verb that the binary itself lists, each with its flags, as command lines to run over any evidence.
//!
//! The list of verbs and of their flags is the binary's own (`help`, `VERB --help`): a verb or a flag without a row here
//! fails whatever test asks. A test takes the lines, each once, and asserts what has to hold for all of them.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// How a verb is asked. Placeholders: see [`Subject`]. `{out}` is a folder outside of the evidence, one for each line; `{new}` a
/// name there that nothing has yet.
const ROWS: &[(&str, &[&str])] = &[
    (
        "status",
        &[
            "{path}",
            "-o json {path}",
            "--quick {path}",
            "--replay {path}",
            "--meta older {path}",
            "--meta 1 --max-unpacked 1GB -o yaml {path}",
        ],
    ),
    (
        "keys",
        &[
            "{path}",
            "-o json {path}",
            "--by-resource {path}",
            "--by-resource --replay {path}",
            "--by-namespace -o csv {path}",
            "--by-prefix 2 --etcd-prefix /registry {path}",
            "--prefix {prefix} -n kube-system -o wide {path}",
            "--deleted -o tsv {path}",
            "--deleted --carved {path}",
            "--rev -2 -o name {path}",
            "--carved --rev -5 -o json {path}",
            "--at -1h {path}",
            "--values -o jsonl {path}",
            "--values --stored -o json --value-depth 20 --value-memory 100MB {path}",
            "--values --encryption-config {encryption} --kms-keys {kms} --fp-key {fp} -o yaml {path}",
            "--values --reveal=all -o jsonl {path}",
            "--io read --threads 1 {path}",
            "--columns KEY,REV --sort-by -KEY --limit 3 --no-headers {path}",
            "--columns KEY --wal-dir {path} {path}",
        ],
    ),
    (
        "get",
        &[
            "{key} -d {path}",
            "{key} -o json -d {path}",
            "{key} -o hex -d {path}",
            "{key} -o raw -d {path}",
            "--key {key} --stored -o yaml -d {path}",
            "--key {key} --reveal -o raw -d {path}",
            "--prefix {prefix} --rev -5 -o jsonl -d {path}",
            "--prefix {prefix} --stored -o yaml -d {path}",
            "{noun} -A --full -o yaml -d {path}",
            "{noun} -A -d {path}",
            "{noun} -A -o wide --show-labels --now 2026-01-01T00:00:00Z -d {path}",
            "{noun} -A -o json --show-managed-fields --replay -d {path}",
            "{noun} -A -o jsonpath={.items[*]} -d {path}",
            "{noun} -A -o custom-columns=N:.metadata.name,D:.data -d {path}",
            "{noun} -A -l app=web -o name -d {path}",
            "{noun} -A -L app,tier --show-kind -d {path}",
            "{noun} -A -o go-template={{.kind}} -d {path}",
            "{noun} -A -o jsonpath-as-json={.items[*]['metadata.name','data']} -d {path}",
            "{noun} -A -o json --columns NAME,.data -d {path}",
            "{noun} a b --ignore-not-found -A -o yaml -d {path}",
            "{noun} -n kube-system --field-selector metadata.name=x -o yaml -d {path}",
            "{noun} -A --describe -d {path}",
            "{noun} -A --neat -o yaml --at -1h -d {path}",
            "{noun} -A --neat --secrets placeholder -o json -d {path}",
            "--key {key} --neat -o yaml -d {path}",
            "{noun} -A --unknown -o json --etcd-prefix /registry -d {path}",
            "{noun} -A --encryption-config {encryption} --kms-keys {kms} --fp-key {fp} -o csv -d {path}",
            "{key} --carved -d {path}",
            "{noun} -A --carved --rev -5 -o json -d {path}",
            "helm -A -d {path}",
            "helm/web -A -o json -d {path}",
            "--undecodable -d {path}",
            "--undecodable -o json -d {path}",
            "--stored-versions -o json -d {path}",
        ],
    ),
    (
        "describe",
        &[
            "{noun} -A -d {path}",
            "{noun} a b -n kube-system -l app=web --carved -d {path}",
            "{noun} -A --now 2026-01-01T00:00:00Z --rev -5 --etcd-prefix /registry -d {path}",
            "{noun} -A --at -1h --encryption-config {encryption} --kms-keys {kms} --fp-key {fp} -d {path}",
            "{noun} -A --replay --reveal=all -d {path}",
        ],
    ),
    (
        "history",
        &[
            "{key} -d {path}",
            "{key} -o json --replay -d {path}",
            "{key} --diff -U 1 -d {path}",
            "{key} --diff --wal -o json -d {path}",
            "{key} --wal -o wide --rev -1 -d {path}",
            "{key} --carved -o wide -d {path}",
            "{key} --no-wal -o csv -d {path}",
            "{key} --audit-log {log} -d {path}",
            "{key} --from 1 --to 1000000 --io read -d {path}",
            "{key} --at -1s -d {path}",
            "{noun} -A --diff --etcd-prefix /registry -d {path}",
            "{noun} -n kube-system -o csv --encryption-config {encryption} --kms-keys {kms} --fp-key {fp} -d {path}",
            "{key} --diff --reveal -d {path}",
        ],
    ),
    (
        "diff",
        &[
            "{key} -d {path}",
            "{path}",
            "{path} {other} --stat",
            "{path} --from 1 --to latest -o json",
            "{path} --from -1h --to -1s -n kube-system",
            "{path} {noun} -A --from 2 --all -o jsonl --etcd-prefix /registry",
            "{key} --from 1 --side-by-side -U 1 -d {path}",
            "{key} --from 1 --external=true -d {path}",
            "{path} --from 1 --carved --stat",
            "{path} --from 1 --replay -o csv",
            "{path} {other} -o json --encryption-config {encryption} --kms-keys {kms} --fp-key {fp}",
            "{key} --from 1 --reveal -d {path}",
        ],
    ),
    (
        "blame",
        &[
            "{key} -d {path}",
            "{key} -o json --reveal -d {path}",
            "{key} --rev -1 -o wide --etcd-prefix /registry -d {path}",
            "{key} --at -1s --replay -d {path}",
            "{key} --audit-log {log} -d {path}",
            "{noun}/x -n kube-system --encryption-config {encryption} --kms-keys {kms} --fp-key {fp} -d {path}",
            "{noun}/x -A -d {path}",
        ],
    ),
    (
        "timeline",
        &[
            "{path}",
            "--all -o json {path}",
            "--since -1h --until -1s -n kube-system -o csv {path}",
            "--kind put,delete --bucket 10s --etcd-prefix /registry -o jsonl {path}",
            "--format timesketch --replay {path}",
            "--format bodyfile --reveal=all {path}",
            "--audit-log {log} --etcd-log {log} -o wide {path}",
            "--encryption-config {encryption} --kms-keys {kms} --fp-key {fp} {path}",
        ],
    ),
    (
        "changes",
        &[
            "{path}",
            "--last 3 --all -o json {path}",
            "--audit-log {log} --ops range,expire {path}",
            "--since -1h --until -1s --ops create,delete -o wide {path}",
            "--by who -o csv {path}",
            "--by namespace --columns NAME,CHANGES --sort-by -CHANGES --limit 3 {path}",
            "-n kube-system --etcd-prefix /registry --reveal=all {path}",
            "--last 5 --encryption-config {encryption} --kms-keys {kms} --fp-key {fp} -o jsonl {path}",
        ],
    ),
    (
        "wal",
        &[
            "{path}",
            "--all -o wide {path}",
            "--all -o json {path}",
            "--all -o hex {path}",
            "--all -o raw {path}",
            "--all --reveal -o hex {path}",
            "--terms {path}",
            "--terms -o json {path}",
            "--segments {path}",
            "--raw {path}",
            "--raw -o json {path}",
            "--key {key} --type put -o jsonl {path}",
            "--index 1..50 -o yaml {path}",
        ],
    ),
    ("snap", &["{path}", "-o json {path}"]),
    (
        "page",
        &[
            "{path}",
            "-o json {path}",
            "--map {path}",
            "--tree {path}",
            "--tree -o json {path}",
            "--map -o json {path}",
            "--key {key} --etcd-prefix /registry {path}",
            "--diff-metas {path}",
            "--diff-metas -o json {path}",
            "{page} -d {path}",
            "{page} -o json -d {path}",
            "{page} --hex -d {path}",
            "{page} -o raw -d {path}",
            "{page} --hex --reveal -d {path}",
            "0 -d {path}",
            "1 --hex -d {path}",
        ],
    ),
    (
        "meta",
        &[
            "{path}",
            "-o json {path}",
            "--replay -o yaml {path}",
            "--encryption --rev -1 {path}",
            "--encryption --at -1h {path}",
            "--encryption --etcd-prefix /registry --encryption-config {encryption} --kms-keys {kms} {path}",
        ],
    ),
    (
        "leases",
        &["{path}", "-o json {path}", "--replay -o csv {path}"],
    ),
    (
        "space",
        &[
            "{path}",
            "-o json {path}",
            "--by namespace --metric history --top 3 --etcd-prefix /registry {path}",
            "--by prefix --quota 2GB {path}",
        ],
    ),
    (
        "hashkv",
        &[
            "{path}",
            "--replay -o json {path}",
            "--rev -1 {path}",
            "--at -1h {path}",
        ],
    ),
    (
        "check",
        &[
            "{path}",
            "-o json {path}",
            "--quick --fail-on error {path}",
            "--deep --encryption-config {encryption} --kms-keys {kms} -o jsonl {path}",
            "--only BOLT,WAL-006 --io read {path}",
            "--verbose --etcd 3.5 {path}",
            "--deep --etcd-prefix /registry -o json {path}",
        ],
    ),
    (
        "compare",
        &[
            "{path} {other}",
            "{other} {path} -o json",
            "{path} {other} --keys",
            "{path} {other} --keys -o json --encryption-config {encryption} --kms-keys {kms} --fp-key {fp}",
            "{path} {other} --keys --reveal=all",
        ],
    ),
    (
        "preflight",
        &[
            "{path} --for start --etcd 3.5",
            "{path} --for start -o json",
            "{path} --for restore",
            "{path} --for upgrade --etcd 3.6",
            "{path} {other} --for force-new-cluster",
        ],
    ),
    (
        "salvage",
        &[
            "{path} --out {new}",
            "{path} --dry-run -o json",
            "{path} {other} --stale keep --include carved --out {new} -o json",
            "{path} --rev -5 --prefix {prefix} --out {new}",
            "{path} --at -1h --resource pods -n kube-system --dry-run",
            "{path} --correct --out-dir {new} -o json",
            "{path} --correct --dry-run",
        ],
    ),
    (
        "carve",
        &[
            "{path}",
            "-o jsonl {path}",
            "--state deleted --prefix {prefix} -o wide {path}",
            "--state live-copy --state older-version --etcd-prefix /registry -o json {path}",
            "--encryption-config {encryption} --kms-keys {kms} --fp-key {fp} -o json {path}",
            "--reveal=all -o jsonl {path}",
        ],
    ),
    (
        "export",
        &[
            "-A --out - -d {path}",
            "{noun} -n kube-system -l app=web --rev -1 --out {new} -d {path}",
            "-A --owned --keep-finalizers --keep-cluster-ip --target 1.36 --secrets placeholder --out {new} -d {path}",
            "-A --deleted-since -1h --format jsonl --secrets omit --out - -d {path}",
            "-A --at -1h --replay --out {new} -o json -d {path}",
            "-A --carved --etcd-prefix /registry --encryption-config {encryption} --kms-keys {kms} --out - -d {path}",
            "-A --reveal=all --format yaml --out {new} -d {path}",
            "--format sqlite --out {new} -d {path}",
            "--format parquet --tables keys,objects,plan --values none --out {new} -d {path}",
            "--format csv --tables objects --fp-key {fp} --out {new} -d {path}",
        ],
    ),
    (
        "report",
        &[
            "{path} --out {new}",
            "{path} --at -1m --since -1h --out {new} -o json",
            "{path} {other} --full --notes {salt} --audit-log {log} --etcd-log {log} --out {new}",
            "{path} --etcd-prefix /registry --encryption-config {encryption} --kms-keys {kms} --fp-key {fp} --out {new}",
        ],
    ),
    (
        "manifest",
        &[
            "{path}",
            "{path} {other} --out {new} -o json",
            "--verify {manifest} -o json",
        ],
    ),
    (
        "redact",
        &[
            "{path} --out {new}",
            "{path} --keys --salt {salt} --etcd-prefix /registry --out {new} -o json",
        ],
    ),
    (
        "sql",
        &[
            "select*from(keys) {path}",
            "select*from(objects) -o json -d {path}",
            "select*from(fields) --encryption-config {encryption} --kms-keys {kms} --fp-key {fp} -o csv -d {path}",
            "select*from(versions) --rev -2 --etcd-prefix /registry -o yaml -d {path}",
            "select*from(wal_entries) --timeout 60 --max-memory 100MB -o tsv -d {path}",
            "select*from(managed_fields) --at -1h -o jsonl -d {path}",
            "select*from(findings) --replay -d {path}",
            "select*from(events) --reveal=all -d {path}",
        ],
    ),
    ("tables", &["", "keys -o json"]),
    (
        "search",
        &[
            "{word} {path}",
            "-F {word} -i --in keys,values,history,wal {path}",
            "{word} --prefix {prefix} --replay -o json --etcd-prefix /registry {path}",
            "{word} --rev -1 -o jsonl --encryption-config {encryption} --kms-keys {kms} --fp-key {fp} {path}",
            "{word} --at -1h {path}",
            "{word} --carved -o wide {path}",
            "{word} --carved -o jsonl {path}",
            "{word} --reveal=all {path}",
        ],
    ),
    (
        "certs",
        &[
            "{path}",
            "--expired -o json --replay {path}",
            "--within 30 --now 2026-01-01T00:00:00Z --etcd-prefix /registry {path}",
            "--rev -1 --encryption-config {encryption} --kms-keys {kms} {path}",
            "--at -1h {path}",
        ],
    ),
    // A terminal of its own: tested with the screens (tests/tui). Here there is none, and it says so.
    (
        "tui",
        &[
            "{path}",
            "--rev -1 --screen 5 --key {key} --no-mouse --encryption-config {encryption} --kms-keys {kms} --fp-key {fp} {path}",
            "--replay --theme dark --export-dir {out} --audit-log {log} -d {path}",
            "--reveal=all {path}",
        ],
    ),
    // A stored value: the evidence itself is none, and hostile bytes nevertheless.
    (
        "decode",
        &[
            "{file}",
            "--lines {file}",
            "--unknown -o json --key {key} --encryption-config {encryption} --kms-keys {kms} {file}",
            "-o hex {file}",
        ],
    ),
    (
        "serve",
        &[
            "--for 1s {path}",
            "--for 1s --listen 127.0.0.1:0 --token secret-of-this-run --rev latest --reveal --fp-key {fp} {path}",
            "--for 1s --replay --kubeconfig {new} --etcd-prefix /registry {path} {other}",
            "--for 1s --etcd --scratch {path}",
            "--mcp {path}",
            "--for 1s --at -1h --context now=latest --reveal=all --encryption-config {encryption} --kms-keys {kms} {path}",
        ],
    ),
    // These read no evidence.
    ("completions", &["bash"]),
    (
        "doctor",
        &[
            "-d {path} --progress never --color never --utc",
            "--bundle {new}.tar.zst -o json {path}",
            "--bundle {new}.tar.zst {path} {other}",
        ],
    ),
    (
        "explain",
        &["DIR-009", "-o json BOLT-001 -q --ascii --local --no-config"],
    ),
    ("help", &["", "status"]),
    ("man", &["", "--out {out}", "--force --out {out}"]),
    ("version", &["", "-o json"]),
];

/// `{log}`: a request of an audit log, a line of etcd's, and a line of neither.
const LOG: &str = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"1","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/ns3/things/k8","verb":"patch","user":{"username":"alice"},"objectRef":{"resource":"things","namespace":"ns3","name":"k8"},"responseStatus":{"code":200},"requestReceivedTimestamp":"2026-01-01T00:00:00.000000Z","stageTimestamp":"2026-01-01T00:00:00.100000Z"}
{"level":"warn","ts":"2026-01-01T00:00:00.000Z","msg":"apply request took too long","took":"1s"}
nothing"#;

/// `{manifest}`: of nothing.
const MANIFEST: &str = r#"{"schema":"etcd-inspect/manifest/v1","tool":"etcd-inspect","host":{"time":"2026-01-01T00:00:00Z","system":"linux"},"evidence":[],"files":0,"bytes":0}"#;

/// What the lines ask about.
#[derive(Clone, Debug)]
pub struct Subject<'s> {
    /// `{path}`: the evidence.
    pub path: &'s Path,
    /// `{other}`: what it is compared with.
    pub other: &'s Path,
    /// `{file}`: one file of it.
    pub file: &'s Path,
    /// `{key}`: a key, as the command line takes it.
    pub key: &'s str,
    /// `{prefix}`: keys to list.
    pub prefix: &'s str,
    /// `{noun}`: a Kubernetes resource.
    pub noun: &'s str,
    /// `{word}`: what to search for.
    pub word: &'s str,
    /// `{page}`: a page of the db.
    pub page: &'s str,
    /// A folder outside of the evidence, for `{out}`, and for the key files that flags name.
    pub outside: &'s Path,
}

impl<'s> Subject<'s> {
    /// The usual questions.
    #[must_use]
    pub fn new(path: &'s Path, file: &'s Path, outside: &'s Path) -> Self {
        Self {
            path,
            other: path,
            file,
            key: "/registry/things/ns3/k8",
            prefix: "/registry/",
            noun: "pods",
            word: "things",
            page: "5",
            outside,
        }
    }

    /// The command lines without the program's name: each way of asking each verb of `binary`.
    ///
    /// # Panics
    /// Where a verb of the binary, or a flag of one, has no row.
    #[must_use]
    #[track_caller]
    pub fn lines(&self, binary: &str) -> Vec<Vec<String>> {
        rows_are_complete(binary);
        key_files(self.outside);
        ROWS.iter()
            .flat_map(|(verb, rows)| rows.iter().map(move |row| (*verb, *row)))
            .enumerate()
            .map(|(at, (verb, row))| self.line(at, verb, row))
            .collect()
    }

    fn line(&self, at: usize, verb: &str, row: &str) -> Vec<String> {
        static NEW: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let out = self.outside.join(format!("out{at}"));
        let number = NEW.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let new = self.outside.join(format!("new{number}"));
        if row.contains("{out}") {
            std::fs::create_dir_all(&out).expect("a folder outside");
            let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
            std::fs::set_permissions(&out, open).expect("its mode");
        }
        let text = |path: &Path| path.to_str().expect("a path in UTF-8").to_owned();
        let fill = [
            ("{path}", text(self.path)),
            ("{other}", text(self.other)),
            ("{file}", text(self.file)),
            ("{key}", self.key.to_owned()),
            ("{prefix}", self.prefix.to_owned()),
            ("{noun}", self.noun.to_owned()),
            ("{word}", self.word.to_owned()),
            ("{page}", self.page.to_owned()),
            ("{out}", text(&out)),
            ("{new}", text(&new)),
            ("{encryption}", text(&self.outside.join("encryption.yaml"))),
            ("{kms}", text(&self.outside.join("kms.yaml"))),
            ("{log}", text(&self.outside.join("audit.log"))),
            ("{fp}", text(&self.outside.join("fp.key"))),
            ("{salt}", text(&self.outside.join("salt"))),
            ("{manifest}", text(&self.outside.join("manifest.json"))),
        ];
        // Each word is one argument, whatever replaces it.
        let word = |word: &str| {
            let filled = fill
                .iter()
                .find_map(|(name, value)| Some(format!("{value}{}", word.strip_prefix(name)?)));
            filled.unwrap_or_else(|| word.to_owned())
        };
        std::iter::once(verb.to_owned())
            .chain(row.split_whitespace().map(word))
            .collect()
    }
}

/// Every line with `HOSTILE=all`; else every `n`th, beginning with another one at each `turn`.
pub fn sample(lines: Vec<Vec<String>>, turn: usize, n: usize) -> Vec<Vec<String>> {
    let n = if everything() { 1 } else { n };
    lines.into_iter().skip(turn % n).step_by(n).collect()
}

/// Whether `HOSTILE=all` asks for the whole matrix instead of a sample.
#[must_use]
pub fn everything() -> bool {
    std::env::var_os("HOSTILE").is_some_and(|value| value == "all")
}

/// Whether a line may end with 2 on healthy evidence: no terminal is here, and no file of evidence is a stored value.
#[must_use]
pub fn may_be_refused(line: &[String]) -> bool {
    line.first()
        .is_some_and(|verb| verb == "tui" || verb == "decode")
        // A folder that has no log is not taken for one.
        || line.iter().any(|word| word == "--wal-dir")
}

/// Runs `each` for every item, as many at a time as there are cores. A panic stops its own item only.
///
/// # Panics
/// At the end, with the messages of the first panics.
#[track_caller]
pub fn on_all_cores<T: Send>(items: Vec<T>, each: impl Fn(T) + Sync) {
    let queue = Mutex::new(items.into_iter());
    let failed = Mutex::new(Vec::new());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        while let Some(item) = next() {
            let done = catch_unwind(AssertUnwindSafe(|| each(item)));
            if let Err(cause) = done {
                let said = cause.downcast_ref::<String>().cloned();
                let said = said.or_else(|| cause.downcast_ref::<&str>().map(|&said| said.into()));
                let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                failed.push(said.unwrap_or_default());
            }
        }
    };
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores.min(8) {
            scope.spawn(work);
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    let first: Vec<_> = failed.iter().take(20).map(String::as_str).collect();
    assert!(
        failed.is_empty(),
        "{} failed:\n{}",
        failed.len(),
        first.join("\n\n")
    );
}

/// Whether a line asks to see secrets.
#[must_use]
pub fn reveals(line: &[String]) -> bool {
    line.iter().any(|word| word.starts_with("--reveal"))
}

/// Whether a line reads evidence at all.
#[must_use]
pub fn reads_evidence(line: &[String]) -> bool {
    let others = ["completions", "explain", "help", "man", "tables", "version"];
    if line.iter().any(|word| word == "--verify") {
        return false;
    }
    line.first()
        .is_some_and(|verb| !others.contains(&verb.as_str()))
}

/// A key for each flag that takes a file of keys.
fn key_files(folder: &Path) {
    let secret = "c2l4dGVlbiBvY3RldHMgMQ==";
    let config = format!(
        "kind: EncryptionConfiguration\napiVersion: apiserver.config.k8s.io/v1\nresources:\n- resources: [secrets]\n  \
         providers:\n  - aescbc:\n      keys:\n      - name: key1\n        secret: {secret}\n  - identity: {{}}\n"
    );
    let kms = format!("keks:\n- key: {secret}\n");
    for (name, text) in [
        ("encryption.yaml", config.as_str()),
        ("kms.yaml", kms.as_str()),
        ("fp.key", "a key of ours"),
        ("audit.log", LOG),
        ("salt", "sixteen bytes are enough"),
        ("manifest.json", MANIFEST),
    ] {
        std::fs::write(folder.join(name), text).expect("a file of keys");
    }
}

/// Compares the rows with the binary's own help.
#[track_caller]
fn rows_are_complete(binary: &str) {
    static ASKED: std::sync::OnceLock<()> = std::sync::OnceLock::new();
    if ASKED.get().is_some() {
        return;
    }
    let verbs = listed(&help(binary, &["help"]));
    let known: BTreeSet<String> = ROWS.iter().map(|(verb, _)| (*verb).to_owned()).collect();
    assert_eq!(
        verbs, known,
        "a row for every verb: tests/support/src/verbs.rs"
    );
    let mut missing = Vec::new();
    let asked = |rows: &[&str], (short, long): &(Option<String>, String)| {
        rows.iter()
            .flat_map(|row| row.split_whitespace())
            .any(|word| {
                let name = word.split('=').next().unwrap_or(word);
                name == long || Some(name) == short.as_deref()
            })
    };
    let all: Vec<&str> = ROWS
        .iter()
        .flat_map(|(_, rows)| rows.iter().copied())
        .collect();
    for (verb, rows) in ROWS.iter().filter(|(verb, _)| *verb != "help") {
        let text = help(binary, &[verb, "--help"]);
        let (own, global) = text.split_once("Global flags").unwrap_or((&text, ""));
        for flag in flags(own).filter(|flag| flag.1 != "--help") {
            if !asked(rows, &flag) {
                missing.push(format!("{verb} {}", flag.1));
            }
        }
        for flag in flags(global).filter(|flag| !asked(&all, flag)) {
            missing.push(flag.1);
        }
    }
    missing.sort();
    missing.dedup();
    assert!(
        missing.is_empty(),
        "flags without a row in tests/support/src/verbs.rs: {missing:?}"
    );
    let _ = ASKED.set(());
}

fn help(binary: &str, arguments: &[&str]) -> String {
    let output = Command::new(binary)
        .args(arguments)
        .env_clear()
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs");
    String::from_utf8(output.stdout).expect("help in UTF-8")
}

/// The verbs that `help` lists, and those that it only names.
fn listed(help: &str) -> BTreeSet<String> {
    let more = help
        .lines()
        .find_map(|line| line.strip_prefix("More verbs: "));
    let more = more.unwrap_or_default().split_whitespace();
    help.lines()
        .skip_while(|line| *line != "Verbs:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        // Continued descriptions are indented further.
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .chain(more)
        .map(str::to_owned)
        .collect()
}

/// The long flags of a verb, those of every verb among them.
#[must_use]
pub fn long_flags(binary: &str, verb: &str) -> Vec<String> {
    let text = help(binary, &[verb, "--help"]);
    flags(&text).map(|(_, long)| long).collect()
}

/// The flags that a help text describes: `  -n, --namespace <NS>`.
fn flags(help: &str) -> impl Iterator<Item = (Option<String>, String)> {
    help.lines().filter_map(|line| {
        let line = line.trim_start();
        let (short, rest) = match line.split_once(", ") {
            Some((short, rest)) if short.len() == 2 && short.starts_with('-') => {
                (Some(short.to_owned()), rest)
            }
            _ => (None, line),
        };
        let long = rest.strip_prefix("--")?;
        let end = long.find(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        Some((short, format!("--{}", &long[..end.unwrap_or(long.len())])))
    })
}
