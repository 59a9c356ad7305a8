//! The HTML report: one file that opens from disk, loads nothing, and reads without JavaScript.
//!
//! `page.html` is the template, `style.css` and `script.js` are put into it; the content policy names their hashes, so
//! that nothing else a hostile name could smuggle in would run or style anything. [`view`] turns the report into the
//! texts of the page, [`picture`] decides what is drawn of functions and the
//! resources they may touch, and [`grid`] draws it.

mod grid;
mod picture;
mod view;

use askama::Template;
use base64::Engine as _;
use sha2::{Digest, Sha256};

use super::Report;
use crate::catalog::Catalog;
use view::Page;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The page. `title` names what was looked at, such as the folder.
///
/// # Errors
/// When the template cannot be filled, which no input brings about.
pub fn html(report: &Report<'_>, catalog: &Catalog, title: &str) -> Result<String, askama::Error> {
    Page::of(report, catalog, title).render()
}

/// `sha256-…`, as a content policy names an inline style or script.
fn hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    format!(
        "sha256-{}",
        base64::engine::general_purpose::STANDARD.encode(digest)
    )
}
