//! What is written: everything that leaves a trace of its own in the store.

use serde_json::json;
use testkit::etcd::Server;

/// Puts, overwrites, deletes, ranges, transactions within transactions, leases granted and revoked, large, empty and binary
/// values and keys, a compaction, users and roles with auth on, and writes after all of it.
pub fn write(server: &mut Server) {
    use base64::Engine;
    let b64 = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let put = |key: &[u8], value: &[u8]| {
        server.post("/v3/kv/put", &json!({"key": b64(key), "value": b64(value)}))
    };
    for n in 0..60u32 {
        put(
            format!("/app/{:02}", n % 13).as_bytes(),
            format!("value {n} ").repeat(n as usize % 7 + 1).as_bytes(),
        );
        put(&[0xFF, (n % 5) as u8, 0, b'\n'], &n.to_le_bytes());
    }
    server.ctl(&["put", "/empty", ""]);
    server.ctl_with(&["put", "/large"], &vec![b'L'; 1_400_000]);
    server.ctl(&["del", "/app/03"]);
    server.ctl(&["put", "/app/03", "again"]);
    server.ctl(&["del", "/app/1", "--prefix"]);
    server.ctl(&["del", "/never"]);
    let text = "value(\"/app/00\") = \"no\"\n\nput /txn/success 1\n\nput /txn/failure 1\nput /txn/failure2 \"2\"\ndel /app/05\n\n";
    server.ctl_with(&["txn"], text.as_bytes());
    let request_put = |key: &str, value: &str| json!({"requestPut": {"key": b64(key.as_bytes()), "value": b64(value.as_bytes())}});
    let nested = json!({"requestTxn": {
        "compare": [{"target": "VERSION", "result": "GREATER", "key": b64(b"/app/00"), "version": "0"}],
        "success": [request_put("/txn/deep", "1"), {"requestDeleteRange": {"key": b64(b"/app/06"), "range_end": b64(b"/app/08")}}],
        "failure": [request_put("/txn/wrong", "1")],
    }});
    let compare = json!([{"target": "CREATE", "result": "EQUAL", "key": b64(b"/absent"), "createRevision": "0"}]);
    for n in 0..3 {
        let ops = json!([
            request_put("/txn/a", &n.to_string()),
            nested,
            request_put("/txn/b", "x")
        ]);
        let _ = server.post("/v3/kv/txn", &json!({"compare": compare, "success": ops}));
    }
    let lease = |ttl: &str| {
        server
            .ctl(&["lease", "grant", ttl])
            .split(' ')
            .nth(1)
            .expect("an id")
            .to_owned()
    };
    let (kept, revoked) = (lease("86400"), lease("3600"));
    server.ctl(&["put", "/leased/kept", "1", &format!("--lease={kept}")]);
    for name in ["/leased/gone/1", "/leased/gone/2"] {
        server.ctl(&["put", name, "1", &format!("--lease={revoked}")]);
    }
    server.ctl(&["put", "/leased/detached", "1", &format!("--lease={kept}")]);
    server.ctl(&["put", "/leased/detached", "2"]);
    server.ctl(&["lease", "revoke", &revoked]);
    let revision = server.json(&["endpoint", "status"])[0]["Status"]["header"]["revision"]
        .as_u64()
        .expect("a revision");
    server.ctl(&["compact", &(revision - 20).to_string(), "--physical"]);
    put(b"/after/compaction", b"1");
    server.ctl(&["put", "/leased/kept", "2", "--ignore-lease"]);
    server.ctl(&[
        "put",
        "/app/00",
        "--ignore-value",
        &format!("--lease={kept}"),
    ]);
    for arguments in [
        &["user", "add", "root:toor"][..],
        &["user", "add", "reader:secret"],
        &["role", "add", "root"],
        &["role", "add", "reading"],
        &[
            "role",
            "grant-permission",
            "reading",
            "read",
            "/app/",
            "--prefix",
        ],
        &["user", "grant-role", "root", "root"],
        &["user", "grant-role", "reader", "reading"],
        &["auth", "enable"],
    ] {
        server.ctl(arguments);
    }
    server.log_in("root:toor");
    for n in 0..10 {
        server.ctl(&["put", &format!("/late/{}", n % 4), &n.to_string()]);
    }
    server.ctl(&["del", "/late/2"]);
}
