//! The members of an object: of a message, of a map, or of a tree.

use std::borrow::Cow;

use serde_json::Value;

use super::entries::Entries;
use super::fault::Fault;
use super::message::MessageMembers;
use super::node::{Datum, Node, Span};

/// Walks named values: [`Self::advance`], then [`Self::name`] and [`Self::node`].
pub(crate) enum Members<'a> {
    Message(MessageMembers<'a>),
    Entries(Entries<'a>),
    Tree(Tree<'a>),
}

impl<'a> Members<'a> {
    /// The members of `node`; `None` if it is no object.
    pub(crate) fn new(node: &'a Node<'_>) -> Result<Option<Self>, Fault> {
        let room = node.inner();
        Ok(Some(match &node.datum {
            Datum::Object {
                fields,
                data,
                base,
                role,
            } => {
                let span = Span { data, base: *base };
                Self::Message(MessageMembers::open(
                    node.context,
                    room?,
                    fields,
                    span,
                    *role,
                )?)
            }
            Datum::Entries(field, span) => {
                Self::Entries(Entries::open(node.context, room?, field, *span)?)
            }
            Datum::Tree(Value::Object(map)) => Self::Tree(Tree {
                node,
                room: room?,
                rest: map.iter(),
                current: None,
            }),
            _ => return Ok(None),
        }))
    }

    /// Steps to the next member; false after the last one.
    pub(crate) fn advance(&mut self) -> Result<bool, Fault> {
        match self {
            Self::Message(members) => members.advance(),
            Self::Entries(members) => members.advance(),
            Self::Tree(tree) => {
                tree.current = tree.rest.next();
                Ok(tree.current.is_some())
            }
        }
    }

    /// The name of the member stepped to.
    pub(crate) fn name(&self) -> Cow<'_, str> {
        match self {
            Self::Message(members) => Cow::Borrowed(members.name()),
            Self::Entries(members) => members.name(),
            Self::Tree(tree) => Cow::Borrowed(tree.current.map_or("", |(name, _)| name.as_str())),
        }
    }

    /// The value of the member stepped to.
    pub(crate) fn node(&self) -> Result<Node<'_>, Fault> {
        match self {
            Self::Message(members) => members.node(),
            Self::Entries(members) => members.node(),
            Self::Tree(tree) => {
                let datum = tree
                    .current
                    .map_or(Datum::Null, |(_, value)| Datum::Tree(value));
                Ok(Node::new(tree.node.context, tree.room, datum))
            }
        }
    }
}

/// The members of something already in memory.
pub(crate) struct Tree<'a> {
    node: &'a Node<'a>,
    room: usize,
    rest: serde_json::map::Iter<'a>,
    current: Option<(&'a String, &'a Value)>,
}
