//! The texts around clap's own help.

use clap::Command;

/// Printed when nothing was asked: what to run at 3 AM, in this order.
pub(crate) const NO_ARGS: &str = "\
etcd-inspect looks into a copied etcd data directory, db, snapshot or WAL. It never changes a byte of it.

  etcd-inspect status /copy/m1                   what is this, is it healthy, what next
  etcd-inspect check /copy/m1                    is it damaged, exactly where, what to do
  etcd-inspect compare /copy/m1 /copy/m2         which copy is best, where do they differ
  etcd-inspect changes /copy/m1                  what happened last, when, by whom
  etcd-inspect keys --by-resource /copy/m1       what is in it, how big
  etcd-inspect get deploy/web -n shop -d /copy/m1
  etcd-inspect preflight /copy/m1 --for start    would etcd start with this, and what would it lose

etcd-inspect -h: every verb · etcd-inspect VERB -h: its flags, examples first
";

pub(crate) const ROOT_TEMPLATE: &str = "{about}\n{before-help}Verbs:\n{subcommands}{after-help}";

pub(crate) const EXAMPLES: &str = "\
Examples:
  etcd-inspect check /copy/m1";

/// Verbs that the list of all verbs names in one line, so that it fits a screen.
const MORE: [&str; 11] = [
    "completions",
    "decode",
    "doctor",
    "hashkv",
    "leases",
    "man",
    "manifest",
    "redact",
    "snap",
    "tables",
    "version",
];

pub(crate) const AFTER: &str = "\
More verbs: completions decode doctor hashkv leases man manifest redact snap tables version
PATH: data dir, member/, db, snapshot, .wal, .snap, or .gz .zip .tar .tar.gz .tar.zst of these
Flags of every verb: -d PATH  -o FORMAT  --columns  --sort-by  --limit  -q  (VERB --help: all)
Exit: 0 fine · 1 not found, differs, findings · 2 bad usage · 3 partial answer";

/// What derive attributes cannot say: every verb shows its examples first.
pub(crate) fn finish(command: Command) -> Command {
    command.mut_subcommands(|verb| {
        // `-h` fits a screen: what most runs do not need is in `--help`.
        let rare = |arg: clap::Arg| match arg.get_help_heading() {
            Some("Secrets") => arg.hide_short_help(true),
            _ => arg,
        };
        let is_rare = MORE.contains(&verb.get_name());
        verb.help_template(VERB_TEMPLATE)
            .hide(is_rare)
            .mut_args(rare)
    })
}

const VERB_TEMPLATE: &str =
    "{about-with-newline}\n{before-help}{usage-heading} {usage}\n\n{all-args}{after-help}";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn help_fits_a_screen_and_shows_examples_first() {
        let mut root = super::finish(crate::app::Cli::command()).term_width(100);
        root.build();
        let text = root.render_help().to_string();
        assert!(text.lines().count() <= 40, "{text}");
        let more = format!("More verbs: {}\n", super::MORE.join(" "));
        assert!(super::AFTER.contains(&more), "{more}");
        assert!(super::NO_ARGS.lines().count() <= 12);
        for verb in root
            .get_subcommands_mut()
            .filter(|verb| verb.get_name() != "help")
        {
            let text = verb.render_help().to_string();
            assert!(text.lines().count() <= 40, "{text}");
            let (examples, usage) = (text.find("Examples:"), text.find("Usage:"));
            assert!(
                examples < usage && (examples.is_some() || verb.get_positionals().count() == 0),
                "{text}"
            );
        }
    }

    #[test]
    fn arguments_are_consistent() {
        super::finish(crate::app::Cli::command()).debug_assert();
    }
}
