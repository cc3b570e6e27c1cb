//! Real clients ask `etcd-inspect serve`; what they are answered is compared with the answers of a real API server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may stop at its first failure; what is not here is printed"
)]

mod advice;
mod api;
mod apiserver;
mod connections;
mod damaged;
mod etcd;
mod kubectl;
mod masks;
mod mcp;
mod parts;
mod protobuf;
mod server;
