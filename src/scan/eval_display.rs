//! What values of the program's own types look like as text, where their `Display` is written out.

use std::rc::Rc;

use super::facts::Facts;
use super::ir::{Body, ExprId, ExprKind};
use super::types::Ty;
use super::value::{Evaluator, Frame, Values, unknown};
use super::world::FnId;

/// Stands for a closure in the frame of a `fmt` whose `self` is an expression of the caller.
const SHOWN: ExprId = ExprId(u32::MAX);

impl<'x> Evaluator<'x, '_> {
    /// The text that `Display` makes of an expression; `None` if its type has no `Display` that is read.
    pub(super) fn shown(&mut self, frame: &Rc<Frame>, facts: &'x Facts, id: ExprId) -> Option<Values> {
        let body = facts.body.as_deref()?;
        let fmt = self
            .display_of(facts.ty(id))
            .or_else(|| self.display_of(facts.ty(body.peel(id))))?;
        if frame.depth >= super::value::MAX_CALLS {
            return Some(unknown("it is passed through too many calls"));
        }
        let inner = Rc::new(Frame {
            id: fmt,
            call: None,
            closure: Some((SHOWN, frame.clone(), vec![id])),
            depth: frame.depth + 1,
        });
        let fmt_body = self.facts(fmt)?.body.as_deref()?;
        let mut last = Vec::new();
        let plain = last_writes(fmt_body, fmt_body.root, &mut last);
        let all = fmt_body.exprs.iter().filter(|expr| writes(&expr.kind)).count();
        if !plain || last.len() != all {
            return Some(unknown("its text is written in several steps"));
        }
        Some(self.union(&inner, &last))
    }

    /// The `self` of a `fmt` that is entered by [`Self::shown`].
    pub(super) fn shown_self(&mut self, frame: &Rc<Frame>, position: usize) -> Option<Values> {
        match &frame.closure {
            Some((SHOWN, home, args)) if position == 0 => {
                let (home, shown) = (home.clone(), *args.first()?);
                let values = self.eval(&home, shown);
                Some(self.only_self(values, frame.id))
            }
            _ => None,
        }
    }

    fn display_of(&self, ty: &Ty) -> Option<FnId> {
        let Ty::Adt(adt, _) = ty else {
            return None;
        };
        let world = self.scanned.world;
        world.adts[*adt].impls.iter().find_map(|id| {
            let data = &world.impls[*id];
            let is_display = data.external_trait.as_deref() == Some("Display");
            is_display.then(|| data.fns.get("fmt").copied()).flatten()
        })
    }
}

/// Whether an expression writes text to a formatter.
fn writes(kind: &ExprKind) -> bool {
    match kind {
        ExprKind::Method { method, .. } => {
            matches!(
                &**method,
                "write_fmt" | "write_str" | "write_char" | "pad" | "fmt"
            )
        }
        ExprKind::Call { callee: _, args } => args.len() == 2,
        _ => false,
    }
}

/// What is written last, on every path, by `out`; `false` if some path ends otherwise.
fn last_writes(body: &Body, id: ExprId, out: &mut Vec<ExprId>) -> bool {
    match &body.expr(id).kind {
        ExprKind::Same(inner) => last_writes(body, *inner, out),
        ExprKind::Block { tail: Some(tail), .. } => last_writes(body, *tail, out),
        ExprKind::If {
            then, els: Some(els), ..
        } => last_writes(body, *then, out) && last_writes(body, *els, out),
        ExprKind::Match { arms, .. } => arms.iter().all(|arm| last_writes(body, arm.2, out)),
        ExprKind::Method { method, args, .. }
            if args.len() == 1 && matches!(&**method, "write_fmt" | "write_str" | "pad") =>
        {
            out.extend(args.first().copied());
            true
        }
        _ => false,
    }
}
