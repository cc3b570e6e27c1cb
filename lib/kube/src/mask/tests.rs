//! What is hidden and what is not.

use serde_json::json;

use super::*;

fn mask() -> Mask {
    Mask::new(b"test")
}

#[test]
fn equal_values_have_equal_fingerprints_and_another_run_has_others() {
    assert_eq!(mask().hidden(b"x"), mask().hidden(b"x"));
    assert_ne!(mask().hidden(b"x"), mask().hidden(b"y"));
    assert_ne!(mask().hidden(b"x"), Mask::new(b"other").hidden(b"x"));
    assert_eq!(
        mask().hidden(b"x").chars().count(),
        "•••• fp 9c41e07a".chars().count()
    );
}

#[test]
fn a_secret_shows_names_but_no_values_not_even_in_its_annotations() {
    let applied = json!({"kind": "Secret", "data": {"password": "aHVudGVyMg=="}}).to_string();
    let mut list = json!({"kind": "List", "items": [{
        "kind": "Secret", "apiVersion": "v1", "type": "Opaque",
        "metadata": {"name": "web", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": applied}},
        "data": {"password": "aHVudGVyMg==", "broken": "%%"}, "stringData": {"a": "hunter2", "n": 1},
    }]});
    mask().object(&mut list);
    let text = list.to_string();
    assert!(
        !text.contains("hunter2") && !text.contains("aHVudGVyMg") && !text.contains("%%"),
        "{text}"
    );
    assert!(text.contains("\"web\"") && text.contains("Opaque"));
    let item = &list["items"][0];
    assert_eq!(item["data"]["password"], item["stringData"]["a"]);
    // By field, and not twice.
    let copy = &item["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"];
    assert!(
        copy.as_str().is_some_and(|copy| copy.starts_with('{')),
        "{copy}"
    );
    let again = list.clone();
    mask().object(&mut list);
    assert_eq!(list, again);
}

#[test]
fn a_broken_copy_of_a_secret_is_hidden_whole() {
    let mut secret = json!({"kind": "Secret", "metadata": {"annotations": {
        "kubectl.kubernetes.io/last-applied-configuration": "{\"kind\":\"Secret\",\"data\":{\"a\":\"c2VjcmV0\""}}});
    mask().object(&mut secret);
    assert!(!secret.to_string().contains("c2VjcmV0"));
}

#[test]
fn texts_lose_passwords_and_tokens_and_nothing_else() {
    let jwt = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlcm5ldGVzIn0.c2lnbmF0dXJl";
    let mut object = json!({"kind": "ConfigMap", "data": {
        "url": "amqp://u:pw-1@host:5672/v and https://x:pw-2@y",
        "header": format!("Bearer {jwt}"),
        "join": "token: abcdef.0123456789abcdef",
        ".dockerconfigjson": "{\"auths\":{}}",
        "image": "docker-pullable://registry:5000/web@sha256:1234",
        "event": "webapp.18e9ea9547479433",
        "plain": "http://host:80/",
    }});
    mask().object(&mut object);
    let data = &object["data"];
    assert_eq!(
        data["url"],
        format!(
            "amqp://u:{}@host:5672/v and https://x:{}@y",
            mask().hidden(b"pw-1"),
            mask().hidden(b"pw-2")
        )
    );
    assert_eq!(
        data["header"],
        format!("Bearer {}", mask().hidden(jwt.as_bytes()))
    );
    assert_eq!(
        data["join"],
        format!("token: {}", mask().hidden(b"abcdef.0123456789abcdef"))
    );
    assert_eq!(data[".dockerconfigjson"], mask().hidden(b"{\"auths\":{}}"));
    assert_eq!(
        data["image"],
        "docker-pullable://registry:5000/web@sha256:1234"
    );
    assert_eq!(data["event"], "webapp.18e9ea9547479433");
    assert_eq!(data["plain"], "http://host:80/");
}

#[test]
fn private_keys_and_passwords_of_connections_are_hidden_wherever_they_are() {
    let pem = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIB\n-----END EC PRIVATE KEY-----";
    let encoded = STANDARD.encode(pem);
    let certificate =
        STANDARD.encode("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----");
    let mut object = json!({"kind": "Gateway", "apiVersion": "example.com/v1", "spec": {
        "key": format!("a\n{pem}\nb"), "encoded": encoded, "ca": certificate,
        "torn": "-----BEGIN PRIVATE KEY-----\nMHcC",
        "dsn": "host=db user=web password=hunter2 sslmode=off",
        "jdbc": "jdbc:pg://db/x?user=u&password=hunter3&ssl=true",
        "odbc": "Server=db;Uid=u;Pwd=hunter4;",
        "reference": "password=$(DB_PASSWORD)", "named": "--password-file=/run/x", "cwd": "PWD=/srv",
    }});
    mask().object(&mut object);
    let spec = &object["spec"];
    assert_eq!(
        spec["key"],
        format!("a\n{}\nb", mask().hidden(pem.as_bytes()))
    );
    assert_eq!(spec["encoded"], mask().hidden(encoded.as_bytes()));
    assert_eq!(spec["ca"], certificate);
    assert_eq!(
        spec["torn"],
        mask().hidden(b"-----BEGIN PRIVATE KEY-----\nMHcC")
    );
    assert_eq!(
        spec["dsn"],
        format!(
            "host=db user=web password={} sslmode=off",
            mask().hidden(b"hunter2")
        )
    );
    assert_eq!(
        spec["jdbc"],
        format!(
            "jdbc:pg://db/x?user=u&password={}&ssl=true",
            mask().hidden(b"hunter3")
        )
    );
    assert_eq!(
        spec["odbc"],
        format!("Server=db;Uid=u;Pwd={};", mask().hidden(b"hunter4"))
    );
    assert_eq!(spec["reference"], "password=$(DB_PASSWORD)");
    assert_eq!(spec["named"], "--password-file=/run/x");
    assert_eq!(spec["cwd"], "PWD=/srv");
    let again = object.clone();
    mask().object(&mut object);
    assert_eq!(object, again);
}

#[test]
fn values_with_the_name_of_a_secret_are_hidden_wherever_a_program_or_a_person_puts_them() {
    let applied =
        json!({"kind": "Deployment", "spec": {"env": [{"name": "API_TOKEN", "value": "hunter2"}]}})
            .to_string();
    let mut pod = json!({"kind": "Pod", "apiVersion": "v1",
        "metadata": {"name": "a", "annotations": {"x/api-key": "hunter2", "x/auth-secret": "web-users",
            "kubectl.kubernetes.io/last-applied-configuration": applied}, "labels": {"token": "hunter2"}},
        "spec": {"serviceAccountName": "web", "containers": [{
            "env": [{"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "TOKEN_TTL", "value": "300"},
                {"name": "COPY_PASSWORD", "value": "$(DB_PASSWORD)"}, {"name": "USE_TOKEN", "value": "true"}],
            "args": ["--user", "web", "--password", "hunter2", "--token=hunter2", "--token-file", "/run/t"],
            "livenessProbe": {"httpGet": {"httpHeaders": [{"name": "Authorization", "value": "Basic hunter2"}]}},
        }], "volumes": [{"name": "t", "secret": {"secretName": "web-token"}}]}});
    let before = pod.clone();
    mask().object(&mut pod);
    let text = pod.to_string();
    assert!(!text.contains("hunter2"), "{text}");
    assert_eq!(differing_leaves(&before, &pod), 7);
    for kept in [
        "web-users",
        "web-token",
        "$(DB_PASSWORD)",
        "\"300\"",
        "/run/t",
        "\"true\"",
    ] {
        assert!(text.contains(kept), "{kept}: {text}");
    }
    let mut settings = json!({"kind": "ConfigMap", "data": {"password": "hunter2", "app.yaml": "db:\n  password: hunter2\n",
        "app.json": "{\"clientSecret\": \"hunter2\"}", "secret": "hunter2", "keys": "a"}});
    mask().object(&mut settings);
    assert!(!settings.to_string().contains("hunter2"), "{settings}");
    let mut custom = json!({"kind": "Database", "spec": {"auth": {"password": "hunter2", "secret": "db-users"}}});
    mask().object(&mut custom);
    assert_eq!(custom["spec"]["auth"]["secret"], "db-users");
    assert!(!custom.to_string().contains("hunter2"), "{custom}");
}

#[test]
fn of_a_secret_and_of_a_release_of_helm_only_what_is_known_to_be_public_is_shown() {
    let mut secret = json!({"kind": "Secret", "apiVersion": "v1", "type": "Opaque", "immutable": true,
        "metadata": {"name": "a", "labels": {"app": "x"}, "19": {"2": "topsecret"}}, "newField": {"a": ["topsecret", 7]}});
    mask().object(&mut secret);
    assert!(!secret.to_string().contains("topsecret"), "{secret}");
    assert_eq!(secret["metadata"]["labels"]["app"], "x");
    assert_eq!(
        (&secret["type"], &secret["immutable"]),
        (&json!("Opaque"), &json!(true))
    );
    let mut release = json!({"kind": "ConfigMap", "apiVersion": "v1", "data": {"release": "SDRzSUFB"},
        "metadata": {"name": "sh.helm.release.v1.web.v1", "labels": {"owner": "helm"}}});
    mask().object(&mut release);
    assert!(!release.to_string().contains("SDRzSUFB"), "{release}");
}

#[test]
fn raw_values_of_secret_keys_are_hidden_under_any_prefix() {
    let layout = Layout::default();
    for key in [
        "/registry/secrets/a/b",
        "/lab/secrets/a/b",
        "/bootstrap/1234",
        "/openshift.io/oauth/clients/x",
    ] {
        assert!(mask().raw(&layout, key.as_bytes(), b"v").is_some(), "{key}");
    }
    assert_eq!(mask().raw(&layout, b"/registry/pods/secrets/b", b"v"), None);
    assert_eq!(
        &*mask().bytes(b"\xff\x00 ftp://a:b@c"),
        [
            &b"\xff\x00 ftp://a:"[..],
            mask().hidden(b"b").as_bytes(),
            b"@c"
        ]
        .concat()
    );
}

#[test]
fn references_and_ciphertexts_are_shown_and_copies_in_other_forms_are_not() {
    let sealed = format!("Ag{}", "By9zZWNyZXQ".repeat(40));
    let shown = [
        json!({"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "metadata": {"name": "a"},
            "spec": {"data": [{"secretKey": "password", "remoteRef": {"key": "pay/db"}}]}}),
        json!({"apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "metadata": {"name": "a"},
            "spec": {"encryptedData": {"password": sealed, "b": sealed}}}),
        json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "a"},
            "spec": {"source": {"helm": {"parameters": [{"name": "auth.existingSecret", "value": "db"}]}}}}),
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration":
                r#"{"kind":"Pod","spec":{"containers":[{"env":[{"name":"PWD","value":"/app"},{"name":"ENABLE_TOKEN","value":"true"},{"name":"REDIS_PASS","value":"$(DB_PASSWORD)"}]}]}}"#}}}),
    ];
    for object in shown {
        let mut masked = object.clone();
        mask().object(&mut masked);
        assert_eq!(masked, object);
    }
    let hidden = [
        json!({"kind": "SealedSecret", "spec": {"encryptedData": {"password": "hunter2"}}}),
        json!({"kind": "ConfigMap", "apiVersion": "v1", "binaryData": {"a": STANDARD.encode("password=hunter2\n")}}),
        json!({"kind": "User", "apiVersion": "keycloak.org/v1", "spec": {"credentials": [{"type": "password", "value": "hunter2"}]}}),
        json!({"kind": "CustomResourceDefinition", "spec": {"schema": {"properties": {"password": {"type": "string", "default": "hunter2"}}}}}),
        json!({"kind": "AlertmanagerConfig", "spec": {"receivers": [{"pagerduty_configs": [{"service_key": "hunter2"}]}]}}),
        json!({"kind": "Pod", "spec": {"containers": [{"env": [{"name": "GITHUB_PAT", "value": "hunter2"}]}]}}),
    ];
    for object in hidden {
        let mut masked = object.clone();
        mask().object(&mut masked);
        let text = masked.to_string();
        assert!(
            !text.contains("hunter2") && !text.contains(&STANDARD.encode("password=hunter2\n")),
            "{text}"
        );
    }
}

#[test]
fn a_key_outside_kubernetes_that_is_named_as_a_secret_has_one() {
    let layout = Layout::default();
    for (key, expected) in [
        ("/x/password", true),
        ("/x/db_token", true),
        ("/x/config", false),
        ("/x/password/rounds", false),
    ] {
        assert_eq!(is_secret_key(&layout, key.as_bytes()), expected, "{key}");
    }
}
