//! Objects that a controller makes again from an owner that is exported too: only if that owner is written.

use std::collections::HashSet;

use super::gather::GatheredObject;
use super::text;
use crate::kubernetes::apply::{Asked, LeftOut, Together, controlled_by, fate};

/// An object that is left out because of its owner.
pub(super) struct Owned {
    object: GatheredObject,
    why: LeftOut,
}

/// Those that are judged by themselves, and those that their owners make again.
pub(super) fn apart(
    found: Vec<GatheredObject>,
    together: &Together,
    owned: bool,
) -> (Vec<GatheredObject>, Vec<Owned>) {
    let (mut alone, mut made) = (Vec::new(), Vec::new());
    for object in found {
        match fate(&object.object, together, &object.known, owned) {
            Some(why @ LeftOut::Owned(_)) if object.known.asked != Asked::Name => {
                made.push(Owned { object, why });
            }
            _ => alone.push(object),
        }
    }
    (alone, made)
}

/// The uids of the objects that are lost to the answer.
#[derive(Default)]
pub(super) struct LostOwners(HashSet<String>);

impl LostOwners {
    pub(super) fn add(&mut self, uid: String) {
        if !uid.is_empty() {
            self.0.insert(uid);
        }
    }

    /// Why each object is left out: what an owner makes again that is lost itself is lost with it, and so is what that owns.
    pub(super) fn fates(mut self, owned: Vec<Owned>) -> Vec<(String, LeftOut)> {
        let (mut open, mut fates) = (owned, Vec::new());
        loop {
            let before = open.len();
            let mut rest = Vec::new();
            for one in open {
                match controlled_by(&one.object.object, &self.0) {
                    Some(kind) => {
                        fates.push((one.object.name, LeftOut::OwnerLeftOut(kind.to_owned())));
                        self.0
                            .insert(text(&one.object.object, "/metadata/uid").to_owned());
                    }
                    None => rest.push(one),
                }
            }
            open = rest;
            if open.len() == before {
                break;
            }
        }
        fates.extend(open.into_iter().map(|one| (one.object.name, one.why)));
        fates
    }
}
