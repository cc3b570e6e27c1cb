//! From words to the tree of a template.

use std::collections::HashMap;

use serde_json::Value;

use super::scan::{TemplatePart, Word, pieces, words};
use super::{GoTemplate, GoTemplateError};

/// A part of a template.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum TemplateNode {
    Text(String),
    Action(Pipeline),
    If(Branch),
    With(Branch),
    Range(Branch),
    Template(String, Option<Pipeline>),
    Break,
    Continue,
}

/// `if`, `with` or `range`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Branch {
    pub(super) pipeline: Pipeline,
    pub(super) body: Vec<TemplateNode>,
    pub(super) other: Vec<TemplateNode>,
}

/// `$x := a | b`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pipeline {
    /// As it is written, for errors.
    pub(super) text: String,
    pub(super) variables: Vec<String>,
    /// `=` instead of `:=`.
    pub(super) assigns: bool,
    pub(super) commands: Vec<Vec<Argument>>,
}

/// One word of a command.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Argument {
    Fields(Vec<String>),
    Variable(String, Vec<String>),
    Function(String),
    Literal(Value),
    Group(Pipeline, Vec<String>),
}

/// Parentheses and blocks nested deeper than this are refused.
const DEPTH: usize = 64;

/// Reads a whole template.
pub(super) fn template(text: &str) -> Result<GoTemplate, GoTemplateError> {
    let mut reader = Reader {
        pieces: pieces(text)?.into_iter(),
        named: HashMap::new(),
        depth: 0,
        loops: 0,
    };
    let (main, end) = reader.block()?;
    match end {
        BlockEnd::OfText => Ok(GoTemplate {
            main,
            named: reader.named,
        }),
        BlockEnd::OfBlock => Err(GoTemplateError::parse("end", "there is nothing to end")),
        BlockEnd::AtElse(_) => Err(GoTemplateError::parse(
            "else",
            "there is no if, with or range",
        )),
    }
}

/// What ended a block.
enum BlockEnd<'t> {
    OfText,
    OfBlock,
    /// `else`, or `else if …` with what follows `else`.
    AtElse(&'t str),
}

struct Reader<'t> {
    pieces: std::vec::IntoIter<TemplatePart<'t>>,
    named: HashMap<String, Vec<TemplateNode>>,
    depth: usize,
    loops: usize,
}

impl<'t> Reader<'t> {
    fn block(&mut self) -> Result<(Vec<TemplateNode>, BlockEnd<'t>), GoTemplateError> {
        let mut nodes = Vec::new();
        while let Some(piece) = self.pieces.next() {
            let action = match piece {
                TemplatePart::Text(text) => {
                    if !text.is_empty() {
                        nodes.push(TemplateNode::Text(text.to_owned()));
                    }
                    continue;
                }
                TemplatePart::Action(action) => action,
            };
            let (word, rest) = keyword(action);
            match word {
                "end" => return Ok((nodes, BlockEnd::OfBlock)),
                "else" => return Ok((nodes, BlockEnd::AtElse(rest))),
                _ => nodes.extend(self.node(word, rest, action)?),
            }
        }
        Ok((nodes, BlockEnd::OfText))
    }

    fn node(
        &mut self,
        word: &str,
        rest: &'t str,
        action: &str,
    ) -> Result<Option<TemplateNode>, GoTemplateError> {
        Ok(Some(match word {
            "if" => TemplateNode::If(self.branch(rest, false)?),
            "with" => TemplateNode::With(self.branch(rest, false)?),
            "range" => TemplateNode::Range(self.branch(rest, true)?),
            "break" | "continue" if self.loops == 0 => {
                return Err(GoTemplateError::parse(
                    action,
                    "there is no range around it",
                ));
            }
            "break" => TemplateNode::Break,
            "continue" => TemplateNode::Continue,
            "define" | "block" => return self.define(word, rest, action),
            "template" => {
                let (name, argument) = named(rest)?;
                TemplateNode::Template(name, argument)
            }
            _ => TemplateNode::Action(pipeline(action)?),
        }))
    }

    fn branch(&mut self, rest: &'t str, is_loop: bool) -> Result<Branch, GoTemplateError> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(GoTemplateError::parse(rest, "blocks are nested too deep"));
        }
        let pipeline = pipeline(rest)?;
        self.loops += usize::from(is_loop);
        let body = self.block()?;
        self.loops -= usize::from(is_loop);
        let (body, other) = match body {
            (body, BlockEnd::OfBlock) => (body, Vec::new()),
            (body, BlockEnd::AtElse("")) => match self.block()? {
                (other, BlockEnd::OfBlock) => (body, other),
                _ => return Err(GoTemplateError::parse(rest, "a block without {{end}}")),
            },
            (body, BlockEnd::AtElse(again)) => {
                let (word, rest) = keyword(again);
                let branch = self.branch(rest, false)?;
                let other = match word {
                    "if" => TemplateNode::If(branch),
                    "with" => TemplateNode::With(branch),
                    _ => return Err(GoTemplateError::parse(again, "else, else if or else with")),
                };
                (body, vec![other])
            }
            (_, BlockEnd::OfText) => {
                return Err(GoTemplateError::parse(rest, "a block without {{end}}"));
            }
        };
        self.depth -= 1;
        Ok(Branch {
            pipeline,
            body,
            other,
        })
    }

    fn define(
        &mut self,
        word: &str,
        rest: &str,
        action: &str,
    ) -> Result<Option<TemplateNode>, GoTemplateError> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(GoTemplateError::parse(action, "blocks are nested too deep"));
        }
        let (name, argument) = named(rest)?;
        let loops = std::mem::take(&mut self.loops);
        let (body, BlockEnd::OfBlock) = self.block()? else {
            return Err(GoTemplateError::parse(action, "a block without {{end}}"));
        };
        self.loops = loops;
        self.depth -= 1;
        self.named.insert(name.clone(), body);
        Ok((word == "block").then_some(TemplateNode::Template(name, argument)))
    }
}

/// The first word of an action, and what follows it.
fn keyword(action: &str) -> (&str, &str) {
    let end = action
        .find(|c: char| !c.is_alphanumeric())
        .unwrap_or(action.len());
    let (word, rest) = action.split_at_checked(end).unwrap_or((action, ""));
    (word, rest.trim())
}

/// `"name" pipeline`.
fn named(rest: &str) -> Result<(String, Option<Pipeline>), GoTemplateError> {
    let all = words(rest)?;
    let Some((Word::Literal(Value::String(name)), argument)) = all.split_first() else {
        return Err(GoTemplateError::parse(rest, "a name in quotes"));
    };
    let argument = match argument {
        [] => None,
        words => Some(of_words(rest, words)?),
    };
    Ok((name.clone(), argument))
}

fn pipeline(text: &str) -> Result<Pipeline, GoTemplateError> {
    of_words(text, &words(text)?)
}

fn of_words(text: &str, all: &[Word]) -> Result<Pipeline, GoTemplateError> {
    let (variables, assigns, mut rest) = match all {
        [
            Word::Variable(a, _),
            Word::Comma,
            Word::Variable(b, _),
            Word::Declare,
            rest @ ..,
        ] => (vec![a.clone(), b.clone()], false, rest),
        [
            Word::Variable(a, _),
            Word::Comma,
            Word::Variable(b, _),
            Word::Assign,
            rest @ ..,
        ] => (vec![a.clone(), b.clone()], true, rest),
        [Word::Variable(a, _), Word::Declare, rest @ ..] => (vec![a.clone()], false, rest),
        [Word::Variable(a, _), Word::Assign, rest @ ..] => (vec![a.clone()], true, rest),
        rest => (Vec::new(), false, rest),
    };
    let commands = commands(text, &mut rest, 0)?;
    if !rest.is_empty() {
        return Err(GoTemplateError::parse(
            text,
            "a parenthesis that was not opened",
        ));
    }
    Ok(Pipeline {
        text: text.to_owned(),
        variables,
        assigns,
        commands,
    })
}

/// Commands up to the end, or to the parenthesis that closes them.
fn commands(
    text: &str,
    rest: &mut &[Word],
    depth: usize,
) -> Result<Vec<Vec<Argument>>, GoTemplateError> {
    if depth > DEPTH {
        return Err(GoTemplateError::parse(
            text,
            "parentheses are nested too deep",
        ));
    }
    let mut commands: Vec<Vec<Argument>> = vec![Vec::new()];
    while let Some((word, after)) = rest.split_first() {
        let operand = match word {
            Word::Close(_) => break,
            Word::Pipe => {
                *rest = after;
                commands.push(Vec::new());
                continue;
            }
            Word::Fields(fields) => Argument::Fields(fields.clone()),
            Word::Variable(name, fields) => Argument::Variable(name.clone(), fields.clone()),
            Word::Name(name) => Argument::Function(name.clone()),
            Word::Literal(value) => Argument::Literal(value.clone()),
            Word::Open => {
                *rest = after;
                let commands = self::commands(text, rest, depth + 1)?;
                let Some((Word::Close(fields), _)) = rest.split_first() else {
                    return Err(GoTemplateError::parse(
                        text,
                        "a closing parenthesis is missing",
                    ));
                };
                let inner = Pipeline {
                    text: text.to_owned(),
                    variables: Vec::new(),
                    assigns: false,
                    commands,
                };
                Argument::Group(inner, fields.clone())
            }
            Word::Declare | Word::Assign | Word::Comma => {
                return Err(GoTemplateError::parse(text, "unexpected :=, = or comma"));
            }
        };
        *rest = rest.get(1..).unwrap_or_default();
        if let Some(last) = commands.last_mut() {
            last.push(operand);
        }
    }
    if commands.iter().any(Vec::is_empty) {
        return Err(GoTemplateError::parse(text, "a command is missing"));
    }
    Ok(commands)
}
