//! Crate `incremental-map`: a persistent map, of which two versions that share most of themselves are compared.

use im_rc::OrdMap;
use incremental::{IncrState, Observer, Var};
use incremental_map::prelude::{IncrMap as _, IncrOrdMap as _};

use crate::shape::{STEPS, Sizes, step};
use crate::work::{Keyed, Work, Workload, on_list};

/// See [`super::INCREMENTAL_MAP`].
pub fn ready(workload: Workload, sizes: &Sizes) -> Option<Box<dyn Work>> {
    (workload == Workload::List).then(|| on_list::<Mapped>(sizes)).flatten()
}

struct Mapped {
    list: Var<OrdMap<usize, u64>>,
    full: OrdMap<usize, u64>,
    // Before the state, which must outlive it.
    observer: Observer<u64>,
    state: IncrState,
}

impl Keyed for Mapped {
    type List = OrdMap<usize, u64>;

    fn new(values: &[u64]) -> Self {
        let full: OrdMap<_, _> = values.iter().copied().enumerate().collect();
        let state = IncrState::new();
        let list = state.var(full.clone());
        let ends = list
            .watch()
            .incr_mapi_(|_, value| (0..STEPS).fold(value, |node, s| node.map(move |x| step(s, *x))));
        let add = |sum: u64, _: &usize, x: &u64| sum.wrapping_add(*x);
        let remove = |sum: u64, _: &usize, x: &u64| sum.wrapping_sub(*x);
        let observer = ends.incr_unordered_fold(0_u64, add, remove, false).observe();
        state.stabilise();
        Self { list, full, observer, state }
    }

    fn full(&self) -> Self::List {
        self.full.clone()
    }

    fn without(&self, at: usize) -> Self::List {
        self.full.without(&at)
    }

    fn set(&mut self, list: Self::List) -> u64 {
        self.list.set(list);
        self.state.stabilise();
        self.observer.value()
    }
}
