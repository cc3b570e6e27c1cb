//! Answers the shell that asks what could come next.

use clap::CommandFactory;
use clap_complete::engine::CompletionCandidate;
use clap_complete::env::CompleteEnv;
use etcd_inspect::codes;
use etcd_inspect::kubernetes::resources::RESOURCES;

use crate::app::Cli;
use crate::help;

/// Set by the script of `completions` when it asks.
pub(crate) const VARIABLE: &str = "_ETCD_INSPECT_COMPLETE";

/// Whether this run was a question of the shell, which is then answered.
pub(crate) fn answered() -> bool {
    CompleteEnv::with_factory(|| help::finish(Cli::command()))
        .var(VARIABLE)
        .try_complete(std::env::args_os(), std::env::current_dir().ok().as_deref())
        .unwrap_or(true) // a shell that cannot be answered gets nothing; it must not get an error either
}

/// Resource names and short names, for WHAT.
pub(crate) fn nouns() -> Vec<CompletionCandidate> {
    RESOURCES
        .iter()
        .flat_map(|resource| {
            let help = if resource.group.is_empty() {
                resource.kind.to_owned()
            } else {
                format!("{} of {}", resource.kind, resource.group)
            };
            std::iter::once(resource.plural)
                .chain(resource.short.iter().copied())
                .map(move |name| CompletionCandidate::new(name).help(Some(help.clone().into())))
        })
        .collect()
}

/// Codes, for `explain`.
pub(crate) fn codes() -> Vec<CompletionCandidate> {
    codes::all()
        .map(|code| CompletionCandidate::new(code.id).help(Some(code.title.into())))
        .collect()
}
