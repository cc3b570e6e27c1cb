//! kubectl's nouns: `po`, `deploy.apps`, `widgets.example.com`, `all`.

use super::crd::Crd;
use super::key::{Layout, group_and_plural};
use super::resources::{RESOURCES, Resource};

/// A resource that a noun means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Registry path below the prefix: `pods`, `services/specs`, `example.com/widgets`.
    pub path: String,
    /// API group, empty for core.
    pub group: String,
    /// `pods`.
    pub plural: String,
    /// `pod`: the lower-case word before the slash of `-o name`.
    pub singular: String,
    /// `Pod`; empty if neither the table nor a CRD names it.
    pub kind: String,
    /// Whether its objects have a namespace; `None`: nothing says it.
    pub namespaced: Option<bool>,
}

impl Target {
    /// What kubectl prints before the slash with `-o name` and in tables of several types: `pod`, `deployment.apps`.
    pub fn label(&self) -> String {
        if self.group.is_empty() {
            self.singular.clone()
        } else {
            format!("{}.{}", self.singular, self.group)
        }
    }

    /// OpenShift's projects: its API server shows each namespace as one.
    fn projects() -> Self {
        Self {
            path: "namespaces".to_owned(),
            group: "project.openshift.io".to_owned(),
            plural: "projects".to_owned(),
            singular: "project".to_owned(),
            kind: "Project".to_owned(),
            namespaced: Some(false),
        }
    }

    /// Whether the objects below its path are of another kind, and are shown as those of this one.
    pub fn is_view(&self) -> bool {
        self.kind == "Project" && self.path == "namespaces"
    }

    /// The stored object as one of the kind that was asked for.
    pub fn view(&self, object: &mut serde_json::Value) {
        if let Some(fields) = object.as_object_mut().filter(|_| self.is_view()) {
            let api_version = format!("{}/v1", self.group);
            fields.insert("apiVersion".to_owned(), api_version.into());
            fields.insert("kind".to_owned(), self.kind.as_str().into());
        }
    }

    fn unknown(path: &str) -> Self {
        let (group, plural) = group_and_plural(path);
        Self {
            path: path.to_owned(),
            group: group.to_owned(),
            plural: plural.to_owned(),
            singular: plural.to_owned(),
            kind: String::new(),
            namespaced: None,
        }
    }
}

impl From<&Resource> for Target {
    fn from(resource: &Resource) -> Self {
        Self {
            path: resource.path.to_owned(),
            group: resource.group.to_owned(),
            plural: resource.plural.to_owned(),
            singular: resource.singular.to_owned(),
            kind: resource.kind.to_owned(),
            namespaced: Some(resource.namespaced),
        }
    }
}

impl From<&Crd> for Target {
    fn from(crd: &Crd) -> Self {
        Self {
            path: crd.path(),
            group: crd.group.clone(),
            plural: crd.plural.clone(),
            singular: if crd.singular.is_empty() {
                crd.kind.to_lowercase()
            } else {
                crd.singular.clone()
            },
            kind: crd.kind.clone(),
            namespaced: Some(crd.namespaced),
        }
    }
}

impl Layout {
    /// The resources that a noun means: plural, singular, kind or short name, with `.group` or `.version.group` after it,
    /// a category, or a registry path. Built-in ones win over custom ones, as in kubectl. Empty: none.
    ///
    /// ```
    /// use etcd_inspect_kube::key::Layout;
    /// let found = Layout::default().resolve("deploy.apps");
    /// assert_eq!(found[0].path, "deployments");
    /// assert!(Layout::default().resolve("all").iter().any(|target| target.kind == "CronJob"));
    /// ```
    pub fn resolve(&self, noun: &str) -> Vec<Target> {
        let (name, suffix) = noun.split_once('.').unwrap_or((noun, ""));
        let versionless = suffix
            .split_once('.')
            .filter(|(version, _)| is_version(version))
            .map(|(_, group)| group);
        let in_group = |group: &dyn Fn(&str) -> bool| {
            suffix.is_empty()
                || group(suffix)
                || versionless.is_some_and(group)
                || (is_version(suffix) && group(""))
        };
        let builtin = RESOURCES.iter().find(|resource| {
            resource.is_called(name)
                && in_group(&|group| resource.in_group(group))
                && resource.group_is_kubernetes(suffix)
        });
        if let Some(resource) = builtin {
            return vec![resource.into()];
        }
        let custom: Vec<_> = self
            .crds()
            .filter(|crd| crd.is_called(name) && in_group(&|group| crd.group == group))
            .map(Target::from)
            .collect();
        if !custom.is_empty() {
            return custom;
        }
        if let Some(resource) = RESOURCES.iter().find(|resource| {
            resource.is_called(name) && in_group(&|group| resource.in_group(group))
        }) {
            return vec![resource.into()];
        }
        let is_project = name.to_lowercase().trim_end_matches('s') == "project";
        if is_project && self.is_openshift() && in_group(&|group| group == "project.openshift.io") {
            return vec![Target::projects()];
        }
        let builtin = RESOURCES
            .iter()
            .filter(|resource| resource.categories.contains(&noun))
            .map(Target::from);
        let custom = self
            .crds()
            .filter(|crd| crd.categories.iter().any(|category| category == noun))
            .map(Target::from);
        let category: Vec<_> = builtin.chain(custom).collect();
        if category.is_empty() {
            return Resource::by_path(noun)
                .map(Target::from)
                .into_iter()
                .collect();
        }
        category
    }

    /// The same for what neither the table nor a CRD knows, by the registry paths in the data: objects whose CRD
    /// is gone (`widgets`, `widgets.example.com`), or a resource of another program (`things`).
    pub fn resolve_stored<'p>(
        &self,
        noun: &str,
        paths: impl IntoIterator<Item = &'p str>,
    ) -> Vec<Target> {
        let called = |path: &&str| {
            let (group, plural) = group_and_plural(path);
            *path == noun
                || plural == noun
                || noun
                    .strip_prefix(plural)
                    .and_then(|rest| rest.strip_prefix('.'))
                    == Some(group)
        };
        paths
            .into_iter()
            .filter(called)
            .map(Target::unknown)
            .collect()
    }

    /// Whether the API server is OpenShift's: by its prefix, or by its CRDs.
    fn is_openshift(&self) -> bool {
        let mut prefixes = self.prefixes();
        prefixes.any(|prefix| prefix.ends_with("kubernetes.io"))
            || self.crds().any(|crd| crd.group.ends_with(".openshift.io"))
    }

    /// The resource whose objects are of that apiVersion and kind: where an owner reference leads.
    pub fn of_kind(&self, api_version: &str, kind: &str) -> Option<Target> {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let builtin = Resource::of_kind(group, kind).map(Target::from);
        builtin.or_else(|| {
            self.crds()
                .find(|crd| crd.group == group && crd.kind == kind)
                .map(Target::from)
        })
    }
}

impl Resource {
    /// CRDs win over OpenShift's own resources of the same name, unless they are asked for by group.
    fn group_is_kubernetes(&self, suffix: &str) -> bool {
        !suffix.is_empty() || !self.group.ends_with(".openshift.io")
    }
}

/// `v1`, `v2beta1`.
fn is_version(word: &str) -> bool {
    word.strip_prefix('v')
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> Layout {
        let mut layout = Layout::default();
        layout.add_crd(Crd {
            group: "example.com".into(),
            plural: "widgets".into(),
            singular: "widget".into(),
            kind: "Widget".into(),
            short: vec!["wd".into(), "po".into()],
            categories: vec!["all".into()],
            ..Crd::default()
        });
        layout.add_crd(Crd {
            group: "serving.knative.dev".into(),
            plural: "routes".into(),
            kind: "Route".into(),
            ..Crd::default()
        });
        layout
    }

    #[test]
    fn every_form_of_a_noun_is_understood() {
        let layout = layout();
        for (noun, path) in [
            ("po", "pods"),
            ("Pod", "pods"),
            ("pods.v1", "pods"),
            ("deploy.apps", "deployments"),
            ("deployments.v1.apps", "deployments"),
            ("deployments.extensions", "deployments"),
            ("events.events.k8s.io", "events"),
            ("no", "minions"),
            ("svc", "services/specs"),
            ("ep", "services/endpoints"),
            ("wd", "example.com/widgets"),
            ("widgets.example.com", "example.com/widgets"),
            ("widgets.v1beta1.example.com", "example.com/widgets"),
            ("minions", "minions"),
            ("masterleases", "masterleases"),
            ("routes", "serving.knative.dev/routes"),
            ("routes.route.openshift.io", "routes"),
            ("dc", "deploymentconfigs"),
        ] {
            let found = layout.resolve(noun);
            assert_eq!(
                found
                    .iter()
                    .map(|target| target.path.as_str())
                    .collect::<Vec<_>>(),
                [path],
                "{noun}"
            );
        }
        assert!(layout.resolve("pods.example.com").is_empty());
        assert!(layout.resolve("nothing").is_empty());
        assert!(
            layout
                .resolve("all")
                .iter()
                .any(|target| target.kind == "Widget")
        );
    }

    #[test]
    fn objects_whose_crd_is_gone_are_found_by_their_keys() {
        let paths = ["pods", "gone.io/things", "odd"];
        for noun in ["things", "things.gone.io", "gone.io/things"] {
            assert_eq!(
                layout().resolve_stored(noun, paths)[0].path,
                "gone.io/things",
                "{noun}"
            );
        }
        assert_eq!(layout().resolve_stored("odd", paths)[0].label(), "odd");
    }

    #[test]
    fn an_owner_reference_leads_to_its_resource() {
        assert_eq!(
            layout().of_kind("apps/v1", "ReplicaSet").unwrap().path,
            "replicasets"
        );
        assert_eq!(layout().of_kind("v1", "Node").unwrap().path, "minions");
        assert_eq!(
            layout().of_kind("example.com/v1", "Widget").unwrap().path,
            "example.com/widgets"
        );
        assert_eq!(layout().of_kind("x/v1", "Node"), None);
    }
}
