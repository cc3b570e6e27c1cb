//! What the path of a request asks for.

use percent_encoding::percent_decode_str;

use crate::catalog::GroupVersion;

/// A path, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// `/source/NAME/…`: the evidence; without it the first.
    pub source: Option<String>,
    /// `/at/MOMENT/…`: a revision or a time; without it the moment of the source.
    pub moment: Option<String>,
    /// What of it.
    pub what: What,
}

/// What is asked of a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum What {
    /// Nothing that is known.
    #[default]
    Unknown,
    /// `/`: the paths that there are.
    Root,
    /// `/version`.
    Version,
    /// `/healthz`, `/livez`, `/readyz`.
    Health,
    /// `/api`.
    CoreVersions,
    /// `/apis`.
    Groups,
    /// `/apis/GROUP`.
    Group(String),
    /// `/api/v1`, `/apis/GROUP/VERSION`.
    Resources(GroupVersion),
    /// `/openapi/v2`.
    OpenApiV2,
    /// `/openapi/v3`.
    OpenApiV3,
    /// `/openapi/v3/api/v1`, `/openapi/v3/apis/GROUP/VERSION`.
    OpenApiV3Of(GroupVersion),
    /// Objects.
    Objects(Box<ObjectPath>),
}

/// The path of objects of one resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectPath {
    /// Of which API.
    pub of: GroupVersion,
    /// `shop`; none: cluster-wide.
    pub namespace: Option<String>,
    /// `pods`.
    pub plural: String,
    /// One object.
    pub name: Option<String>,
    /// `log`, `status`.
    pub subresource: Option<String>,
    /// Whether the path itself asks to watch (`/api/v1/watch/pods`).
    pub is_watch: bool,
}

impl Asked {
    /// Reads a path.
    pub fn parse(path: &str) -> Self {
        let decoded: Vec<String> = path
            .split('/')
            .filter(|part| !part.is_empty())
            .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
            .collect();
        let mut parts: &[String] = &decoded;
        let mut asked = Self::default();
        if let [word, name, rest @ ..] = parts
            && word == "source"
        {
            asked.source = Some(name.clone());
            parts = rest;
        }
        if let [word, moment, rest @ ..] = parts
            && word == "at"
        {
            asked.moment = Some(moment.clone());
            parts = rest;
        }
        let words: Vec<&str> = parts.iter().map(String::as_str).collect();
        asked.what = what(&words);
        asked
    }
}

fn what(words: &[&str]) -> What {
    match words {
        [] => What::Root,
        ["version"] => What::Version,
        ["healthz" | "livez" | "readyz", ..] => What::Health,
        ["api"] => What::CoreVersions,
        ["apis"] => What::Groups,
        ["apis", group] => What::Group((*group).to_owned()),
        ["openapi", "v2"] => What::OpenApiV2,
        ["openapi", "v3"] => What::OpenApiV3,
        ["openapi", "v3", "api", version] => What::OpenApiV3Of(GroupVersion::new("", version)),
        ["openapi", "v3", "apis", group, version] => {
            What::OpenApiV3Of(GroupVersion::new(group, version))
        }
        ["api", version] => What::Resources(GroupVersion::new("", version)),
        ["apis", group, version] => What::Resources(GroupVersion::new(group, version)),
        ["api", version, rest @ ..] => objects(GroupVersion::new("", version), rest),
        ["apis", group, version, rest @ ..] => objects(GroupVersion::new(group, version), rest),
        _ => What::Unknown,
    }
}

/// As `NewRequestInfo` in apiserver `pkg/endpoints/request/requestinfo.go`, v0.34.0.
fn objects(of: GroupVersion, words: &[&str]) -> What {
    let (is_watch, words) = match words {
        ["watch", rest @ ..] if !rest.is_empty() => (true, rest),
        words => (false, words),
    };
    let (namespace, words) = match words {
        ["namespaces", namespace, rest @ ..]
            if !rest.is_empty() && !matches!(rest, ["status" | "finalize"]) =>
        {
            (Some((*namespace).to_owned()), rest)
        }
        words => (None, words),
    };
    let (plural, name, subresource) = match words {
        [plural] => (plural, None, None),
        [plural, name] => (plural, Some(name), None),
        [plural, name, subresource, ..] => (plural, Some(name), Some(subresource)),
        [] => return What::Unknown,
    };
    What::Objects(Box::new(ObjectPath {
        of,
        namespace,
        plural: (*plural).to_owned(),
        name: name.map(|name| (*name).to_owned()),
        subresource: subresource.map(|name| (*name).to_owned()),
        is_watch,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_evidence_moment_and_objects() {
        let asked = Asked::parse("/source/m2/at/-10m/apis/apps/v1/namespaces/shop/deployments/web");
        assert_eq!(asked.source.as_deref(), Some("m2"));
        assert_eq!(asked.moment.as_deref(), Some("-10m"));
        let What::Objects(path) = asked.what else {
            panic!("{asked:?}");
        };
        assert_eq!(path.of.api_version(), "apps/v1");
        assert_eq!(path.namespace.as_deref(), Some("shop"));
        assert_eq!(
            (path.plural.as_str(), path.name.as_deref()),
            ("deployments", Some("web"))
        );
    }

    #[test]
    fn a_namespace_is_an_object_unless_something_in_it_is_asked() {
        let path = |text: &str| match Asked::parse(text).what {
            What::Objects(path) => path,
            what => panic!("{what:?}"),
        };
        assert_eq!(path("/api/v1/namespaces/shop").plural, "namespaces");
        assert_eq!(path("/api/v1/namespaces/shop/status").plural, "namespaces");
        assert_eq!(path("/api/v1/namespaces/shop/pods").plural, "pods");
        assert_eq!(
            path("/api/v1/namespaces/shop/pods/web/log")
                .subresource
                .as_deref(),
            Some("log")
        );
        assert!(path("/api/v1/watch/pods").is_watch);
    }
}
