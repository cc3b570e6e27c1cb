//! Parts that screens are made of.

mod find;
mod grid;
mod list;
mod needle;
mod pager;
mod sieve;
mod split;
mod table;
mod view;

pub use find::Find;
pub use grid::{Grid, GridColumn, measure};
pub use list::List;
pub(crate) use needle::Needle;
pub use pager::Pager;
pub use sieve::Sieve;
pub use split::{Panes, Split};
pub use table::{Column, Table};
pub use view::{Click, Seen, View};
