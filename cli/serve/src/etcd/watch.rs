//! The service Watch: history from a revision on, then what is written.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use etcd_inspect::answers::{KeyRange, Keyspace, Version};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::errors::COMPACTED;
use super::messages::{Event, Kv, WatchAsk, WatchCreate, WatchRequest, WatchResponse};
use super::store::Store;

/// Maximum number of events in one message, but for those of one revision.
const MAX_EVENTS: usize = 1000;

/// Maximum number of watches on one stream.
const MAX_WATCHES: usize = 4096;

/// Interval of progress messages, as etcd has it.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(600);

/// What a client is sent.
pub type Answers = ReceiverStream<Result<WatchResponse, Status>>;

struct Watched {
    range: KeyRange,
    next: i64,
    prev_kv: bool,
    no_put: bool,
    no_delete: bool,
    progress: bool,
}

/// Answers a stream of watches until the client ends it.
pub fn answer(store: Arc<Store>, requests: Streaming<WatchRequest>) -> Answers {
    let (sender, receiver) = mpsc::channel(16);
    tokio::spawn(run(store, requests, sender));
    ReceiverStream::new(receiver)
}

type Sender = mpsc::Sender<Result<WatchResponse, Status>>;

async fn run(store: Arc<Store>, mut requests: Streaming<WatchRequest>, sender: Sender) {
    let mut watches: BTreeMap<i64, Watched> = BTreeMap::new();
    let mut next_id = 0;
    let mut changes = store.changes();
    let mut progress = tokio::time::interval(PROGRESS_INTERVAL);
    progress.tick().await;
    loop {
        let answers = tokio::select! {
            request = requests.message() => match request {
                Ok(Some(request)) => asked(&store, request, &mut watches, &mut next_id),
                _ => return,
            },
            changed = changes.changed() => match changed {
                Ok(()) => Vec::new(),
                Err(_) => return,
            },
            _ = progress.tick() => {
                let ids = watches.iter().filter(|(_, watched)| watched.progress).map(|(id, _)| *id);
                ids.map(|id| response(&store, id)).collect()
            }
            () = sender.closed() => return,
        };
        for answer in answers {
            if sender.send(Ok(answer)).await.is_err() {
                return;
            }
        }
        if deliver(&store, &mut watches, &sender).await.is_err() {
            return;
        }
    }
}

/// Sends every watch what it has not seen.
async fn deliver(
    store: &Arc<Store>,
    watches: &mut BTreeMap<i64, Watched>,
    sender: &Sender,
) -> Result<(), mpsc::error::SendError<Result<WatchResponse, Status>>> {
    let ids: Vec<i64> = watches.keys().copied().collect();
    for id in ids {
        while let Some(watched) = watches.get_mut(&id) {
            let read = || store.read(|keyspace, current| Ok(batch(keyspace, current, watched)));
            let batch = tokio::task::block_in_place(read);
            let (current, events) = match batch {
                Ok(NewEvents::Events(current, events)) => (current, events),
                Ok(NewEvents::Compacted(compacted)) => {
                    watches.remove(&id);
                    let canceled = WatchResponse {
                        canceled: true,
                        compact_revision: compacted,
                        cancel_reason: format!("etcdserver: {COMPACTED}"),
                        ..response(store, id)
                    };
                    sender.send(Ok(canceled)).await?;
                    break;
                }
                Err(_) => break,
            };
            let is_last = watched.next > current;
            if !events.is_empty() {
                let answer = WatchResponse {
                    events,
                    ..response(store, id)
                };
                sender.send(Ok(answer)).await?;
            }
            if is_last {
                break;
            }
        }
    }
    Ok(())
}

fn response(store: &Store, id: i64) -> WatchResponse {
    WatchResponse {
        header: store.header_now().ok().flatten(),
        watch_id: id,
        ..WatchResponse::default()
    }
}

fn asked(
    store: &Store,
    request: WatchRequest,
    watches: &mut BTreeMap<i64, Watched>,
    next_id: &mut i64,
) -> Vec<WatchResponse> {
    match request.ask {
        Some(WatchAsk::Create(create)) => vec![created(store, &create, watches, next_id)],
        Some(WatchAsk::Cancel(cancel)) if watches.remove(&cancel.watch_id).is_some() => {
            vec![WatchResponse {
                canceled: true,
                ..response(store, cancel.watch_id)
            }]
        }
        Some(WatchAsk::Progress(_)) => vec![response(store, -1)],
        _ => Vec::new(),
    }
}

fn created(
    store: &Store,
    create: &WatchCreate,
    watches: &mut BTreeMap<i64, Watched>,
    next_id: &mut i64,
) -> WatchResponse {
    let id = match create.watch_id {
        0 => {
            while watches.contains_key(next_id) {
                *next_id = next_id.saturating_add(1);
            }
            *next_id
        }
        id => id,
    };
    if watches.contains_key(&id) || watches.len() >= MAX_WATCHES {
        return WatchResponse {
            created: true,
            canceled: true,
            cancel_reason: "mvcc: duplicate watch ID provided on the WatchStream".to_owned(),
            ..response(store, -1)
        };
    }
    if create.watch_id == 0 {
        *next_id = next_id.saturating_add(1);
    }
    let answer = WatchResponse {
        created: true,
        ..response(store, id)
    };
    let current = answer.header.as_ref().map_or(0, |header| header.revision);
    // The empty key means the smallest one: `serverWatchStream.recvLoop` in `server/etcdserver/api/v3rpc/watch.go`, v3.5.30.
    let key = if create.key.is_empty() {
        &b"\0"[..]
    } else {
        &create.key
    };
    watches.insert(
        id,
        Watched {
            range: KeyRange::request(key, &create.range_end),
            next: match create.start_revision {
                start if start > 0 => start,
                _ => current.saturating_add(1),
            },
            prev_kv: create.prev_kv,
            no_put: create.filters.contains(&0),
            no_delete: create.filters.contains(&1),
            progress: create.progress_notify,
        },
    );
    answer
}

enum NewEvents {
    /// The current revision, and what is new.
    Events(i64, Vec<Event>),
    /// What was asked for is compacted: the compaction revision.
    Compacted(i64),
}

fn batch(keyspace: &Keyspace<'_>, current: i64, watched: &mut Watched) -> NewEvents {
    let compacted = keyspace.compact_revision().unwrap_or(0);
    if watched.next < compacted {
        return NewEvents::Compacted(compacted);
    }
    let mut events = Vec::new();
    let mut last = watched.next.saturating_sub(1);
    for version in keyspace.between(watched.next..=current) {
        if events.len() >= MAX_EVENTS && version.revision.main > last {
            watched.next = version.revision.main;
            return NewEvents::Events(current, events);
        }
        last = version.revision.main;
        events.extend(event(keyspace, &version, watched));
    }
    watched.next = watched.next.max(current.saturating_add(1));
    NewEvents::Events(current, events)
}

fn event(keyspace: &Keyspace<'_>, version: &Version<'_>, watched: &Watched) -> Option<Event> {
    let filtered = if version.tombstone {
        watched.no_delete
    } else {
        watched.no_put
    };
    if filtered || version.key.is_empty() || !watched.range.contains(version.key) {
        return None;
    }
    let before = watched.prev_kv.then(|| {
        let main = version.revision.main.saturating_sub(1);
        let found = keyspace.get(version.key, Some(main)).ok().flatten();
        found.as_ref().map(Kv::from)
    });
    Some(Event {
        kind: i32::from(version.tombstone),
        kv: Some(Kv::from(version)),
        prev_kv: before.flatten(),
    })
}
