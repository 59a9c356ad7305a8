//! CDK: what is read of an app with two stages and a nested stack, beside it in `expected.txt`.

use super::terraform::shown;
use super::*;

#[test]
fn stages_and_nested_stacks_are_told_apart_and_placed_in_the_source_of_the_app() {
    let folder = fixtures().join("cdk-stages");
    let made = shown(&read(&folder, &managed));
    let file = folder.join("expected.txt");
    if std::env::var_os("RENEW_FIXTURES").is_some() {
        std::fs::write(&file, &made).unwrap();
    }
    assert_eq!(made, std::fs::read_to_string(&file).unwrap_or_default());
}
