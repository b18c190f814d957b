//! Points and the edges between them, past all that is not drawn.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::fold::Standins;
use super::order::order;
use super::reduce::{Edges, Way, bypass, connect, crossed_ranks, reduced};
use super::ways::Ways;
use super::{CROSSED_RANKS_MAX, EDGES_MAX};

/// What is drawn.
pub(super) struct Drawing {
    /// From left to right: edges go up.
    pub(super) points: Vec<Who>,
    pub(super) edges: Edges,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// Which of the stand-ins.
    Standin(usize),
    /// A stop that is plumbing, and where many sources meet many users.
    Join(usize),
}

impl Drawing {
    /// `None` when it is more than a picture can hold.
    pub(super) fn of(ways: &Ways<'_>, standins: &Standins<'_>, boxes_max: usize) -> Option<Self> {
        if boxes_max < standins.made.len() {
            return None;
        }
        let mut points: Vec<_> = (0..standins.made.len()).map(Who::Standin).collect();
        let edges = contracted(ways, standins, |stop, sources| {
            // One too many tells that there are too many.
            let joins = saves_edges(sources, ways.stops[stop].users) && points.len() <= boxes_max;
            joins.then(|| {
                points.push(Who::Join(stop));
                points.len() - 1
            })
        });
        if boxes_max < points.len() {
            return None;
        }
        let it = Self { points, edges }.ordered();
        let edges = reduced(it.points.len(), &it.edges);
        let it = Self { edges, ..it }.without_idle_joins().ordered();
        let edges = reduced(it.points.len(), &it.edges);
        let crossed = crossed_ranks(it.points.len(), &edges);
        (edges.len() <= EDGES_MAX && crossed <= CROSSED_RANKS_MAX).then_some(Self { edges, ..it })
    }

    /// From left to right.
    fn ordered(self) -> Self {
        let mut ins = vec![Vec::new(); self.points.len()];
        self.edges.iter().for_each(|((from, to), way)| ins[*to].push((*from, *way)));
        let order = order(&mut ins);
        let mut places = vec![0; order.len()];
        order.iter().enumerate().for_each(|(place, at)| places[*at] = place);
        let mut edges = Edges::new();
        for (to, ins) in ins.iter().enumerate() {
            ins.iter().for_each(|(from, way)| connect(&mut edges, places[*from], places[to], *way));
        }
        Self { points: order.iter().map(|at| self.points[*at]).collect(), edges }
    }

    /// After a reduction some save nothing any more.
    fn without_idle_joins(mut self) -> Self {
        let mut gone = BTreeSet::new();
        let joins = self.points.iter().enumerate().filter(|(_, who)| matches!(who, Who::Join(_)));
        for (at, _) in joins {
            let ins = self.edges.keys().filter(|(_, to)| *to == at).count();
            let outs = self.edges.keys().filter(|(from, _)| *from == at).count();
            if !saves_edges(ins, outs) {
                bypass(at, &mut self.edges);
                gone.insert(at);
            }
        }
        let place = |at: usize| at - gone.range(..at).count();
        let edges = self.edges.iter().map(|((from, to), way)| ((place(*from), place(*to)), *way)).collect();
        let kept = self.points.iter().enumerate().filter(|(at, _)| !gone.contains(at));
        Self { points: kept.map(|(_, who)| *who).collect(), edges }
    }
}

/// Whether a dot between them needs fewer edges than every source with every user.
fn saves_edges(sources: usize, users: usize) -> bool {
    sources * users > sources + users
}

/// The edges between stand-ins and joins, past what is not drawn. `join` says as what a passed stop is drawn all the
/// same, and gets from how many points it takes something.
fn contracted(
    ways: &Ways<'_>,
    standins: &Standins<'_>,
    mut join: impl FnMut(usize, usize) -> Option<usize>,
) -> Edges {
    let mut edges = Edges::new();
    let mut sources: Vec<Rc<BTreeMap<usize, Way>>> = Vec::with_capacity(ways.stops.len());
    for (at, stop) in ways.stops.iter().enumerate() {
        let matters = standins.of[at].is_some() || stop.users > 0;
        let mine = match stop.ins[..] {
            _ if !matters => Rc::default(),
            [(only, way)] if way == Way::default() => sources[only].clone(),
            _ => {
                let mut all: BTreeMap<usize, Way> = BTreeMap::new();
                for (from, way) in &stop.ins {
                    for (source, first) in sources[*from].iter() {
                        let way = first.then(*way);
                        all.entry(*source).and_modify(|known| known.join(way)).or_insert(way);
                    }
                }
                Rc::new(all)
            }
        };
        sources.push(match standins.of[at].or_else(|| join(at, mine.len())) {
            Some(me) => {
                let others = mine.iter().filter(|(source, _)| **source != me);
                others.for_each(|(source, way)| connect(&mut edges, *source, me, *way));
                Rc::new(BTreeMap::from([(me, Way::default())]))
            }
            None => mine,
        });
    }
    edges
}
