//! A quick look at Rust text before it is parsed: what only tests compile, and documentation, is taken out, so that
//! nobody parses it.
//!
//! A third of what people write is that. It is found by words and brackets alone, at the speed of reading; every other
//! line keeps its number, every other column too.

/// Attributes of test fns, by the last segment of their paths.
pub(super) const TEST_ATTRIBUTES: &[&str] =
    &["test", "rstest", "test_case", "proptest", "bench", "quickcheck"];

/// The text without modules, fns and impls that only tests compile, and with documentation as plain comments.
pub(super) fn code_of(text: &str) -> String {
    let mut skim = Skim::new(text);
    let mut cut: Vec<(usize, usize)> = Vec::new();
    while let Some(lexeme) = skim.next() {
        if lexeme.kind == Kind::Byte(b'#')
            && let (true, behind) = skim.attributes()
            && let Some(end) = behind.and_then(|lexeme| skim.item(lexeme))
        {
            cut.push((lexeme.start, end));
        }
    }
    let mut kept = String::with_capacity(text.len());
    let mut docs = skim.docs.into_iter().peekable();
    let mut copy = |from: usize, to: usize, kept: &mut String| {
        let mut at = from;
        while let Some(doc) = docs.next_if(|doc| *doc < to) {
            // `///` becomes `// `, `/**` becomes `/* `: where it stood in a test it is gone with it.
            if doc >= at {
                kept.push_str(text.get(at..doc + 2).unwrap_or_default());
                kept.push(' ');
                at = doc + 3;
            }
        }
        kept.push_str(text.get(at..to).unwrap_or_default());
    };
    let mut at = 0;
    for (start, end) in cut {
        copy(at, start, &mut kept);
        blank(text.get(start..end).unwrap_or_default(), &mut kept);
        at = end;
    }
    copy(at, text.len(), &mut kept);
    kept
}

/// As many lines as `text` has, the last one as long as its last.
fn blank(text: &str, out: &mut String) {
    let last = text.rsplit_once('\n').map_or(text, |(_, last)| last);
    out.extend(text.matches('\n'));
    out.extend(last.chars().map(|_| ' '));
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// Identifier, keyword or number.
    Word,
    /// Punctuation or a bracket.
    Byte(u8),
    /// A string or character.
    Text,
}

#[derive(Clone, Copy, Debug)]
struct Lexeme {
    kind: Kind,
    start: usize,
    end: usize,
}

/// Walks over words, brackets and punctuation, past strings and comments.
struct Skim<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    /// Where the documentation comments begin that were passed.
    docs: Vec<usize>,
}

impl<'t> Skim<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            at: 0,
            docs: Vec::new(),
        }
    }

    fn byte(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn word(&self, lexeme: Lexeme) -> &'t str {
        match lexeme.kind {
            Kind::Word => self.text.get(lexeme.start..lexeme.end).unwrap_or_default(),
            _ => "",
        }
    }

    fn next(&mut self) -> Option<Lexeme> {
        loop {
            let byte = *self.bytes.get(self.at)?;
            let start = self.at;
            let kind = match byte {
                b' ' | b'\n' | b'\t' | b'\r' => {
                    self.at += 1;
                    continue;
                }
                b'/' if self.byte(1) == b'/' || self.byte(1) == b'*' => {
                    self.comment();
                    continue;
                }
                b'"' => {
                    self.at += 1;
                    self.string();
                    Kind::Text
                }
                b'\'' => self.quote(),
                b'_' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | 0x80.. => self.name(),
                _ => {
                    self.at += 1;
                    Kind::Byte(byte)
                }
            };
            return Some(Lexeme {
                kind,
                start,
                end: self.at,
            });
        }
    }

    fn comment(&mut self) {
        match (self.byte(1), self.byte(2), self.byte(3)) {
            // `////` and `/***` are plain comments, and so is `/**/`.
            (b'/', b'/', b'/') | (b'*', b'*', b'*' | b'/') => {}
            (b'/', b'/' | b'!', _) | (b'*', b'*' | b'!', _) => self.docs.push(self.at),
            _ => {}
        }
        if self.byte(1) == b'/' {
            while self.bytes.get(self.at).is_some_and(|byte| *byte != b'\n') {
                self.at += 1;
            }
            return;
        }
        let mut depth = 0_usize;
        while self.at < self.bytes.len() {
            match (self.byte(0), self.byte(1)) {
                (b'/', b'*') => {
                    depth += 1;
                    self.at += 2;
                }
                (b'*', b'/') => {
                    depth = depth.saturating_sub(1);
                    self.at += 2;
                    if depth == 0 {
                        return;
                    }
                }
                _ => self.at += 1,
            }
        }
    }

    /// The rest of a string behind its opening quote.
    fn string(&mut self) {
        while let Some(byte) = self.bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'"' => return,
                _ => {}
            }
        }
    }

    /// A character, or the quote of a lifetime.
    fn quote(&mut self) -> Kind {
        self.at += 1;
        if self.byte(0) == b'\\' {
            self.at += 2;
            while self.bytes.get(self.at).is_some_and(|byte| *byte != b'\'') {
                self.at += 1;
            }
            self.at += 1;
            return Kind::Text;
        }
        let char = self.text.get(self.at..).and_then(|rest| rest.chars().next());
        let width = char.map_or(1, char::len_utf8);
        if self.byte(width) == b'\'' {
            self.at += width + 1;
            return Kind::Text;
        }
        Kind::Byte(b'\'')
    }

    /// A name or number, or a string with a prefix.
    fn name(&mut self) -> Kind {
        let start = self.at;
        while matches!(self.byte(0), b'_' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | 0x80..) {
            self.at += 1;
        }
        match (self.text.get(start..self.at).unwrap_or_default(), self.byte(0)) {
            ("b" | "c", b'"') => {
                self.at += 1;
                self.string();
                Kind::Text
            }
            ("b", b'\'') => self.quote(),
            ("r" | "br" | "cr", b'"' | b'#') => self.raw(),
            _ => Kind::Word,
        }
    }

    /// Behind the `r` of a raw string or identifier.
    fn raw(&mut self) -> Kind {
        let mut hashes = 0;
        while self.byte(hashes) == b'#' {
            hashes += 1;
        }
        if self.byte(hashes) != b'"' {
            return Kind::Word;
        }
        self.at += hashes + 1;
        while self.at < self.bytes.len() {
            self.at += 1;
            let closes = self.bytes.get(self.at - 1) == Some(&b'"')
                && (0..hashes).all(|ahead| self.byte(ahead) == b'#');
            if closes {
                self.at += hashes;
                break;
            }
        }
        Kind::Text
    }

    /// Behind the first `#` of a run of attributes: whether one of them is for tests only, and what follows the run.
    fn attributes(&mut self) -> (bool, Option<Lexeme>) {
        let mut test = false;
        loop {
            match self.next() {
                Some(open) if open.kind == Kind::Byte(b'[') => test |= self.attribute(),
                other => return (false, other),
            }
            match self.next() {
                Some(lexeme) if lexeme.kind == Kind::Byte(b'#') => {}
                other => return (test, other),
            }
        }
    }

    /// Behind the `[` of an attribute, up to its `]`.
    fn attribute(&mut self) -> bool {
        let mut depth = 1_usize;
        let mut path = "";
        let mut at_path = true;
        let mut words: Vec<&str> = Vec::new();
        while let Some(lexeme) = self.next() {
            match lexeme.kind {
                Kind::Byte(b'[' | b'(' | b'{') => depth += 1,
                Kind::Byte(b']' | b')' | b'}') => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
            at_path &= matches!(lexeme.kind, Kind::Word | Kind::Byte(b':'));
            match (at_path, lexeme.kind) {
                (true, Kind::Word) => path = self.word(lexeme),
                (true, _) => {}
                (false, _) if path == "cfg" && words.len() < 64 => {
                    words.push(self.text.get(lexeme.start..lexeme.end).unwrap_or_default());
                }
                _ => {}
            }
        }
        match path {
            "cfg" => needs_test(&words),
            path => TEST_ATTRIBUTES.contains(&path),
        }
    }

    /// The end of a module, fn or impl that begins with `lexeme`; `None` for everything else.
    fn item(&mut self, lexeme: Lexeme) -> Option<usize> {
        let mut lexeme = lexeme;
        if self.word(lexeme) == "pub" {
            lexeme = self.next()?;
            if lexeme.kind == Kind::Byte(b'(') {
                self.close()?;
                lexeme = self.next()?;
            }
        }
        while matches!(self.word(lexeme), "async" | "unsafe" | "const") {
            lexeme = self.next()?;
        }
        if !matches!(self.word(lexeme), "mod" | "fn" | "impl") {
            return None;
        }
        loop {
            match self.next()?.kind {
                Kind::Byte(b'(' | b'[') => drop(self.close()?),
                Kind::Byte(b'{') => return self.close(),
                Kind::Byte(b';') => return Some(self.at),
                Kind::Byte(b'}' | b')' | b']') => return None,
                _ => {}
            }
        }
    }

    /// Behind an opening bracket: the end of what it opens.
    fn close(&mut self) -> Option<usize> {
        let mut depth = 1_usize;
        loop {
            match self.next()?.kind {
                Kind::Byte(b'[' | b'(' | b'{') => depth += 1,
                Kind::Byte(b']' | b')' | b'}') => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Some(self.at);
            }
        }
    }
}

/// Whether a condition, given as what stands behind `cfg`, holds in tests only: `(test`, `(all(test, …)`.
fn needs_test(words: &[&str]) -> bool {
    match words {
        ["(", "test", ")"] => true,
        ["(", "all", "(", members @ .., ")", ")"] => {
            let mut depth = 0_usize;
            let mut member: Vec<&str> = Vec::new();
            let mut found = false;
            for word in members {
                match *word {
                    "(" => depth += 1,
                    ")" => depth = depth.saturating_sub(1),
                    "," if depth == 0 => {
                        found |= member == ["test"];
                        member.clear();
                        continue;
                    }
                    _ => {}
                }
                member.push(word);
            }
            found || member == ["test"]
        }
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn tests_and_documentation_are_taken_out_and_lines_stay() {
        let text = "//! It.\nfn a() {}\n/// Doc.\n#[allow(x)]\n#[cfg(test)]\nmod tests {\n  /// It's\n  const A: &str = \"}\";\n} fn b() {}\n";
        assert_eq!(
            code_of(text),
            "//  It.\nfn a() {}\n//  Doc.\n\n\n\n\n\n  fn b() {}\n"
        );
    }

    #[test]
    fn documentation_becomes_plain_comments() {
        for (text, kept) in [
            ("/// a", "//  a"),
            ("//! é", "//  é"),
            ("/** /* a */ */ b", "/*  /* a */ */ b"),
            ("/*! a */", "/*  a */"),
            ("//// a", "//// a"),
            ("/**/ a /*** b */", "/**/ a /*** b */"),
            ("///", "// "),
            ("\"/// a\"", "\"/// a\""),
            ("/// a\r\n/// b", "//  a\r\n//  b"),
        ] {
            assert_eq!(code_of(text), kept);
        }
    }

    #[test]
    fn forms_of_test_items() {
        for item in [
            "#[cfg(test)] mod tests;",
            "#[cfg(all(test, feature = \"x\"))] pub(crate) mod tests { r#\"}\"# }",
            "#[cfg(all(feature = \"x\", test))] impl<T> A for B where T: C { fn a(&self) -> [u8; 3] { '}' } }",
            "#[test] fn a() { /* } */ b'}'; '\\''; \"\\\"}\" }",
            "#[tokio::test(flavor = \"x\")] async fn a<'a>(x: &'a str) {}",
            "#[rstest] #[case(1)] fn a(#[case] x: u8) {}",
        ] {
            let kept = code_of(&format!("a {item} b"));
            assert_eq!(kept.split_whitespace().collect::<String>(), "ab", "{item}");
        }
    }

    #[test]
    fn what_is_no_test_stays() {
        for text in [
            "#[cfg(not(test))] mod a { }",
            "#[cfg(any(test, feature = \"x\"))] mod a { }",
            "#[cfg(all(any(test, x), y))] fn a() { }",
            "#[cfg(test)] use a::b;",
            "#[cfg(test)] const A: u8 = { 1 };",
            "let a = \"#[cfg(test)] mod a { }\";",
            "let a = r##\"\"# #[cfg(test)] mod a { }\"##;",
            "// #[cfg(test)]\nmod a { }",
            "/* /* */ #[cfg(test)] mod b { } */ mod a { }",
            "#[doc = \"test\"] mod a {}",
            "fn a() { test(); }",
        ] {
            assert_eq!(code_of(text), text);
        }
    }

    #[test]
    fn torn_text_is_left_alone() {
        let text = "#[cfg(test)] mod tests { fn a() { \"}\" 'b' r#\"x\"# /* */ } #[test] fn é() {} }";
        for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
            assert_eq!(code_of(&text[..end]), text[..end]);
        }
    }
}
