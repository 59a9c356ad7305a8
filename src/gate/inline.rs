//! Waivers written as comments: `# rolefit: ignore[RF003] why`, in a stack template, a Terraform file or Rust.

use super::rules;
use super::waivers::Waiver;
use super::{Finding, Place};
use crate::usage::Location;

/// What the comments of a file waive, and the comments that waive nothing because they cannot be understood.
///
/// A comment covers findings at its own line; one that stands alone in its line covers the next line that is no comment.
/// `ignore[RF003, RF001]` names several rules, `ignore[RF003, expires=2027-03-31]` an end. `file` is the name for
/// locations, and its ending tells which comments there are.
pub fn waivers(file: &str, text: &str) -> (Vec<Waiver>, Vec<Finding>) {
    let (mut found, mut wrong) = (Vec::new(), Vec::new());
    if !text.contains("rolefit:") {
        return (found, wrong);
    }
    let marks = marks(file);
    let lines: Vec<&str> = text.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        let Some((before, comment)) = comment(line, marks) else {
            continue;
        };
        let Some(rest) = comment.strip_prefix("ignore") else {
            continue;
        };
        let number = |index: usize| u32::try_from(index + 1).unwrap_or(u32::MAX);
        let column = u32::try_from(before.chars().count() + 1).unwrap_or(1);
        let location = Location::new(file, number(index), column);
        let is_comment = |line: &str| marks.iter().any(|mark| line.trim_start().starts_with(mark));
        let below = lines
            .iter()
            .enumerate()
            .skip(index + 1)
            .find(|(_, line)| !line.trim().is_empty() && !is_comment(line))
            .map(|(index, _)| number(index));
        let line = match before.trim().is_empty() {
            true => below.unwrap_or(location.line),
            false => location.line,
        };
        match parse(rest) {
            Ok(Comment {
                rules,
                expires,
                reason,
            }) => found.extend(rules.into_iter().map(|rule| Waiver {
                rule,
                function: "*".to_owned(),
                action: "*".to_owned(),
                resource: "*".to_owned(),
                reason: reason.clone(),
                expires: expires.clone(),
                owner: None,
                location: location.clone(),
                line: Some(line),
            })),
            Err(message) => wrong.push(misunderstood(&location, message)),
        }
    }
    (found, wrong)
}

/// How comments begin in a file.
fn marks(file: &str) -> &'static [&'static str] {
    match file.rsplit_once('.').map(|(_, ending)| ending) {
        Some("rs") => &["//"],
        Some("yaml" | "yml" | "toml") => &["#"],
        Some("tf" | "hcl" | "tfvars") => &["#", "//"],
        // JSON has no comments.
        _ => &[],
    }
}

/// What stands before a comment of ours, and what it says behind `rolefit:`.
fn comment<'l>(line: &'l str, marks: &[&str]) -> Option<(&'l str, &'l str)> {
    let (before, text) = line.split_once("rolefit:")?;
    let before = before.trim_end();
    let mark = marks.iter().find(|mark| before.ends_with(**mark))?;
    let code = before.strip_suffix(mark)?.trim_end_matches(['/', '!']);
    // Inside a text.
    let inside = code.matches('"').count() % 2 == 1;
    (!inside).then(|| (code, text.trim()))
}

/// What a comment says.
struct Comment {
    rules: Vec<String>,
    expires: Option<String>,
    reason: String,
}

fn parse(rest: &str) -> Result<Comment, String> {
    let inside = rest
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
        .ok_or("it names no rule: write `ignore[RF003] why`")?;
    let (list, reason) = inside;
    let mut comment = Comment {
        rules: Vec::new(),
        expires: None,
        reason: reason.trim().to_owned(),
    };
    for item in list.split(',').map(str::trim) {
        match item.strip_prefix("expires=") {
            Some(date) if super::day::number(date).is_some() => comment.expires = Some(date.to_owned()),
            Some(date) => return Err(format!("`{date}` is no date: write `expires=2027-03-31`")),
            None => match rules::rule(item) {
                Some(rule) => comment.rules.push(rule.id.to_owned()),
                None => return Err(format!("there is no rule `{item}`; `rolefit rule` lists them")),
            },
        }
    }
    match comment.rules.is_empty() {
        true => Err("it names no rule: write `ignore[RF003] why`".to_owned()),
        false => Ok(comment),
    }
}

fn misunderstood(location: &Location, message: String) -> Finding {
    let message = format!("this comment waives nothing: {message}");
    let mut finding = Finding::new(&rules::UNUSED_WAIVER, None, message);
    finding.places.push(Place {
        location: location.clone(),
        label: "stated here".to_owned(),
    });
    finding
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The waivers as `rule line expires: reason`, and what is wrong.
    fn read(file: &str, text: &str) -> Vec<String> {
        let (waivers, wrong) = waivers(file, text);
        let said = waivers.iter().map(|waiver| {
            let expires = waiver.expires.as_deref().unwrap_or("-");
            format!(
                "{} {} {expires}: {}",
                waiver.rule,
                waiver.line.unwrap_or(0),
                waiver.reason
            )
        });
        said.chain(wrong.iter().map(|finding| finding.message.clone()))
            .collect()
    }

    #[test]
    fn a_comment_covers_its_line_or_the_next() {
        let yaml = "A: 1  # rolefit: ignore[RF003] as it is\n# rolefit: ignore[RF001, rf002] below\n# more\n\nB: 2\n";
        assert_eq!(
            read("template.yaml", yaml),
            ["RF003 1 -: as it is", "RF001 5 -: below", "RF002 5 -: below"]
        );
    }

    #[test]
    fn each_language_has_its_comments() {
        let text = "// rolefit: ignore[RF040] a\nx\n# rolefit: ignore[RF040] b\ny\n";
        assert_eq!(read("src/main.rs", text), ["RF040 2 -: a"]);
        assert_eq!(read("main.tf", text), ["RF040 2 -: a", "RF040 4 -: b"]);
        assert_eq!(read("t.yml", text), ["RF040 4 -: b"]);
        assert!(read("t.json", text).is_empty());
    }

    #[test]
    fn dates_and_slips() {
        assert_eq!(
            read(
                "m.tf",
                "# rolefit: ignore[RF003, expires=2027-03-31] soon gone\na = 1\n"
            ),
            ["RF003 2 2027-03-31: soon gone"]
        );
        for (text, expected) in [
            ("# rolefit: ignore RF003 why", "names no rule"),
            ("# rolefit: ignore[] why", "there is no rule ``"),
            ("# rolefit: ignore[RF999] why", "there is no rule `RF999`"),
            ("# rolefit: ignore[RF003, expires=soon] why", "`soon` is no date"),
        ] {
            let said = read("m.tf", text).concat();
            assert!(said.contains(expected), "{said}");
        }
    }

    #[test]
    fn texts_are_no_comments() {
        assert!(read("src/main.rs", "let x = \"// rolefit: ignore[RF001] x\";\n").is_empty());
        assert!(read("src/main.rs", "// rolefit: nothing\n").is_empty());
    }

    #[test]
    fn a_comment_without_a_reason_is_kept_for_the_complaint() {
        assert_eq!(read("m.tf", "a = 1 # rolefit: ignore[RF003]\n"), ["RF003 1 -: "]);
    }
}
