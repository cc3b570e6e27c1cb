//! Answers kubectl, k9s, client-go, etcdctl and agents from a copied etcd data directory, as if the cluster were there.
//!
//! [`open`] opens the doors that [`Doors`] names, and [`Open::run`] answers until it is asked to stop. Everything is read through the library's
//! [`Dataset`](etcd_inspect::dataset::Dataset); the evidence is never written.
#![allow(
    clippy::result_large_err,
    reason = "the errors are the answers of the two APIs, made once for a request"
)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        reason = "a test may stop at its first failure"
    )
)]

pub mod apiserver;
mod catalog;
mod etcd;
mod kube;
pub mod kubeconfig;
pub mod listing;
pub mod mcp;
mod net;
mod source;

pub use etcd::store::Store as EtcdStore;
pub use net::guard::Guard;
pub use source::{Moment, MomentError, Reporter, Reveal, Source};

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

/// Interval at which a stop is looked for.
const STOP_INTERVAL: Duration = Duration::from_millis(100);

/// Maximum number of threads that read evidence at once; more requests wait.
const MAX_READERS: usize = 256;

/// What is to be answered, and to whom.
#[derive(Debug)]
pub struct Doors {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Who may ask.
    pub guard: Guard,
    /// The evidence; the first is at the root of the URL.
    pub sources: Vec<Arc<Source>>,
    /// What answers requests of etcd's API, at the same address.
    pub etcd: Option<Arc<EtcdStore>>,
}

/// A door that is open: it answers once [`Open::run`] is called.
#[derive(Debug)]
pub struct Open {
    runtime: tokio::runtime::Runtime,
    listener: TcpListener,
    doors: Doors,
}

/// Opens the doors: clients can connect from now on.
///
/// # Errors
/// The address cannot be listened on.
pub fn open(doors: Doors) -> io::Result<Open> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(MAX_READERS)
        .enable_all()
        .build()?;
    let listener = runtime.block_on(TcpListener::bind(doors.listen))?;
    Ok(Open {
        runtime,
        listener,
        doors,
    })
}

impl Open {
    /// The address that clients connect to: if it listens on all, the one that other machines know, as far as there is one.
    ///
    /// # Errors
    /// The system does not know it.
    pub fn address(&self) -> io::Result<SocketAddr> {
        Ok(net::reached::from_elsewhere(self.listener.local_addr()?))
    }

    /// Answers until `is_stopped` is true.
    ///
    /// # Errors
    /// The system gives no threads.
    pub fn run(self, is_stopped: impl Fn() -> bool) -> io::Result<()> {
        let guard = self.doors.guard;
        let token: Option<Arc<str>> = guard.token.as_deref().map(Arc::from);
        let door = Arc::new(kube::Door::new(self.doors.sources));
        let store = self.doors.etcd;
        let expiry = store.clone().map(etcd::expire_leases);
        let served = net::serve(self.listener, Arc::new(guard), move |request| {
            let (door, store, token) = (Arc::clone(&door), store.clone(), token.clone());
            async move {
                match store.filter(|_| net::grpc::is_grpc(&request)) {
                    Some(store) => etcd::answer(store, token, request).await,
                    None => kube::answer(door, request).await,
                }
            }
        });
        self.runtime.block_on(async {
            expiry.map(tokio::spawn);
            let server = tokio::spawn(served);
            while !is_stopped() && !server.is_finished() {
                tokio::time::sleep(STOP_INTERVAL).await;
            }
            server.abort();
        });
        self.runtime.shutdown_timeout(STOP_INTERVAL);
        Ok(())
    }
}
