//! The etcd door: etcd's gRPC API of version 3 over a copied data directory.

mod cluster;
mod errors;
mod kv;
mod lease;
mod lease_ids;
mod messages;
mod range;
mod snapshot;
pub mod store;
mod txn;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use prost::Message;
use tokio_stream::wrappers::ReceiverStream;
use tonic::server::Grpc;
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

use crate::net::body::Body;
use messages::{Empty, LeaseKeepAliveResponse, LeaseOnlyId, WatchRequest};
use store::Store;

/// Interval at which expired leases are looked for.
const EXPIRY_INTERVAL: Duration = Duration::from_millis(500);

type HttpRequest = hyper::Request<Incoming>;
type HttpResponse = hyper::Response<Body>;

/// Revokes leases when they expire. Without `--scratch` none does.
pub async fn expire_leases(store: Arc<Store>) {
    while store.is_scratch() {
        tokio::time::sleep(EXPIRY_INTERVAL).await;
        let store = Arc::clone(&store);
        let _ = tokio::task::spawn_blocking(move || store.expire()).await;
    }
}

/// Answers a request.
pub async fn answer(
    store: Arc<Store>,
    token: Option<Arc<str>>,
    request: HttpRequest,
) -> HttpResponse {
    let path = request.uri().path().to_owned();
    let (service, method) = path
        .trim_start_matches('/')
        .split_once('/')
        .unwrap_or((&path, ""));
    match (service.trim_start_matches("etcdserverpb."), method) {
        ("KV", "Range") => unary(store, request, |store, asked| store.range(&asked)).await,
        ("KV", "Put") => unary(store, request, |store, asked| store.put(&asked)).await,
        ("KV", "DeleteRange") => unary(store, request, |store, asked| store.delete(&asked)).await,
        ("KV", "Txn") => unary(store, request, |store, asked| store.txn(&asked)).await,
        ("KV", "Compact") => unary(store, request, |store, asked| store.compact(&asked)).await,
        ("Watch", "Watch") => watches(store, request).await,
        ("Lease", "LeaseGrant") => unary(store, request, |store, asked| store.grant(&asked)).await,
        ("Lease", "LeaseRevoke") => {
            unary(store, request, |store, asked| store.revoke(&asked)).await
        }
        ("Lease", "LeaseKeepAlive") => keep_alive(store, request).await,
        ("Lease", "LeaseTimeToLive") => {
            unary(store, request, |store, asked| store.time_to_live(&asked)).await
        }
        ("Lease", "LeaseLeases") => {
            unary(store, request, |store, _: Empty| store.all_leases()).await
        }
        ("Cluster", "MemberList") => unary(store, request, |store, _: Empty| store.members()).await,
        ("Maintenance", "Status") => unary(store, request, |store, _: Empty| store.status()).await,
        ("Maintenance", "Alarm") => {
            unary(store, request, |store, asked| store.alarms(&asked)).await
        }
        ("Maintenance", "Hash") => unary(store, request, |store, _: Empty| store.hash()).await,
        ("Maintenance", "HashKV") => {
            unary(store, request, |store, asked| store.hash_kv(&asked)).await
        }
        ("Maintenance", "Snapshot") => backup(store, request).await,
        ("Auth", "Authenticate") => {
            unary(store, request, move |store, asked| {
                store.authenticate(&asked, token.as_deref())
            })
            .await
        }
        ("Auth", "AuthStatus") => {
            unary(store, request, |store, _: Empty| store.auth_status()).await
        }
        ("Auth", "UserList") => unary(store, request, |store, _: Empty| store.users()).await,
        ("Auth", "RoleList") => unary(store, request, |store, _: Empty| store.roles()).await,
        ("Auth", "UserGet") => unary(store, request, |store, asked| store.user(&asked)).await,
        ("Auth", "RoleGet") => unary(store, request, |store, asked| store.role(&asked)).await,
        ("KV" | "Lease" | "Cluster" | "Maintenance" | "Auth", _) => {
            unary(store, request, |_, _: Empty| {
                Err::<Empty, _>(errors::not_taken())
            })
            .await
        }
        _ => {
            let unknown =
                |_: &Store, _: Empty| Err::<Empty, _>(Status::unimplemented("unknown service"));
            unary(store, request, unknown).await
        }
    }
}

fn grpc<Ask: Message + Default + 'static, Answer: Message + 'static>()
-> Grpc<ProstCodec<Answer, Ask>> {
    Grpc::new(ProstCodec::default())
}

fn boxed(response: hyper::Response<tonic::body::Body>) -> HttpResponse {
    response.map(BodyExt::boxed_unsync)
}

/// A request with one answer, made on a thread that may read.
async fn unary<Ask, Answer, F>(store: Arc<Store>, request: HttpRequest, make: F) -> HttpResponse
where
    Ask: Message + Default + 'static,
    Answer: Message + 'static,
    F: FnOnce(&Store, Ask) -> Result<Answer, Status> + Clone + Send + 'static,
{
    let service = tower::service_fn(move |asked: Request<Ask>| {
        let (store, make) = (Arc::clone(&store), make.clone());
        async move {
            let made = tokio::task::spawn_blocking(move || make(&store, asked.into_inner()));
            let failed = |_| Status::internal("etcdserver: a fault of etcd-inspect");
            made.await.map_err(failed)?.map(Response::new)
        }
    });
    boxed(grpc().unary(service, request).await)
}

async fn watches(store: Arc<Store>, request: HttpRequest) -> HttpResponse {
    let service = tower::service_fn(move |asked: Request<Streaming<WatchRequest>>| {
        let answers = watch::answer(Arc::clone(&store), asked.into_inner());
        async move { Ok::<_, Status>(Response::new(answers)) }
    });
    boxed(grpc().streaming(service, request).await)
}

async fn keep_alive(store: Arc<Store>, request: HttpRequest) -> HttpResponse {
    let service = tower::service_fn(move |asked: Request<Streaming<LeaseOnlyId>>| {
        let store = Arc::clone(&store);
        let (sender, receiver) =
            tokio::sync::mpsc::channel::<Result<LeaseKeepAliveResponse, Status>>(4);
        tokio::spawn(async move {
            let mut asked = asked.into_inner();
            while let Ok(Some(one)) = asked.message().await {
                if sender.send(store.keep_alive(&one)).await.is_err() {
                    return;
                }
            }
        });
        async move { Ok::<_, Status>(Response::new(ReceiverStream::new(receiver))) }
    });
    boxed(grpc().streaming(service, request).await)
}

async fn backup(store: Arc<Store>, request: HttpRequest) -> HttpResponse {
    let service = tower::service_fn(move |_: Request<Empty>| {
        let pieces = snapshot::answer(Arc::clone(&store));
        async move { pieces.map(Response::new) }
    });
    boxed(grpc().server_streaming(service, request).await)
}
