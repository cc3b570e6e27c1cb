//! kubectl's selectors: `-l` over labels, `--field-selector` over fields.

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while, take_while1};
use nom::character::complete::{char, multispace0, multispace1};
use nom::combinator::{all_consuming, map, opt, value, verify};
use nom::multi::separated_list0;
use nom::sequence::{delimited, preceded, terminated};
use nom::{IResult, Parser};
use serde_json::Value;

/// Why a selector could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the selector at {at:?}: {want}")]
pub struct SelectorError {
    at: String,
    want: &'static str,
}

/// `app=web,tier in (a, b),!legacy`.
///
/// ```
/// use etcd_inspect_kube::selector::LabelSelector;
/// let selector = LabelSelector::parse("app=web,tier notin (cache),track")?;
/// let labels = serde_json::json!({"app": "web", "track": "stable"});
/// assert!(selector.matches(Some(&labels)));
/// assert!(!selector.matches(None));
/// # Ok::<(), etcd_inspect_kube::selector::SelectorError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector(Vec<Requirement>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    Exists,
    Absent,
    In(Vec<String>),
    NotIn(Vec<String>),
    Greater(i64),
    Less(i64),
}

impl LabelSelector {
    /// Reads kubectl's syntax: `=`, `==`, `!=`, `in (…)`, `notin (…)`, `key`, `!key`, `>` and `<`, joined by commas.
    ///
    /// # Errors
    /// [`SelectorError`] with the place where reading stopped.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let list = separated_list0(spaced(char(',')), requirement);
        match terminated(list, multispace0).parse(text) {
            Ok(("", requirements)) => Ok(Self(requirements)),
            Ok((rest, _)) | Err(nom::Err::Error(nom::error::Error { input: rest, .. })) => {
                Err(SelectorError {
                    at: rest.to_owned(),
                    want: "want key=value, key!=value, key in (a,b), key notin (a), key or !key",
                })
            }
            Err(_) => Err(SelectorError {
                at: text.to_owned(),
                want: "incomplete",
            }),
        }
    }

    /// Whether `metadata.labels` fit; `None` means no labels at all. `!=` and `notin` also match if the label is absent.
    /// A key that is absent fulfils `notin` and `!=`: `Matches` in apimachinery `pkg/labels/selector.go`, v0.34.0.
    pub fn matches(&self, labels: Option<&Value>) -> bool {
        self.0.iter().all(|requirement| {
            let label = labels
                .and_then(|labels| labels.get(&requirement.key))
                .and_then(Value::as_str);
            let has = |values: &[String]| {
                label.is_some_and(|label| values.iter().any(|value| value == label))
            };
            let number = label.and_then(|label| label.parse::<i64>().ok());
            match &requirement.test {
                Test::Exists => label.is_some(),
                Test::Absent => label.is_none(),
                Test::In(values) => has(values),
                Test::NotIn(values) => !has(values),
                Test::Greater(bound) => number.is_some_and(|number| number > *bound),
                Test::Less(bound) => number.is_some_and(|number| number < *bound),
            }
        })
    }

    /// Whether it fits everything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn spaced<'t, O>(
    inner: impl Parser<&'t str, Output = O, Error = nom::error::Error<&'t str>>,
) -> impl Parser<&'t str, Output = O, Error = nom::error::Error<&'t str>> {
    delimited(multispace0, inner, multispace0)
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_./".contains(c)
}

fn key(text: &str) -> IResult<&str, &str> {
    preceded(
        multispace0,
        verify(take_while1(is_word), |word: &str| {
            !matches!(word, "in" | "notin")
        }),
    )
    .parse(text)
}

fn word(text: &str) -> IResult<&str, String> {
    map(take_while(is_word), str::to_owned).parse(text)
}

fn values(text: &str) -> IResult<&str, Vec<String>> {
    delimited(
        spaced(char('(')),
        separated_list0(char(','), spaced(word)),
        preceded(multispace0, char(')')),
    )
    .parse(text)
}

fn number(text: &str) -> IResult<&str, i64> {
    preceded(multispace0, nom::character::complete::i64).parse(text)
}

/// `parseRequirement` in apimachinery `pkg/labels/selector.go`, v0.34.0.
fn requirement(text: &str) -> IResult<&str, Requirement> {
    let absent = map(preceded(spaced(char('!')), key), |key| Requirement {
        key: key.to_owned(),
        test: Test::Absent,
    });
    let one = |text| preceded(multispace0, map(word, |word| vec![word])).parse(text);
    let test = alt((
        map(preceded(spaced(tag("!=")), one), Test::NotIn),
        map(preceded(spaced(alt((tag("=="), tag("=")))), one), Test::In),
        map(preceded((multispace1, tag("notin")), values), Test::NotIn),
        map(preceded((multispace1, tag("in")), values), Test::In),
        map(preceded(spaced(char('>')), number), Test::Greater),
        map(preceded(spaced(char('<')), number), Test::Less),
    ));
    let present = map((key, opt(test)), |(key, test)| Requirement {
        key: key.to_owned(),
        test: test.unwrap_or(Test::Exists),
    });
    alt((absent, present)).parse(text)
}

/// `status.phase=Running,spec.nodeName!=node-1`.
///
/// Which fields a kind can be selected by: [`field_labels`](super::field_labels). A field that is absent compares as the empty
/// string.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector(Vec<FieldTest>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct FieldTest {
    path: Vec<String>,
    equal: bool,
    value: String,
}

impl FieldSelector {
    /// Reads kubectl's syntax: `path=value`, `path==value`, `path!=value`, joined by commas; `\,`, `\=` and `\\` in values.
    ///
    /// # Errors
    /// [`SelectorError`] with the place where reading stopped.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        match all_consuming(separated_list0(spaced(char(',')), field_test)).parse(text) {
            Ok((_, tests)) => Ok(Self(tests)),
            Err(nom::Err::Error(error) | nom::Err::Failure(error)) => Err(SelectorError {
                at: error.input.to_owned(),
                want: "want field.path=value or field.path!=value",
            }),
            Err(_) => Err(SelectorError {
                at: text.to_owned(),
                want: "incomplete",
            }),
        }
    }

    /// Whether the object fits.
    pub fn matches(&self, object: &Value) -> bool {
        self.0.iter().all(|test| {
            // A Job is selected by a name that no field of it has.
            let is_job = object.get("kind").is_some_and(|kind| kind == "Job");
            let name = |name: &str| match name {
                "successful" if is_job => "succeeded".to_owned(),
                name => name.to_owned(),
            };
            let found = test
                .path
                .iter()
                .try_fold(object, |value, part| value.get(name(part)));
            let fits = match found {
                Some(Value::String(text)) => *text == test.value,
                None | Some(Value::Null) => {
                    let is_last = |names: &[&str]| {
                        let last = test.path.last();
                        last.is_some_and(|last| names.contains(&last.as_str()))
                    };
                    match test.value.as_str() {
                        "" => true,
                        "false" => is_last(&["unschedulable", "hostNetwork"]),
                        "0" => is_last(&["successful", "replicas"]),
                        _ => false,
                    }
                }
                Some(other) => super::jsonpath::text(other) == test.value,
            };
            fits == test.equal
        })
    }

    /// Whether it fits everything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first field that is none of these: no API server selects by it.
    pub fn unsupported(&self, supported: &[&str]) -> Option<String> {
        let mut paths = self.0.iter().map(|test| match test.path.join(".") {
            path if path == "source.component" => "source".to_owned(),
            path => path,
        });
        paths.find(|path| !supported.contains(&path.as_str()))
    }
}

/// `splitTerm` in apimachinery `pkg/fields/selector.go`, v0.34.0.
fn field_test(text: &str) -> IResult<&str, FieldTest> {
    let path = take_while1(|c: char| c.is_ascii_alphanumeric() || "-_./".contains(c));
    let operator = alt((
        value(false, tag("!=")),
        value(true, alt((tag("=="), tag("=")))),
    ));
    map((path, operator, field_value), |(path, equal, value)| {
        // Events know the component that wrote them simply as `source`.
        let path = if path == "source" {
            "source.component"
        } else {
            path
        };
        FieldTest {
            path: path.split('.').map(str::to_owned).collect(),
            equal,
            value,
        }
    })
    .parse(text)
}

fn field_value(text: &str) -> IResult<&str, String> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            ',' => return Ok((text.get(at..).unwrap_or_default(), value)),
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            c => value.push(c),
        }
    }
    Ok(("", value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_form_of_a_label_selector_is_read() {
        let labels = json!({"app": "web", "tier": "front", "example.com/track": "canary", "gen": "7", "empty": ""});
        for (selector, want) in [
            ("", true),
            ("app=web", true),
            ("app==web", true),
            (" app = web , tier != back ", true),
            ("app!=web", false),
            ("missing!=x", true),
            ("app in (web, api)", true),
            ("app in (api)", false),
            ("app notin (api,db),tier", true),
            ("missing notin (a)", true),
            ("example.com/track=canary", true),
            ("!missing", true),
            ("! app", false),
            ("app", true),
            ("missing", false),
            ("empty=", true),
            ("gen>6,gen<8", true),
            ("gen>7", false),
            ("inner", false),
        ] {
            assert_eq!(
                LabelSelector::parse(selector)
                    .unwrap()
                    .matches(Some(&labels)),
                want,
                "{selector}"
            );
        }
    }

    #[test]
    fn a_wrong_selector_says_where_reading_stopped() {
        for text in ["app=web,", "=web", "app in web", "a b", "app in (web"] {
            assert!(LabelSelector::parse(text).is_err(), "{text}");
        }
        assert!(FieldSelector::parse("status.phase").is_err());
    }

    #[test]
    fn fields_are_compared_as_text_and_absent_ones_as_empty() {
        let pod = json!({"metadata": {"name": "web-1"}, "spec": {"nodeName": "n1", "replicas": 3}, "status": {"phase": "Running"}});
        for (selector, want) in [
            ("metadata.name=web-1,status.phase==Running", true),
            ("status.phase!=Running", false),
            ("spec.nodeName=n2", false),
            ("spec.replicas=3", true),
            ("spec.missing=", true),
            ("spec.missing!=x", true),
            ("spec.unschedulable=false", true),
            (r"metadata.name!=a\,b", true),
        ] {
            assert_eq!(
                FieldSelector::parse(selector).unwrap().matches(&pod),
                want,
                "{selector}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_selectors_never_panic(text in "[ -~]{0,40}") {
            let _ = LabelSelector::parse(&text);
            let _ = FieldSelector::parse(&text);
        }
    }
}
