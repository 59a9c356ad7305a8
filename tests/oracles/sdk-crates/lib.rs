//! Empty: this package only names crates whose sources are read.
