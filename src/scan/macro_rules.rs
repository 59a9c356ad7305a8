//! A small `macro_rules!` expander over plain tokens: match the rules in order, transcribe the first that fits.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::ir::{Name, Span, Tok};
use super::tokens::{Placed, plain};

/// One `(pattern) => {body}` of a macro.
#[derive(Clone, Debug)]
pub struct Rule {
    matchers: Vec<Matcher>,
    body: Vec<Tok>,
}

#[derive(Clone, Debug)]
enum Matcher {
    Tok(Tok),
    Group(char, Vec<Matcher>),
    Fragment(Name, Name),
    Repeat {
        inner: Vec<Matcher>,
        separator: Vec<Tok>,
        op: char,
    },
}

/// What a metavariable is bound to: tokens of the invocation and the kind of fragment, or the rounds of a repetition.
#[derive(Clone, Debug)]
enum Binding<'t> {
    Leaf(&'t [Tok], &'t str),
    Sequence(Rc<Vec<Bindings<'t>>>),
}

type Bindings<'t> = BTreeMap<&'t str, Binding<'t>>;

/// Reads the rules of a `macro_rules!` body; rules that cannot be read are left out.
pub fn parse_rules(tokens: &[Tok]) -> Vec<Rule> {
    let mut rules = Vec::new();
    let mut rest = tokens;
    while let [
        Tok::Group(_, pattern, _),
        Tok::Punct('=', _, _),
        Tok::Punct('>', _, _),
        Tok::Group(_, body, _),
        tail @ ..,
    ] = rest
    {
        rules.push(Rule {
            matchers: parse_matchers(pattern),
            body: body.clone(),
        });
        rest = match tail {
            [Tok::Punct(';', _, _), tail @ ..] => tail,
            tail => tail,
        };
    }
    rules
}

fn parse_matchers(tokens: &[Tok]) -> Vec<Matcher> {
    let mut matchers = Vec::new();
    let mut rest = tokens;
    loop {
        rest = match rest {
            [] => return matchers,
            [Tok::Punct('$', _, _), Tok::Group('(', inner, _), tail @ ..] => {
                let (separator, op, tail) = repetition(tail);
                matchers.push(Matcher::Repeat {
                    inner: parse_matchers(inner),
                    separator,
                    op,
                });
                tail
            }
            [
                Tok::Punct('$', _, _),
                Tok::Ident(name, _),
                Tok::Punct(':', _, _),
                Tok::Ident(kind, _),
                tail @ ..,
            ] => {
                matchers.push(Matcher::Fragment(name.clone(), kind.clone()));
                tail
            }
            [Tok::Group(open, inner, _), tail @ ..] => {
                matchers.push(Matcher::Group(*open, parse_matchers(inner)));
                tail
            }
            [tok, tail @ ..] => {
                matchers.push(Matcher::Tok(tok.clone()));
                tail
            }
        };
    }
}

/// Separator, operator and the rest behind `$( … )`.
fn repetition(tokens: &[Tok]) -> (Vec<Tok>, char, &[Tok]) {
    let mut separator = Vec::new();
    let mut rest = tokens;
    // A separator is one token, but `=>` and the like are several characters.
    for _ in 0..4 {
        match rest {
            [Tok::Punct(op @ ('*' | '+' | '?'), joint, _), tail @ ..]
                if !(*joint && separator.is_empty() && matches!(tail, [Tok::Punct('*' | '+', ..), ..])) =>
            {
                return (separator, *op, tail);
            }
            [tok, tail @ ..] => {
                separator.push(tok.clone());
                rest = tail;
            }
            [] => break,
        }
    }
    (separator, '*', rest)
}

/// Expands an invocation with the first rule that fits. `crate_marker` is what `$crate` becomes; `budget` counts
/// produced tokens down. `None` if no rule fits or the budget is used up.
pub fn expand(rules: &[Rule], input: &[Tok], crate_marker: &Name, budget: &mut usize) -> Option<Vec<Tok>> {
    for rule in rules {
        let mut bindings = Bindings::new();
        if match_all(&rule.matchers, input, &mut bindings, 0) == Some(input.len()) {
            let mut out = Vec::new();
            transcribe(&rule.body, &[&bindings], crate_marker, &mut out, budget, 0)?;
            return Some(out);
        }
    }
    None
}

/// Matches as much of `input` as the matchers take; `None` if they do not fit.
fn match_all<'t>(
    matchers: &'t [Matcher],
    input: &'t [Tok],
    bindings: &mut Bindings<'t>,
    depth: usize,
) -> Option<usize> {
    if depth > 60 {
        return None;
    }
    let mut at = 0;
    for (index, matcher) in matchers.iter().enumerate() {
        let rest = input.get(at..)?;
        at += match matcher {
            Matcher::Tok(expected) => {
                if !same(expected, rest.first()?) {
                    return None;
                }
                1
            }
            Matcher::Group(open, inner) => match rest.first()? {
                Tok::Group(found, tokens, _) if found == open => {
                    if match_all(inner, tokens, bindings, depth + 1)? != tokens.len() {
                        return None;
                    }
                    1
                }
                _ => return None,
            },
            Matcher::Fragment(name, kind) => {
                let taken = fragment(kind, rest)?;
                bindings.insert(name, Binding::Leaf(rest.get(..taken)?, kind));
                taken
            }
            Matcher::Repeat { inner, separator, op } => {
                let next = matchers.get(index + 1);
                let (taken, rounds) = match_repeat(inner, separator, *op, next, rest, depth)?;
                let rounds = Rc::new(rounds);
                bind_all(inner, &rounds, bindings);
                taken
            }
        };
    }
    Some(at)
}

fn match_repeat<'t>(
    inner: &'t [Matcher],
    separator: &[Tok],
    op: char,
    next: Option<&Matcher>,
    input: &'t [Tok],
    depth: usize,
) -> Option<(usize, Vec<Bindings<'t>>)> {
    let mut rounds: Vec<Bindings<'t>> = Vec::new();
    let mut at = 0;
    loop {
        if op == '?' && rounds.len() == 1 {
            break;
        }
        let mut start = at;
        if !rounds.is_empty() && !separator.is_empty() {
            let rest = input.get(at..)?;
            let fits = separator
                .iter()
                .enumerate()
                .all(|(i, tok)| rest.get(i).is_some_and(|found| same(tok, found)));
            if !fits {
                break;
            }
            start += separator.len();
        }
        let rest = input.get(start..)?;
        if rest.is_empty() {
            break;
        }
        // One token of look-ahead ends the repetition where the next matcher is a plain token that fits and the
        // repetition would start with a fragment.
        if let (Some(Matcher::Tok(stop)), Some(first)) = (next, rest.first())
            && same(stop, first)
            && !matches!(inner.first(), Some(Matcher::Tok(tok)) if same(tok, first))
        {
            break;
        }
        let mut round = Bindings::new();
        match match_all(inner, rest, &mut round, depth + 1) {
            Some(taken) if taken > 0 => {
                at = start + taken;
                rounds.push(round);
            }
            _ => break,
        }
        if rounds.len() > 20_000 {
            return None;
        }
    }
    if op == '+' && rounds.is_empty() {
        return None;
    }
    Some((at, rounds))
}

/// Binds every variable of a repetition to its rounds.
fn bind_all<'t>(matchers: &'t [Matcher], rounds: &Rc<Vec<Bindings<'t>>>, bindings: &mut Bindings<'t>) {
    for matcher in matchers {
        match matcher {
            Matcher::Fragment(name, _) => {
                bindings.insert(name, Binding::Sequence(rounds.clone()));
            }
            Matcher::Group(_, inner) | Matcher::Repeat { inner, .. } => bind_all(inner, rounds, bindings),
            Matcher::Tok(_) => {}
        }
    }
}

fn same(a: &Tok, b: &Tok) -> bool {
    match (a, b) {
        (Tok::Ident(a, _), Tok::Ident(b, _)) => plain(a) == plain(b),
        (Tok::Punct(a, _, _), Tok::Punct(b, _, _)) => a == b,
        (Tok::Literal(a, _), Tok::Literal(b, _)) => a == b,
        _ => false,
    }
}

/// How many tokens the fragment takes from the front of `input`.
fn fragment(kind: &str, input: &[Tok]) -> Option<usize> {
    match (kind, input) {
        ("vis", _) => Some(match input {
            [Tok::Ident(word, _), Tok::Group('(', ..), ..] if &**word == "pub" => 2,
            [Tok::Ident(word, _), ..] if &**word == "pub" => 1,
            _ => 0,
        }),
        (_, []) => None,
        ("tt", [Tok::Punct('\'', true, _), Tok::Ident(..), ..]) => Some(2),
        ("tt", _) => Some(glued(input)),
        ("ident", [Tok::Ident(word, _), ..]) => (&**word != "_").then_some(1),
        ("lifetime", [Tok::Punct('\'', ..), Tok::Ident(..), ..]) => Some(2),
        ("literal", [Tok::Literal(..), ..]) => Some(1),
        ("literal", [Tok::Punct('-', ..), Tok::Literal(..), ..]) => Some(2),
        ("literal", [Tok::Ident(word, _), ..]) => matches!(&**word, "true" | "false").then_some(1),
        ("block", [Tok::Group('{', ..), ..]) => Some(1),
        ("ident" | "lifetime" | "literal" | "block", _) => None,
        ("expr" | "expr_2021", [Tok::Literal(..) | Tok::Ident(..)]) => Some(1),
        _ => parsed_fragment(kind, input),
    }
}

/// A `tt` of punctuation takes glued characters of one operator together.
fn glued(input: &[Tok]) -> usize {
    match input {
        [Tok::Punct(':', true, _), Tok::Punct(':', ..), ..]
        | [Tok::Punct('=', true, _), Tok::Punct('>' | '=', ..), ..]
        | [Tok::Punct('-', true, _), Tok::Punct('>', ..), ..] => 2,
        _ => 1,
    }
}

/// Parses one fragment with `syn`: first the shortest run of tokens up to a separator that parses whole, else as much
/// as one parse takes.
fn parsed_fragment(kind: &str, input: &[Tok]) -> Option<usize> {
    if matches!(kind, "expr" | "expr_2021")
        && let Some(taken) = plain_expression(input)
    {
        return Some(taken);
    }
    let mut attempts = 0;
    for (index, tok) in input.iter().enumerate().skip(1) {
        let separator = matches!(tok, Tok::Punct(',' | ';', ..))
            || (matches!(tok, Tok::Punct('=', true, _))
                && matches!(input.get(index + 1), Some(Tok::Punct('>', ..))));
        if separator {
            attempts += 1;
            if attempts > 12 {
                break;
            }
            if parse_prefix(kind, input.get(..index)?) == Some(0) {
                return Some(index);
            }
        }
    }
    let window = input.get(..input.len().min(4_000))?;
    let left = parse_prefix(kind, window)?;
    window.len().checked_sub(left).filter(|taken| *taken > 0)
}

/// The length of an expression that is plain to see: names, literals, fields, calls and methods up to a separator. Most
/// are; parsing them only to find their end costs more than all the rest.
fn plain_expression(input: &[Tok]) -> Option<usize> {
    let mut operand = false;
    for (index, tok) in input.iter().enumerate() {
        match tok {
            Tok::Punct(',' | ';', ..) => return operand.then_some(index),
            Tok::Punct('=', true, _) if matches!(input.get(index + 1), Some(Tok::Punct('>', ..))) => {
                return operand.then_some(index);
            }
            Tok::Punct('&', false, _) if !operand => {}
            Tok::Punct('.', false, _) | Tok::Punct('?', false, _) if operand => {
                operand = matches!(tok, Tok::Punct('?', ..));
            }
            Tok::Punct(':', true, _) if operand => operand = false,
            Tok::Punct(':', false, _)
                if matches!(
                    index.checked_sub(1).and_then(|at| input.get(at)),
                    Some(Tok::Punct(':', true, _))
                ) => {}
            Tok::Literal(..) if !operand => operand = true,
            Tok::Ident(word, _) if !operand && !is_keyword(word) => operand = true,
            Tok::Group('(', ..) => operand = true,
            _ => return None,
        }
    }
    operand.then_some(input.len())
}

/// Words that begin, or are, more than a plain operand.
fn is_keyword(word: &str) -> bool {
    matches!(
        word,
        "async"
            | "await"
            | "box"
            | "break"
            | "const"
            | "continue"
            | "dyn"
            | "else"
            | "for"
            | "if"
            | "impl"
            | "in"
            | "let"
            | "loop"
            | "match"
            | "move"
            | "mut"
            | "ref"
            | "return"
            | "static"
            | "unsafe"
            | "while"
            | "yield"
    )
}

/// Parses one fragment from the front and says how many token trees are left.
fn parse_prefix(kind: &str, input: &[Tok]) -> Option<usize> {
    use syn::parse::{ParseStream, Parser};
    let placed = Placed::new(input);
    let parser = |stream: ParseStream<'_>| -> syn::Result<usize> {
        match kind {
            "ty" => drop(stream.parse::<syn::Type>()?),
            "path" => drop(stream.parse::<syn::Path>()?),
            "item" => drop(stream.parse::<syn::Item>()?),
            "stmt" => drop(stream.parse::<syn::Stmt>()?),
            "pat" | "pat_param" => drop(syn::Pat::parse_multi(stream)?),
            "meta" => drop(stream.parse::<syn::Meta>()?),
            "expr" | "expr_2021" => drop(stream.parse::<syn::Expr>()?),
            _ => return Err(stream.error("unknown fragment")),
        }
        let rest: proc_macro2::TokenStream = stream.parse()?;
        Ok(rest.into_iter().count())
    };
    parser.parse2(placed.stream).ok()
}

/// Writes `body` with the innermost bindings last in `scopes`.
fn transcribe(
    body: &[Tok],
    scopes: &[&Bindings<'_>],
    marker: &Name,
    out: &mut Vec<Tok>,
    budget: &mut usize,
    depth: usize,
) -> Option<()> {
    if depth > 60 {
        return None;
    }
    let mut rest = body;
    loop {
        *budget = budget.checked_sub(1)?;
        rest = match rest {
            [] => return Some(()),
            [Tok::Punct('$', _, _), Tok::Ident(name, span), tail @ ..] => {
                if &**name == "crate" {
                    out.push(Tok::Ident(marker.clone(), *span));
                } else {
                    write_variable(name, *span, tail, scopes, out, budget)?;
                }
                tail
            }
            [Tok::Punct('$', _, _), Tok::Group('(', inner, _), tail @ ..] => {
                let (separator, _, tail) = repetition(tail);
                let rounds = rounds_for(inner, scopes);
                for (index, round) in rounds.iter().enumerate() {
                    if index > 0 {
                        out.extend(separator.iter().cloned());
                    }
                    let mut inner_scopes = scopes.to_vec();
                    inner_scopes.push(round);
                    transcribe(inner, &inner_scopes, marker, out, budget, depth + 1)?;
                }
                tail
            }
            [Tok::Group(open, inner, span), tail @ ..] => {
                let mut content = Vec::new();
                transcribe(inner, scopes, marker, &mut content, budget, depth + 1)?;
                out.push(Tok::Group(*open, content, *span));
                tail
            }
            [tok, tail @ ..] => {
                out.push(tok.clone());
                tail
            }
        };
    }
}

fn write_variable(
    name: &Name,
    span: Span,
    tail: &[Tok],
    scopes: &[&Bindings<'_>],
    out: &mut Vec<Tok>,
    budget: &mut usize,
) -> Option<()> {
    let found = scopes.iter().rev().find_map(|scope| scope.get(&**name));
    match found {
        Some(Binding::Leaf(tokens, kind)) => {
            *budget = budget.checked_sub(super::tokens::count(tokens))?;
            let many = tokens.len() > 1;
            match *kind {
                "expr" | "expr_2021" if many => {
                    let at = tokens.first().map_or(span, Tok::span);
                    out.push(Tok::Group('(', tokens.to_vec(), at));
                }
                "ty" if many && matches!(tail, [Tok::Punct(':', true, _), ..]) => {
                    out.push(Tok::Punct('<', false, span));
                    out.extend(tokens.iter().cloned());
                    out.push(Tok::Punct('>', false, span));
                }
                _ => out.extend(tokens.iter().cloned()),
            }
        }
        _ => {
            // Not bound: leave it, an inner `macro_rules!` may own it.
            out.push(Tok::Punct('$', false, span));
            out.push(Tok::Ident(name.clone(), span));
        }
    }
    Some(())
}

/// The rounds over which a `$( … )` of the body runs: those of the longest sequence that it mentions.
fn rounds_for<'b, 't>(inner: &[Tok], scopes: &[&'b Bindings<'t>]) -> &'b [Bindings<'t>] {
    let mut names = Vec::new();
    variables(inner, &mut names);
    let mut best: &[Bindings<'t>] = &[];
    for name in names {
        let found = scopes.iter().rev().find_map(|scope| scope.get(&*name));
        if let Some(Binding::Sequence(rounds)) = found
            && rounds.len() > best.len()
        {
            best = rounds;
        }
    }
    best
}

fn variables(tokens: &[Tok], names: &mut Vec<Name>) {
    let mut previous_dollar = false;
    for tok in tokens {
        match tok {
            Tok::Ident(name, _) if previous_dollar => names.push(name.clone()),
            Tok::Group(_, inner, _) => variables(inner, names),
            _ => {}
        }
        previous_dollar = matches!(tok, Tok::Punct('$', ..));
    }
}

/// What `$crate` becomes: an identifier that the resolver maps to package number `package`.
pub fn crate_marker(package: usize) -> Name {
    Arc::from(format!("__rolefit_crate_{package}"))
}

/// The package number of a marker.
pub fn marked_package(name: &str) -> Option<usize> {
    name.strip_prefix("__rolefit_crate_")?.parse().ok()
}
