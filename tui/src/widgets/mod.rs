//! Parts that screens are made of.

mod list;
mod pager;
mod split;
mod table;

pub use list::List;
pub use pager::Pager;
pub use split::{Panes, Split};
pub use table::{Column, Table};
