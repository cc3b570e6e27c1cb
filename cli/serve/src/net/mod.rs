//! Connections: bounded in number, in time and in the size of what they send.

mod authority;
pub mod body;
pub mod grpc;
pub mod guard;
mod idle;
pub mod reached;
pub mod reply;
pub mod status;

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use authority::Mended;
use body::Body;
use guard::Guard;
use idle::IdleConnections;

/// Maximum number of connections at once; for one more, the one that has been idle longest is closed.
const MAX_CONNECTIONS: usize = 1024;

/// Time for which a new connection waits for a place before one more of the idle ones is closed.
const ROOM_TIME: Duration = Duration::from_millis(50);

/// Time for the head of a request.
const HEAD_TIME: Duration = Duration::from_secs(15);

/// Time after which a connection over HTTP/2 that does not answer is closed.
const PING_INTERVAL: Duration = Duration::from_secs(30);

/// Accepts connections and answers each request that the guard lets pass. One client's failure ends that client's connection only.
pub async fn serve<F, A>(listener: TcpListener, guard: Arc<Guard>, answer: F)
where
    F: Fn(Request<Incoming>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Response<Body>> + Send + 'static,
{
    let free = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let idle = IdleConnections::default();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // No more file descriptors, or a client that was gone at once.
            idle.close_oldest();
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let Some(permit) = room(&free, &idle).await else {
            return;
        };
        let _ = stream.set_nodelay(true);
        let (guard, answer) = (Arc::clone(&guard), answer.clone());
        let connection = idle.connection();
        tokio::spawn(async move {
            let of_service = connection.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let (refused, answer) = (guard.refuses(&request), answer.clone());
                let connection = of_service.clone();
                // A body that does not arrive is no work.
                let is_whole = request.body().is_end_stream() || grpc::is_grpc(&request);
                let work = is_whole.then(|| connection.work());
                async move {
                    let response = match refused {
                        Some(refusal) => refusal,
                        None => answer(request).await,
                    };
                    let work = work.unwrap_or_else(|| connection.work());
                    Ok::<_, Infallible>(work.until_sent(response))
                }
            });
            let mut builder = Builder::new(TokioExecutor::new());
            builder
                .http1()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIME)
                .max_buf_size(64 << 10);
            builder
                .http2()
                .timer(TokioTimer::new())
                .keep_alive_interval(PING_INTERVAL)
                .max_concurrent_streams(256);
            // What a client does wrong is its own affair: the connection ends.
            tokio::select! {
                _ = builder.serve_connection(TokioIo::new(Mended::new(stream)), service) => {}
                () = connection.closed() => {}
            }
            drop(permit);
        });
    }
}

/// A place for one more connection; `None`: the server ends.
async fn room(free: &Arc<Semaphore>, idle: &IdleConnections) -> Option<OwnedSemaphorePermit> {
    if free.available_permits() == 0 {
        idle.close_oldest();
    }
    loop {
        let permit = Arc::clone(free).acquire_owned();
        match tokio::time::timeout(ROOM_TIME, permit).await {
            Ok(permit) => return permit.ok(),
            Err(_) => idle.close_oldest(),
        }
    }
}
