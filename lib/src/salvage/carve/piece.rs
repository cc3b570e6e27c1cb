//! A file of which nothing is known: a piece of a db, of a log, or of a disk that held both.

use super::{CarveOrigin, Carvings, image, log};
use crate::progress::Progress;
use located::Bytes;

/// Carves a file of which nothing is known: records of a db and entries of a log, wherever they begin.
///
/// ```
/// use etcd_inspect::progress::Silent;
/// use etcd_inspect::salvage::carve::carve_piece;
/// use etcd_inspect::{Bytes, FileName};
/// let name = FileName::new("piece.bin");
/// assert!(carve_piece(Bytes::new(&name, 0, &[0; 4096]), &Silent).is_empty());
/// ```
pub fn carve_piece<'a>(image: Bytes<'a>, progress: &dyn Progress) -> Carvings<'a> {
    let whole = 0..image.len();
    let extents = std::slice::from_ref(&whole);
    let mut sources = vec![image::of_image(
        image,
        extents,
        CarveOrigin::NoTree,
        progress,
    )];
    let (logs, is_cut) = log::of_piece(image);
    sources.extend(logs);
    Carvings::new(sources, is_cut, None)
}
