//! One simulated start: from an empty outcome to its ending, with both orders of Go's heap if they matter.

use std::cmp::Ordering;
use std::rc::Rc;

use super::engine::Engine;
use super::{AlreadyRead, Ending, StartMode, StartOutcome, Stopped, WritesAfterStart};
use crate::bolt::open::Heap;
use crate::member::Member;
use crate::progress::Progress;
use crate::raft::ConfState;
use crate::wal::boot::Release;
use located::RaftIndex;

/// Runs the simulation. If keys in Go's heap were compared on the way, once more with the other order: what differs is unknown.
pub(super) fn simulate<'m>(
    member: &'m Member,
    release: Release,
    mode: StartMode,
    known: AlreadyRead<'m>,
    progress: &dyn Progress,
) -> StartOutcome<'m> {
    let heap = Heap::new(Ordering::Less);
    let mut outcome = simulate_with(member, release, mode, known, progress, Rc::clone(&heap));
    if heap.met.get() {
        let other = simulate_with(
            member,
            release,
            mode,
            AlreadyRead::default(),
            progress,
            Heap::new(Ordering::Greater),
        );
        let seen = |outcome: &StartOutcome<'_>| {
            (
                outcome.ending.clone(),
                outcome.revision,
                outcome.keys,
                outcome.later_writes.clone(),
            )
        };
        if seen(&outcome) != seen(&other) {
            let why = "a key is compared that is not in its bucket: it depends on Go's heap";
            outcome = other;
            end(&mut outcome, Stopped::Unknown(why.to_owned()));
        }
    }
    outcome
}

fn follow(engine: &mut Engine<'_, '_>) -> Result<(), Stopped> {
    match engine.mode {
        StartMode::Restored => engine.restore(),
        StartMode::AsItIs | StartMode::ForceNewCluster => engine.run(),
    }
}

fn simulate_with<'m>(
    member: &'m Member,
    release: Release,
    mode: StartMode,
    known: AlreadyRead<'m>,
    progress: &dyn Progress,
    heap: Rc<Heap>,
) -> StartOutcome<'m> {
    let outcome = StartOutcome {
        release,
        ending: Ending::Serves,
        revision: None,
        keys: None,
        members: None,
        quorum: 1,
        dies_at_first_question: false,
        left_to_chance: false,
        snapshot_index: RaftIndex(0),
        received_index: None,
        last_index: None,
        erased: None,
        applied: None,
        later_writes: WritesAfterStart::Kept,
        duplicated: 0,
        undone: false,
        forced: None,
        steps: Vec::new(),
        state: None,
        store: None,
    };
    let mut engine = Engine {
        member,
        release,
        mode,
        progress,
        outcome,
        conf: ConfState::default(),
        snapshot_voters: Vec::new(),
        chosen: None,
        received: None,
        cluster_version: None,
        has_db_file: member.evidence().db().is_some(),
        heap,
        appended: 0,
        added_self: false,
        known,
    };
    let ended = follow(&mut engine);
    let mut outcome = engine.outcome;
    if let Err(stop) = ended {
        advise(&mut outcome, &stop, mode, member, progress);
        end(&mut outcome, stop);
    }
    outcome
}

/// Adds what to do about a refusal that old segments of the log would answer.
fn advise(
    outcome: &mut StartOutcome<'_>,
    stop: &Stopped,
    mode: StartMode,
    member: &Member,
    progress: &dyn Progress,
) {
    if matches!(stop, Stopped::Refuses(_)) && mode != StartMode::Restored {
        let advice = super::old_segments::advice(member, progress);
        outcome.steps.extend(advice);
    }
}

fn end(outcome: &mut StartOutcome<'_>, stop: Stopped) {
    outcome.ending = match stop {
        Stopped::Refuses(message) => Ending::Refuses(message),
        Stopped::NeverServes(why) => Ending::NeverServes(why),
        Stopped::Unknown(why) => Ending::Unknown(why),
    };
    outcome.state = None;
    outcome.revision = None;
    outcome.keys = None;
}
