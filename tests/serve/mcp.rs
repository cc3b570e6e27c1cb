//! An agent speaks the Model Context Protocol with `serve --mcp`, in raw JSON-RPC.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use testkit::{Seal, data_dir};

const K8S: &str = "k8s-1.20-etcd35";

struct Agent {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
    number: u64,
}

impl Agent {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_etcd-inspect"))
            .args(["serve", "--mcp"])
            .arg(data_dir(K8S))
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let out = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut agent = Self {
            child,
            out,
            number: 0,
        };
        let client = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}});
        let hello = agent.ask("initialize", &client);
        assert_eq!(
            hello["result"]["serverInfo"]["name"], "etcd-inspect",
            "{hello}"
        );
        agent.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        agent
    }

    fn send(&mut self, message: &Value) {
        let stdin = self.child.stdin.as_mut().expect("a pipe");
        writeln!(stdin, "{message}").expect("it reads");
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.number += 1;
        let id = self.number;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        loop {
            let mut line = String::new();
            assert!(
                self.out.read_line(&mut line).expect("it answers") > 0,
                "it ended"
            );
            let answer: Value =
                serde_json::from_str(&line).expect("JSON alone is on standard output");
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

#[test]
fn a_long_answer_comes_in_parts() {
    let mut agent = Agent::start();
    let (mut keys, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let answer = agent.call(
            "list_keys",
            &json!({"prefix": "/registry/", "cursor": cursor}),
        );
        assert!(answer.to_string().len() < 64 << 10);
        keys.extend(answer["answer"]["rows"].as_array().expect("rows").clone());
        match &answer["nextCursor"] {
            Value::Null => break,
            next => cursor = next.clone(),
        }
    }
    assert!(keys.len() > 1000, "{}", keys.len());
    let first: std::collections::BTreeSet<String> = keys.iter().map(Value::to_string).collect();
    assert_eq!(first.len(), keys.len());
}
