//! Reading JSONPath and templates.

use serde_json::Value;

use super::slice::ListSlice;
use super::{Compare, DEPTH, JsonPath, JsonPathError, Operand, PathStep, Piece};
use crate::go_text::unescape;

/// What is left of the text.
pub(super) struct PathReader<'t> {
    pub(super) rest: &'t str,
    pub(super) depth: usize,
}

impl PathReader<'_> {
    pub(super) fn error(&self, want: &'static str) -> JsonPathError {
        JsonPathError {
            at: self.rest.to_owned(),
            want,
        }
    }

    pub(super) fn eat(&mut self, token: &str) -> bool {
        self.rest
            .strip_prefix(token)
            .map(|rest| self.rest = rest)
            .is_some()
    }

    pub(super) fn want(&mut self, token: &str, want: &'static str) -> Result<(), JsonPathError> {
        self.space();
        if self.eat(token) {
            Ok(())
        } else {
            Err(self.error(want))
        }
    }

    pub(super) fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// What follows `{`, up to and with `}`.
    pub(super) fn braces(
        &mut self,
        open: &mut Vec<(JsonPath, Vec<Piece>)>,
    ) -> Result<(), JsonPathError> {
        self.space();
        if self.eat("}") {
            // `{}` is the object itself.
            if let Some((_, nodes)) = open.last_mut() {
                nodes.push(Piece::Path(JsonPath::default()));
            }
            return Ok(());
        }
        loop {
            self.space();
            let node = if self.eat("}") {
                return Ok(());
            } else if self.rest.starts_with("range ") || self.rest.starts_with("range.") {
                self.eat("range");
                self.space();
                let path = self.path()?;
                open.push((path, Vec::new()));
                continue;
            } else if self
                .rest
                .strip_prefix("end")
                .is_some_and(|rest| rest.trim_start().starts_with('}'))
            {
                self.eat("end");
                match open.pop() {
                    Some((path, nodes)) if !open.is_empty() => Piece::Range(path, nodes),
                    _ => return Err(self.error("{end} without a range")),
                }
            } else if self.rest.starts_with(['"', '\'']) {
                Piece::Text(self.quoted()?)
            } else if self.rest.starts_with(['.', '[', '$', '@']) {
                Piece::Path(self.path()?)
            } else {
                Piece::Text(self.literal()?)
            };
            if let Some((_, nodes)) = open.last_mut() {
                nodes.push(node);
            }
        }
    }

    /// A number or a truth value, which is its own text.
    fn literal(&mut self) -> Result<String, JsonPathError> {
        let end = self.rest.find(['}', ' ']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        let is_literal = matches!(word, "true" | "false") || word.parse::<f64>().is_ok();
        if !is_literal {
            return Err(
                self.error("a path, which begins with a dot, a text in quotes, range or end")
            );
        }
        self.rest = rest;
        Ok(word.to_owned())
    }

    pub(super) fn path(&mut self) -> Result<JsonPath, JsonPathError> {
        let mut steps = Vec::new();
        if self.eat("$") {
            steps.push(PathStep::Root);
        } else {
            self.eat("@");
        }
        loop {
            if self.eat("..") {
                steps.push(PathStep::Descend);
                if !self.rest.starts_with('[') {
                    steps.push(self.field()?);
                }
            } else if self.eat(".") {
                // `{.}` is the object itself; `.[0]` is `[0]`.
                if !self.rest.is_empty() && !self.rest.starts_with(['[', '}', ' ', ')']) {
                    steps.push(self.field()?);
                }
            } else if self.eat("[") {
                steps.push(self.bracket()?);
            } else {
                return Ok(JsonPath(steps));
            }
        }
    }

    pub(super) fn field(&mut self) -> Result<PathStep, JsonPathError> {
        if self.eat("*") {
            return Ok(PathStep::Wildcard);
        }
        self.name().map(PathStep::Field)
    }

    pub(super) fn name(&mut self) -> Result<String, JsonPathError> {
        let mut name = String::new();
        let mut chars = self.rest.char_indices();
        let end = loop {
            match chars.next() {
                Some((_, '\\')) => name.extend(chars.next().map(|(_, escaped)| escaped)),
                Some((_, c)) if !c.is_whitespace() && !".[]{}()=!<>,'\"@$|&".contains(c) => {
                    name.push(c)
                }
                Some((at, _)) => break at,
                None => break self.rest.len(),
            }
        };
        if end == 0 {
            return Err(self.error("a field name"));
        }
        self.rest = self.rest.get(end..).unwrap_or_default();
        Ok(name)
    }

    pub(super) fn quoted(&mut self) -> Result<String, JsonPathError> {
        let mut chars = self.rest.char_indices();
        let Some((_, quote)) = chars.next() else {
            return Err(self.error("a quote"));
        };
        let mut text = Vec::new();
        let push = |text: &mut Vec<u8>, c: char| {
            text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        };
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => {
                    let mut ahead = chars.clone();
                    match unescape(&mut ahead.by_ref().map(|(_, c)| c), &mut text) {
                        Some(()) => chars = ahead,
                        None => match chars.next() {
                            Some((_, c)) => push(&mut text, c),
                            None => break,
                        },
                    }
                }
                c if c == quote => {
                    self.rest = self.rest.get(at + c.len_utf8()..).unwrap_or_default();
                    return Ok(String::from_utf8_lossy(&text).into_owned());
                }
                c => push(&mut text, c),
            }
        }
        Err(self.error("a closing quote"))
    }

    /// A name in quotes within brackets; without a dot it can be nothing else.
    fn quoted_field(&mut self) -> Result<PathStep, JsonPathError> {
        let written = self.rest;
        let name = self.quoted()?;
        let used = written.len() - self.rest.len();
        // As it is written, with its escapes, is how kubectl reads it as a path.
        let inner = written.get(1..used.saturating_sub(1)).unwrap_or_default();
        let mut path = PathReader {
            rest: inner,
            depth: self.depth,
        };
        let steps = path.field().and_then(|first| {
            let mut rest = path.path()?;
            rest.0.insert(0, first);
            Ok(rest)
        });
        Ok(match steps {
            Ok(steps) if path.rest.is_empty() && steps.0.len() > 1 => PathStep::Quoted(name, steps),
            // An escaped name is a field.
            _ => PathStep::Field(name),
        })
    }

    pub(super) fn integer(&mut self) -> Option<i64> {
        self.space();
        let digits = self
            .rest
            .trim_start_matches(['-', '+'])
            .find(|c: char| !c.is_ascii_digit());
        let sign = self.rest.len() - self.rest.trim_start_matches(['-', '+']).len();
        let end = digits.map_or(self.rest.len(), |digits| sign + digits);
        let number = self.rest.get(..end)?.parse().ok()?;
        self.rest = self.rest.get(end..)?;
        self.space();
        Some(number)
    }

    pub(super) fn bracket(&mut self) -> Result<PathStep, JsonPathError> {
        self.space();
        if self.eat("?(") {
            let step = self.filter()?;
            self.want(")", "a closing parenthesis")?;
            self.want("]", "a closing bracket")?;
            return Ok(step);
        }
        let mut steps = Vec::new();
        loop {
            self.space();
            steps.push(if self.eat("*") {
                PathStep::Slice(ListSlice::ALL)
            } else if self.rest.starts_with(['\'', '"']) {
                self.quoted_field()?
            } else {
                self.slice()?
            });
            self.space();
            if self.eat("]") {
                break;
            }
            self.want(",", "a closing bracket")?;
        }
        match (steps.pop(), steps.is_empty()) {
            (Some(step), true) => Ok(step),
            (last, _) => {
                steps.extend(last);
                Ok(PathStep::Union(steps))
            }
        }
    }

    pub(super) fn slice(&mut self) -> Result<PathStep, JsonPathError> {
        let from = self.integer();
        if !self.eat(":") {
            return match from {
                Some(_) => Ok(PathStep::Slice(ListSlice {
                    from,
                    to: None,
                    step: 1,
                    single: true,
                })),
                None => Err(self.error("an index, a name in quotes, * or ?()")),
            };
        }
        let to = self.integer();
        let step = if self.eat(":") { self.integer() } else { None };
        Ok(PathStep::Slice(ListSlice {
            from,
            to,
            step: step.unwrap_or(1),
            single: false,
        }))
    }

    pub(super) fn filter(&mut self) -> Result<PathStep, JsonPathError> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.error("filters are nested too deep"));
        }
        let left = self.operand()?;
        self.space();
        let operators = [
            ("==", Compare::Equal),
            ("!=", Compare::NotEqual),
            ("<=", Compare::LessEqual),
            (">=", Compare::GreaterEqual),
            ("<", Compare::Less),
            (">", Compare::Greater),
        ];
        let found = operators.into_iter().find(|(token, _)| self.eat(token));
        let test = match found {
            Some((_, compare)) => Some((compare, self.operand()?)),
            None => None,
        };
        self.depth -= 1;
        Ok(PathStep::Filter { left, test })
    }

    pub(super) fn operand(&mut self) -> Result<Operand, JsonPathError> {
        self.space();
        if self.rest.starts_with(['@', '$', '.']) {
            return self.path().map(Operand::Path);
        }
        if self.rest.starts_with(['\'', '"']) {
            return self
                .quoted()
                .map(|text| Operand::Literal(Value::String(text)));
        }
        let end = self
            .rest
            .find(|c: char| c.is_whitespace() || ")=!<>".contains(c))
            .unwrap_or(self.rest.len());
        let literal = self
            .rest
            .get(..end)
            .and_then(|text| serde_json::from_str(text).ok());
        let literal = literal
            .ok_or_else(|| self.error("@.path, a text in quotes, a number, true or false"))?;
        self.rest = self.rest.get(end..).unwrap_or_default();
        Ok(Operand::Literal(literal))
    }
}
