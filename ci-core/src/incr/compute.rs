//! What a node does, as its author writes it and as the graph stores it.

use std::any::Any;

use super::cx::Cx;

/// One computed cell: a rule, and the value it last gave.
///
/// The value lives here and is lent as `&Value` to whoever reads it; nothing is cloned per reader. A large value
/// brings an `Arc` of its own.
pub trait Compute<W>: Send + 'static {
    /// What others read.
    type Value: Send + 'static;

    /// Brings the value up to date, and says whether it changed; `false` stops the change here. The answer to a
    /// node's first call counts as `true`.
    ///
    /// A panic is caught. Nothing is told to dependents then, so whoever may panic (because it calls a user's code)
    /// writes its own fields last.
    fn recompute(&mut self, cx: &mut Cx<'_, W>) -> bool;

    /// The value of the last call of `recompute`. It is not asked for before the first.
    fn value(&self) -> &Self::Value;

    /// Called before `recompute` for each input that changed, when the node was inserted with slots; `slot` is the
    /// input's position at insertion, or the number given with a dynamic input. Each is told at most once a step.
    fn input_changed(&mut self, slot: u32) {
        let _ = slot;
    }

    /// Answers what [`Graph::ask`](super::Graph::ask) is given: of types that only those know who ask and who answer.
    fn answer(&self, question: &mut dyn Any) {
        let _ = question;
    }
}

/// [`Compute`] without its types: what the arena's boxes hold.
pub(super) trait Object<W>: Send {
    fn run(&mut self, cx: &mut Cx<'_, W>) -> bool;
    fn read(&self) -> &dyn Any;
    fn slot_changed(&mut self, slot: u32);
    fn ask(&self, question: &mut dyn Any);
    fn object(&mut self) -> &mut dyn Any;
}

impl<W, C: Compute<W>> Object<W> for C {
    fn run(&mut self, cx: &mut Cx<'_, W>) -> bool {
        self.recompute(cx)
    }

    fn read(&self) -> &dyn Any {
        self.value()
    }

    fn slot_changed(&mut self, slot: u32) {
        self.input_changed(slot);
    }

    fn ask(&self, question: &mut dyn Any) {
        self.answer(question);
    }

    fn object(&mut self) -> &mut dyn Any {
        self
    }
}
