//! `cargo run -- KUBECONFIG`: what the kube crate's `Api`, `watcher` and `Discovery` get from `etcd-inspect serve` agrees.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{Api, DynamicObject, ListParams};
use kube::discovery::{Discovery, verbs};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, Config};

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let file = std::env::args().nth(1).ok_or("usage: KUBECONFIG")?;
    let kubeconfig = kube::config::Kubeconfig::read_from(file)?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await?;
    let client = Client::try_from(config)?;
    println!("version {}", client.apiserver_version().await?.git_version);
    let pods: Api<Pod> = Api::all(client.clone());
    let count = lists(&client, &pods).await?;
    watches(&pods, count).await?;
    let legacy = discovered(&client, false).await?;
    assert_eq!(legacy, discovered(&client, true).await?);
    println!(
        "{} kinds, {} objects by both forms of discovery",
        legacy.0, legacy.1
    );
    let deleted = Api::<Namespace>::all(client)
        .delete("default", &Default::default())
        .await;
    match deleted {
        Err(kube::Error::Api(status)) if status.code == 405 => {
            println!("delete: {}", status.message)
        }
        other => return Err(format!("a delete is refused with 405, not {other:?}").into()),
    }
    Ok(())
}

async fn lists(client: &Client, pods: &Api<Pod>) -> Result<usize, Failure> {
    let count = pods.list(&ListParams::default()).await?.items.len();
    assert_eq!(
        pods.list_metadata(&ListParams::default())
            .await?
            .items
            .len(),
        count
    );
    let (mut paged, mut token) = (0, None);
    loop {
        let mut page = ListParams::default().limit(10);
        page.continue_token = token;
        let list = pods.list(&page).await?;
        paged += list.items.len();
        token = list.metadata.continue_.filter(|token| !token.is_empty());
        if token.is_none() {
            break;
        }
    }
    assert_eq!(paged, count);
    let namespaces = Api::<Namespace>::all(client.clone());
    for namespace in namespaces.list(&ListParams::default()).await? {
        let name = namespace.metadata.name.ok_or("a namespace has a name")?;
        assert_eq!(
            namespaces.get(&name).await?.metadata.uid,
            namespace.metadata.uid
        );
    }
    println!("{count} pods: as objects, as metadata, in pages");
    Ok(count)
}

async fn watches(pods: &Api<Pod>, count: usize) -> Result<(), Failure> {
    for config in [
        watcher::Config::default(),
        watcher::Config::default().streaming_lists(),
    ] {
        let stream = watcher(pods.clone(), config).applied_objects();
        let seen = stream.take(count).try_collect::<Vec<_>>();
        let seen = tokio::time::timeout(Duration::from_secs(20), seen).await??;
        assert_eq!(seen.len(), count);
    }
    println!("{count} pods by a watcher, with a list and with a streamed one");
    Ok(())
}

async fn discovered(client: &Client, aggregated: bool) -> Result<(usize, usize), Failure> {
    let discovery = Discovery::new(client.clone());
    let discovery = if aggregated {
        discovery.run_aggregated().await?
    } else {
        discovery.run().await?
    };
    let (mut kinds, mut objects) = (0, 0);
    for group in discovery.groups() {
        for (resource, capabilities) in group.recommended_resources() {
            if !capabilities.supports_operation(verbs::LIST) {
                continue;
            }
            let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
            objects += api.list(&ListParams::default()).await?.items.len();
            kinds += 1;
        }
    }
    Ok((kinds, objects))
}
