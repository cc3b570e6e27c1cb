//! `Snapshot`: the db file, streamed, with the SHA-256 that a restore checks at its end.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::cluster::not_stored;
use super::errors;
use super::messages::SnapshotResponse;
use super::store::Store;

/// Bytes of one message: `snapshotSendBufferSize` in `server/etcdserver/api/v3rpc/maintenance.go`, v3.5.30.
const PIECE: usize = 32 << 10;

/// What a client is sent.
pub type Pieces = ReceiverStream<Result<SnapshotResponse, Status>>;

/// Streams a backup.
///
/// # Errors
/// The served state is in no file.
pub fn answer(store: Arc<Store>) -> Result<Pieces, Status> {
    if !store.is_stored() || store.dataset.side() != etcd_inspect::dataset::Side::Stored {
        return Err(not_stored("a backup"));
    }
    let (sender, receiver) = mpsc::channel(4);
    tokio::task::spawn_blocking(move || {
        if let Err(status) = send(&store, &sender) {
            let _ = sender.blocking_send(Err(status));
        }
    });
    Ok(ReceiverStream::new(receiver))
}

fn send(
    store: &Store,
    sender: &mpsc::Sender<Result<SnapshotResponse, Status>>,
) -> Result<(), Status> {
    let failed = |error| errors::from_library(&error);
    let member = store.dataset.member();
    let bytes = match member.trailer() {
        Some(trailer) => trailer.image(),
        None => member.db_bytes().map_err(failed)?,
    };
    let header = store.header_now()?;
    let image = bytes.as_slice();
    let mut hash = Sha256::new();
    let mut left = image.len();
    let message = |blob: Vec<u8>, left: usize| {
        let message = SnapshotResponse {
            header: header.clone(),
            remaining_bytes: u64::try_from(left).unwrap_or(u64::MAX),
            blob,
        };
        sender
            .blocking_send(Ok(message))
            .map_err(|_| Status::cancelled("the client is gone"))
    };
    for piece in image.chunks(PIECE) {
        left = left.saturating_sub(piece.len());
        hash.update(piece);
        message(piece.to_vec(), left)?;
    }
    message(hash.finalize().to_vec(), 0)
}
