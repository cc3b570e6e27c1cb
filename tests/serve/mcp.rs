//! An agent speaks the Model Context Protocol with `serve --mcp`, in raw JSON-RPC.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use testkit::{Seal, data_dir, fixture_copy};

const K8S: &str = "k8s-1.20-etcd35";

struct Agent {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
    number: u64,
}

impl Agent {
    fn start() -> Self {
        let mut agent = Self::spawn(&data_dir(K8S));
        agent.greet();
        agent
    }

    fn spawn(evidence: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_etcd-inspect"))
            .args(["serve", "--mcp"])
            .arg(evidence)
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let out = BufReader::new(child.stdout.take().expect("a pipe"));
        Self {
            child,
            out,
            number: 0,
        }
    }

    fn greet(&mut self) {
        let client = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}});
        let hello = self.ask("initialize", &client);
        assert_eq!(
            hello["result"]["serverInfo"]["name"], "etcd-inspect",
            "{hello}"
        );
        self.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string());
    }

    fn send(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().expect("a pipe");
        writeln!(stdin, "{line}").expect("it reads");
    }

    fn receive(&mut self) -> Value {
        let mut line = String::new();
        assert!(
            self.out.read_line(&mut line).expect("it answers") > 0,
            "it ended"
        );
        serde_json::from_str(&line).expect("JSON alone is on standard output")
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.number += 1;
        let id = self.number;
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        self.send(&request.to_string());
        loop {
            let answer = self.receive();
            if answer["id"] == id {
                return answer;
            }
        }
    }

    fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        let answer = self.ask("tools/call", &json!({"name": tool, "arguments": arguments}));
        answer["result"]["structuredContent"].clone()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let ended = self.child.wait().expect("it ends");
        assert!(std::thread::panicking() || ended.success());
    }
}

#[test]
fn an_agent_asks_every_tool_and_never_sees_a_secret() {
    let seal = Seal::read(&data_dir(K8S));
    let mut agent = Agent::start();
    let tools = agent.ask("tools/list", &json!({}))["result"]["tools"].clone();
    let tools: Vec<Value> = tools.as_array().expect("tools").clone();
    assert!(
        tools.len() >= 11
            && tools
                .iter()
                .all(|tool| tool["inputSchema"]["type"] == "object")
    );
    for (tool, arguments, expected) in [
        ("status", json!({}), "etcd-inspect/status/v1"),
        ("check", json!({}), "etcd-inspect/check/v1"),
        (
            "plan",
            json!({"goal": "start"}),
            "etcd-inspect/preflight/v1",
        ),
        ("keys", json!({}), "pods"),
        (
            "list_keys",
            json!({"prefix": "/registry/pods/prod/"}),
            "/registry/pods/prod/",
        ),
        (
            "get",
            json!({"what": "deploy", "namespace": "prod"}),
            "\"kind\":\"Deployment\"",
        ),
        (
            "history",
            json!({"what": "deploy/web", "namespace": "prod"}),
            "etcd-inspect/history/v1",
        ),
        ("changes", json!({}), "etcd-inspect/changes/v1"),
        (
            "diff",
            json!({"what": "deploy/web", "namespace": "prod"}),
            "schema",
        ),
        (
            "search",
            json!({"pattern": "web", "fixed": true}),
            "etcd-inspect/search/v1",
        ),
        ("wal_terms", json!({}), "etcd-inspect/wal/v1"),
        ("explain", json!({"code": "BOLT-001"}), "BOLT-001"),
    ] {
        let answer = agent.call(tool, &arguments);
        assert!(answer.to_string().contains(expected), "{tool}: {answer}");
    }
    let secrets = agent
        .call("get", &json!({"what": "secrets", "all_namespaces": true}))
        .to_string();
    assert!(
        secrets.contains("••••") && !secrets.contains("eyJhbGciOi"),
        "{secrets}"
    );
    let refused = agent.ask(
        "tools/call",
        &json!({"name": "get", "arguments": {"what": "secrets", "reveal": true}}),
    );
    assert!(refused["error"].is_object(), "{refused}");
    drop(agent);
    seal.assert_unchanged();
}

/// An answer to its last part: rows of all of them.
fn rows(agent: &mut Agent, tool: &str, arguments: &Value) -> Vec<Value> {
    let (mut rows, mut arguments) = (Vec::new(), arguments.clone());
    loop {
        let answer = agent.call(tool, &arguments);
        assert!(answer.to_string().len() < 64 << 10, "{tool}");
        assert_eq!(answer["partial"], false, "{tool}");
        rows.extend(answer["answer"]["rows"].as_array().expect("rows").clone());
        match &answer["nextCursor"] {
            Value::Null => return rows,
            next => arguments["cursor"] = next.clone(),
        }
    }
}

/// The rows as text, without fingerprints of hidden values: each process has a key of its own for them.
fn without_fingerprints(rows: &[Value]) -> String {
    let text = Value::from(rows.to_vec()).to_string();
    let parts = text.split("fp ");
    let parts = parts.enumerate().map(|(number, part)| match number {
        0 => part,
        _ => part.get(8..).unwrap_or_default(),
    });
    parts.collect()
}

#[test]
fn the_parts_of_a_long_answer_are_together_that_of_the_command_line() {
    let mut agent = Agent::start();
    for (tool, arguments, words) in [
        (
            "list_keys",
            json!({"prefix": "/registry/"}),
            &["keys", "--prefix=/registry/"][..],
        ),
        ("changes", json!({"last": 0}), &["changes", "--last=0"]),
        ("search", json!({"pattern": "nginx"}), &["search", "nginx"]),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_etcd-inspect"))
            .args(words)
            .args(["-o", "json", "--no-config", "-d"])
            .arg(data_dir(K8S))
            .output()
            .expect("the binary runs");
        let whole: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let whole = whole["rows"].as_array().expect("rows");
        assert!(whole.len() > 100, "{tool}");
        let parts = rows(&mut agent, tool, &arguments);
        assert!(
            without_fingerprints(&parts) == without_fingerprints(whole),
            "{tool}"
        );
    }
}

#[test]
fn what_is_no_message_and_what_is_no_question_have_the_error_codes_of_json_rpc() {
    let mut agent = Agent::spawn(&data_dir(K8S));
    // Before the first message of the protocol, too.
    agent.send("{\"jsonrpc\": ");
    assert_eq!(agent.receive()["error"]["code"], -32700);
    agent.greet();
    for (line, code) in [
        ("{\"jsonrpc\": ", -32700),
        ("no JSON", -32700),
        ("[]", -32600),
        ("{\"id\": 900, \"method\": \"ping\"}", -32600),
    ] {
        agent.send(line);
        assert_eq!(agent.receive()["error"]["code"], code, "{line}");
    }
    for (method, params, code) in [
        ("nosuch", json!({}), -32601),
        ("resources/list", json!({}), -32601),
        ("tools/call", json!([1]), -32602),
        ("tools/call", json!({"name": 5}), -32602),
        ("tools/call", json!({"name": "nosuch"}), -32602),
        (
            "tools/call",
            json!({"name": "get", "arguments": []}),
            -32602,
        ),
        (
            "tools/call",
            json!({"name": "get", "arguments": {}}),
            -32602,
        ),
        (
            "tools/call",
            json!({"name": "get", "arguments": {"what": 5}}),
            -32602,
        ),
        (
            "tools/call",
            json!({"name": "get", "arguments": {"what": "pods", "reveal": true}}),
            -32602,
        ),
        (
            "tools/call",
            json!({"name": "status", "arguments": {"cursor": "x"}}),
            -32602,
        ),
        (
            "tools/call",
            json!({"name": "status", "arguments": {"cursor": "99999"}}),
            -32602,
        ),
        (
            "tools/call",
            json!({"name": "status", "arguments": {"source": "nosuch"}}),
            -32602,
        ),
        (
            "tools/call",
            json!({"name": "status", "arguments": {"source": 5}}),
            -32602,
        ),
    ] {
        let answer = agent.ask(method, &params);
        assert_eq!(answer["error"]["code"], code, "{method} {params}: {answer}");
    }
    // It still answers.
    assert_eq!(agent.call("status", &json!({}))["exit"], 0);
}

/// Every step that an answer names.
fn steps(value: &Value, found: &mut Vec<Value>) {
    match value {
        Value::Object(fields)
            if fields.contains_key("tool") || fields.contains_key("by_a_person") =>
        {
            found.push(value.clone());
        }
        Value::Object(fields) => fields.values().for_each(|field| steps(field, found)),
        Value::Array(items) => items.iter().for_each(|item| steps(item, found)),
        _ => {}
    }
}

#[test]
fn the_steps_of_an_answer_are_calls_that_an_agent_can_make_and_damage_is_in_every_answer() {
    let copy = fixture_copy(K8S);
    let db = copy.data_dir().join("member/snap/db");
    let mut bytes = std::fs::read(&db).expect("a db");
    for page in [300, 500, 700] {
        bytes[page * 4096..(page + 1) * 4096].fill(0);
    }
    std::fs::write(&db, bytes).expect("written");
    let mut agent = Agent::spawn(&copy.data_dir());
    agent.greet();
    let deployment = json!({"what": "deploy/web", "namespace": "prod"});
    let mut asked = std::collections::BTreeSet::new();
    for (tool, arguments) in [
        ("status", json!({})),
        ("keys", json!({})),
        ("list_keys", json!({"prefix": "/registry/pods/"})),
        ("get", json!({"what": "deploy/wep", "namespace": "prod"})),
        ("history", deployment.clone()),
        ("blame", deployment.clone()),
        ("diff", deployment),
        ("changes", json!({})),
        ("timeline", json!({})),
        ("search", json!({"pattern": "web"})),
    ] {
        let answer = agent.call(tool, &arguments);
        let damage = answer["damage"].as_str().unwrap_or_default();
        assert!(
            answer["partial"] == true && !damage.is_empty(),
            "{tool}: {answer}"
        );
        assert!(
            answer["notes"]
                .as_array()
                .is_some_and(|notes| !notes.is_empty()),
            "{tool}"
        );
        let mut found = Vec::new();
        steps(&answer, &mut found);
        assert!(
            found.iter().any(|step| step["tool"] == "check"),
            "{tool}: {found:?}"
        );
        asked.extend(found.iter().map(Value::to_string));
    }
    let mut found = Vec::new();
    steps(&agent.call("check", &json!({})), &mut found);
    asked.extend(found.iter().map(Value::to_string));
    let made: Vec<Value> = asked
        .iter()
        .map(|step| serde_json::from_str(step).expect("JSON"))
        .collect();
    let made = made
        .iter()
        .filter(|step| step["tool"].is_string() && step["fill_in"].is_null());
    for step in made {
        let tool = step["tool"].as_str().unwrap_or_default();
        let answer = agent.ask(
            "tools/call",
            &json!({"name": tool, "arguments": step["arguments"]}),
        );
        assert_eq!(answer["result"]["isError"], false, "{step}: {answer}");
    }
}

/// The same value in two answers of one session has the same fingerprint, and in another session another.
#[test]
fn fingerprints_are_comparable_within_a_session() {
    let fingerprints = |agent: &mut Agent| -> Vec<String> {
        let calls = [
            json!({"what": "secrets", "all_namespaces": true}),
            json!({"what": "secrets", "namespace": "default"}),
            json!({"what": "secrets", "all_namespaces": true}),
        ];
        let of_call = |arguments: &Value| {
            let text = agent.call("get", arguments).to_string();
            let parts = text.split("fp ").skip(1);
            parts
                .map(|part| part.chars().take(8).collect())
                .collect::<Vec<String>>()
        };
        let [all, some, again] = calls.each_ref().map(of_call);
        assert!(!all.is_empty() && !some.is_empty());
        assert_eq!(all, again);
        assert!(some.iter().all(|one| all.contains(one)), "{some:?} {all:?}");
        all
    };
    let first = fingerprints(&mut Agent::start());
    assert_ne!(first, fingerprints(&mut Agent::start()));
}
