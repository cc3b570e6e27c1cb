//! Connections: bounded in number, in time and in the size of what they send.

mod authority;
pub mod body;
pub mod grpc;
pub mod guard;
pub mod reply;
pub mod status;

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use authority::Mended;
use body::Body;
use guard::Guard;

/// Maximum number of connections at once; more wait in the system's queue.
const MAX_CONNECTIONS: usize = 1024;

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
    loop {
        let Ok(permit) = Arc::clone(&free).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            // No more file descriptors, or a client that was gone at once.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let (guard, answer) = (Arc::clone(&guard), answer.clone());
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let (refused, answer) = (guard.refuses(&request), answer.clone());
                async move {
                    Ok::<_, Infallible>(match refused {
                        Some(refusal) => refusal,
                        None => answer(request).await,
                    })
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
            let _ = builder
                .serve_connection(TokioIo::new(Mended::new(stream)), service)
                .await;
            drop(permit);
        });
    }
}
