//! Build scripts: whether the code that they write may call AWS.

use crate::workspace::cargo::{CargoPackage, DependencyKind, join};
use crate::workspace::registry::SourcePaths;

/// Crates that build scripts use, and that write code for messages, foreign functions, grammars or versions only.
const NO_CALLS: [&str; 34] = [
    "anyhow",
    "autocfg",
    "bindgen",
    "built",
    "capnpc",
    "cbindgen",
    "cc",
    "chrono",
    "cmake",
    "flatc-rust",
    "glob",
    "lalrpop",
    "openssl-src",
    "pbjson-build",
    "phf_codegen",
    "pkg-config",
    "prost-build",
    "prost-wkt-build",
    "protobuf-codegen",
    "protobuf-src",
    "protoc-bin-vendored",
    "protox",
    "rustc_version",
    "shadow-rs",
    "tonic-build",
    "tonic-prost-build",
    "vcpkg",
    "vergen",
    "vergen-git2",
    "vergen-gitcl",
    "vergen-gix",
    "version_check",
    "walkdir",
    "winres",
];

/// Whether what a package's build script writes surely calls no AWS: the script never says so, and uses nothing that
/// could write such calls.
pub(super) fn calls_nothing(sources: SourcePaths<'_>, package: &CargoPackage) -> bool {
    let known = package
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind == DependencyKind::Build)
        .all(|dependency| NO_CALLS.contains(&dependency.package.as_str()));
    known
        && std::fs::read(sources.of(&join(&package.dir, "build.rs"))).is_ok_and(|bytes| {
            let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
            !text.contains("aws")
        })
}
