//! Compares `get` over what a real kube-apiserver 1.20 stored with that server's own answers for the same objects.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;
use testkit::{Seal, data_dir, fixture, members_of};

use crate::run::{RunResult, etcd_inspect, sealed};

mod describe;
mod export;
mod export_defaults;
mod export_lost;
mod export_owners;
mod export_versions;
mod flags;
mod forms;
mod helm;
mod openshift;
mod shared;
mod tables;
mod templates;

const MEMBER: &str = "k8s-1.20-etcd35";

fn data() -> PathBuf {
    data_dir(MEMBER)
}

/// Asks, and proves the evidence unchanged.
fn ask(words: &str) -> RunResult {
    let data = data();
    let mut args: Vec<&str> = words.split(' ').collect();
    args.extend(["-d", data.to_str().unwrap()]);
    sealed(&data, args)
}

/// The lists that the API server gave, by `group_version_resource`.
fn api() -> BTreeMap<String, Value> {
    members_of(&fixture(MEMBER).join("truth/api.tar.zst"))
        .into_iter()
        .filter_map(|(name, bytes)| {
            let name = name.rsplit('/').next()?.strip_suffix(".json")?.to_owned();
            let list: Value = serde_json::from_slice(&bytes).ok()?;
            list.get("items")?;
            Some((name, list))
        })
        .collect()
}

fn items<'a>(api: &'a BTreeMap<String, Value>, of: &str) -> &'a Vec<Value> {
    api[of]["items"].as_array().unwrap()
}

fn text(object: &Value, pointer: &str) -> String {
    match object.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}

fn name(object: &Value) -> (String, String) {
    (
        text(object, "/metadata/namespace"),
        text(object, "/metadata/name"),
    )
}

/// Without members that say nothing: releases differ only in which of them they leave out.
fn without_empties(value: &Value) -> Value {
    let empty = |value: &Value| match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
    };
    match value {
        Value::Object(members) => {
            let kept = members
                .iter()
                .map(|(name, value)| (name.clone(), without_empties(value)));
            Value::Object(kept.filter(|(_, value)| !empty(value)).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(without_empties).collect()),
        other => other.clone(),
    }
}

#[test]
fn every_type_of_the_api_lists_the_objects_that_the_server_listed() {
    let seal = Seal::read(&data());
    for (file, list) in api() {
        let resource = file.rsplit('_').next().unwrap();
        let group = file.split('_').next().unwrap();
        // Computed by the server, stored nowhere.
        if resource == "componentstatuses" {
            continue;
        }
        let noun = match file.matches('_').count() {
            1 => resource.to_owned(),
            _ => format!("{resource}.{group}"),
        };
        let data = data();
        let said = etcd_inspect([
            "get",
            &noun,
            "-A",
            "-o",
            "json",
            "-d",
            data.to_str().unwrap(),
        ]);
        assert_eq!(said.code, 0, "{noun}: {}", said.err);
        let names = |list: &Value| -> BTreeSet<(String, String)> {
            list["items"].as_array().unwrap().iter().map(name).collect()
        };
        assert_eq!(names(&said.json()), names(&list), "{noun}");
        assert_eq!(said.json()["kind"], "List", "{noun}");
    }
    seal.assert_unchanged();
}

#[test]
fn json_of_every_object_is_what_the_server_gave_where_it_gave_the_stored_version() {
    let data = data();
    let seal = Seal::read(&data);
    let mut compared = 0;
    for (file, list) in api() {
        let resource = file.rsplit('_').next().unwrap();
        if resource == "componentstatuses" {
            continue;
        }
        let path = data.to_str().unwrap();
        let said = etcd_inspect([
            "get",
            resource,
            "-A",
            "-o",
            "json",
            "--full",
            "--reveal=all",
            "-d",
            path,
        ]);
        let ours: BTreeMap<(String, String), Value> = said.json()["items"]
            .as_array()
            .unwrap_or_else(|| panic!("{resource}: {}", said.err))
            .iter()
            .map(|object| (name(object), object.clone()))
            .collect();
        let version = list["apiVersion"].as_str().unwrap();
        for theirs in list["items"].as_array().unwrap() {
            let mut our = ours[&name(theirs)].clone();
            if our["apiVersion"] != version {
                continue;
            }
            compared += 1;
            // Items of a built-in list have neither field.
            if theirs.get("kind").is_none() {
                let members = our.as_object_mut().unwrap();
                members.remove("kind");
                members.remove("apiVersion");
            }
            // Fields that the server fills in when it reads: protobuf stores no kind for an object within another object, and a
            // claim that no controller has updated has no phase.
            if let Some(claims) = our.pointer_mut("/spec/volumeClaimTemplates") {
                for claim in claims.as_array_mut().unwrap() {
                    claim["kind"] = "PersistentVolumeClaim".into();
                    claim["apiVersion"] = "v1".into();
                }
            }
            if resource == "persistentvolumeclaims" && our["status"] == serde_json::json!({}) {
                our["status"] = serde_json::json!({"phase": "Pending"});
            }
            assert_eq!(
                without_empties(&our),
                without_empties(theirs),
                "{file} {:?}",
                name(theirs)
            );
        }
    }
    assert!(compared > 1000, "{compared}");
    seal.assert_unchanged();
}
