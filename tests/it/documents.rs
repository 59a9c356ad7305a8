//! Every `console` block of the documents runs, and prints what it says.

#[test]
fn console_blocks_hold() {
    trycmd::TestCases::new()
        .env("NO_COLOR", "1")
        .env("SOURCE_DATE_EPOCH", "1795219200")
        .default_bin_name("rolefit")
        .case("README.md")
        .case("docs/*.md");
}
