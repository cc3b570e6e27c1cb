//! Flags of kubectl that the verbs over objects take.

use etcd_inspect::answers::find::Scope;
use etcd_inspect::kubernetes::apply::Secrets;
use etcd_inspect::kubernetes::key::Layout;
use etcd_inspect::kubernetes::selector::{FieldSelector, LabelSelector, SelectorError};
use etcd_inspect::member::Reading;
use jiff::Timestamp;

use crate::failure::Failure;
use crate::secrets::{KeyFiles, Showing};

/// Where Kubernetes keeps its keys.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct LayoutArgs {
    /// Where kube-apiserver keeps its keys (its flag --etcd-prefix); default: detected
    #[arg(long, value_name = "P", hide_short_help = true)]
    pub(crate) etcd_prefix: Vec<String>,
}

impl LayoutArgs {
    /// The layout asked for; none: to be detected.
    pub(crate) fn layout(&self) -> Option<Layout> {
        (!self.etcd_prefix.is_empty())
            .then(|| Layout::with_prefixes(self.etcd_prefix.iter().map(String::as_str)))
    }
}

/// Of which namespaces.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct ScopeArgs {
    /// Objects of this namespace (default: default)
    #[arg(short, long, value_name = "NS")]
    pub(crate) namespace: Option<String>,
    /// Objects of all namespaces
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    pub(crate) all_namespaces: bool,
}

impl ScopeArgs {
    /// Which objects; without `-n` and `-A` those of the namespace `default`, as for kubectl.
    pub(crate) fn scope(&self) -> Scope {
        Scope {
            namespace: match (&self.namespace, self.all_namespaces) {
                (_, true) => None,
                (Some(namespace), _) => Some(namespace.clone()),
                (None, _) => Some("default".to_owned()),
            },
            ..Scope::default()
        }
    }
}

/// `--secrets`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum SecretsArg {
    /// Objects with hidden values are left out.
    Omit,
    /// Each hidden value is replaced.
    Placeholder,
}

impl SecretsArg {
    /// What becomes of objects with hidden values; left out by default.
    pub(crate) fn chosen(arg: Option<Self>) -> Secrets {
        match arg {
            Some(Self::Placeholder) => Secrets::Placeholder,
            Some(Self::Omit) | None => Secrets::Omit,
        }
    }
}

impl KubeArgs {
    /// What becomes of objects that shall be fed back and have hidden values.
    pub(crate) fn secrets(&self) -> Secrets {
        SecretsArg::chosen(self.secrets)
    }

    /// How values are read.
    pub(crate) fn reading(&self) -> Reading {
        Reading {
            stored: self.stored,
            unknown_fields: self.unknown,
        }
    }

    /// Which objects, and how they are read.
    pub(crate) fn scope(&self) -> Result<Scope, Failure> {
        let wrong = |error: SelectorError| Failure::usage(error.to_string());
        let text = |selector: &Option<String>| selector.clone().unwrap_or_default();
        Ok(Scope {
            labels: LabelSelector::parse(&text(&self.selector)).map_err(wrong)?,
            fields: FieldSelector::parse(&text(&self.field_selector)).map_err(wrong)?,
            reading: self.reading(),
            ..self.scope.scope()
        })
    }
}

/// What `kubectl get` takes.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct KubeArgs {
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    /// Labels: app=web,tier!=db,env in (a,b),!legacy
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub(crate) selector: Option<String>,
    /// Fields: status.phase=Running,spec.nodeName!=n1,type=Warning
    #[arg(long, value_name = "SELECTOR")]
    pub(crate) field_selector: Option<String>,
    /// A last column with the labels
    #[arg(long, hide_short_help = true)]
    pub(crate) show_labels: bool,
    /// A column for each of these labels
    #[arg(
        short = 'L',
        long,
        value_name = "LABEL,…",
        value_delimiter = ',',
        hide_short_help = true
    )]
    pub(crate) label_columns: Vec<String>,
    /// The kind before each name: pod/web
    #[arg(long, hide_short_help = true)]
    pub(crate) show_kind: bool,
    /// Objects that do not exist are no error
    #[arg(long, hide_short_help = true)]
    pub(crate) ignore_not_found: bool,
    /// With metadata.managedFields
    #[arg(long, hide_short_help = true)]
    pub(crate) show_managed_fields: bool,
    /// Ready for `kubectl apply`: no status, uid, resourceVersion
    ///
    /// As `export` writes an object: also without owners, finalizers, addresses, and all else that a cluster fills in.
    #[arg(long, conflicts_with = "full")]
    pub(crate) neat: bool,
    /// With --neat: leave out objects with hidden values, or print REPLACE_ME
    #[arg(
        long,
        value_name = "HOW",
        requires = "neat",
        conflicts_with = "reveal",
        hide_short_help = true
    )]
    pub(crate) secrets: Option<SecretsArg>,
    /// Everything an API server would send, managedFields included
    #[arg(long, hide_short_help = true)]
    pub(crate) full: bool,
    /// Exactly what the stored bytes hold, without the resourceVersion that an API server adds
    #[arg(long, hide_short_help = true)]
    pub(crate) stored: bool,
    /// Also fields that no release names, under their number
    #[arg(long, hide_short_help = true)]
    pub(crate) unknown: bool,
    /// As `describe`: states, conditions, and the events about it
    #[arg(long)]
    pub(crate) describe: bool,
    /// Values that give no object: cause, place, bytes around
    #[arg(long)]
    pub(crate) undecodable: bool,
    /// Count objects by stored version, and the release that removes it
    #[arg(long, conflicts_with_all = ["undecodable", "describe", "neat"])]
    pub(crate) stored_versions: bool,
    /// What ages are relative to (default: the newest time in the data)
    #[arg(long, value_name = "TIME", hide_short_help = true)]
    pub(crate) now: Option<Timestamp>,
    /// The time that the state was asked for: ages are relative to it without `--now`
    #[arg(skip)]
    pub(crate) asked_time: Option<Timestamp>,
    #[command(flatten)]
    pub(crate) layout: LayoutArgs,
    #[command(flatten)]
    pub(crate) keys: KeyFiles,
    #[command(flatten)]
    pub(crate) showing: Showing,
}
