//! One verdict: what was acknowledged, what an operator can do, what each of these leads to, and which is best.
//!
//! Every verb that judges takes its judgement from here, so that no two of them can disagree.
//!
//! ```text
//! evidence ──► facts ──► what was acknowledged
//!    │                        │
//!    ▼                        ▼
//! actions ──► outcome of each ──► held against it ──► ranked plan ──► one headline, one next command
//! ```
//!
//! ```
//! use etcd_inspect::check::{Depth, check};
//! use etcd_inspect::member::Member;
//! use etcd_inspect::progress::Silent;
//! use etcd_inspect::verdict::judge;
//!
//! let member = Member::open("../fixtures/etcd-3.5.30.tar.zst")?;
//! let report = check(&member, Depth::Default, &Silent);
//! let verdict = judge(&member, &report, None, &Silent);
//! println!("{}", verdict.headline());
//! for step in &verdict.plan {
//!     println!("{:>6} lost  {:>6} wrong  {}", step.lost.writes, step.wrong, step.effect);
//! }
//! # Ok::<(), etcd_inspect::Error>(())
//! ```

mod acknowledged;
mod action;
mod actions;
mod cause;
mod compare;
mod copies;
mod difference;
mod explains;
mod facts;
mod judge;
mod outcome;
mod plan;
mod preflight;
mod quick;
mod restored;
mod soundness;
mod source;
mod step;
mod two_histories;
mod unpacking;

pub use crate::start::{Level, Line, counted, is_go};
pub use acknowledged::{Acknowledged, Foundation};
pub use action::Action;
pub use actions::Forced;
pub use cause::{Cause, causes};
pub use compare::{Comparison, DifferingKey, MemberRow, compare};
pub use judge::{Verdict, judge};
pub use outcome::{Count, LaterWrites, Loss, Outcome};
pub use plan::shown_steps;
pub use preflight::{Judged, preflight};
pub use quick::{Order, PredictedStart, Quick, quick};
pub use source::Source;

pub use crate::wal::boot::Release;
pub use step::Step;
