//! Crate `salsa`: functions of inputs, remembered, and verified from the top whenever anything has changed.
//!
//! What gives the graph its shape is of high durability, values of low: refs of a CI system are all alike, so there is
//! no class of those that rarely move.
#![allow(unsafe_code, missing_docs, unreachable_pub)] // what its macros make

use salsa::{Database, DatabaseImpl, Durability, Setter as _};

use crate::shape::{STEPS, Shape, Sizes, step};
use crate::work::{Grid, Keyed, Work, Workload, on_grid, on_list};

/// See [`super::SALSA`].
pub fn ready(workload: Workload, sizes: &Sizes) -> Option<Box<dyn Work>> {
    match workload {
        Workload::List => on_list::<SalsaList>(sizes),
        // Each change would verify a million functions.
        Workload::Large | Workload::Wake => None,
        _ => on_grid::<Salsa>(workload, sizes),
    }
}

#[salsa::input]
struct Head {
    #[returns(copy)]
    value: u64,
}

/// A step of a chain of any length.
#[salsa::input]
struct Link {
    #[returns(copy)]
    after: After,
}

#[derive(Clone, Copy, PartialEq)]
enum After {
    Head(Head),
    Link(Link, usize),
}

#[salsa::input]
struct Repo {
    #[returns(ref)]
    heads: Vec<Head>,
}

#[salsa::input]
struct Root {
    #[returns(ref)]
    repos: Vec<Repo>,
}

#[salsa::tracked(returns(copy))]
fn linked(db: &dyn Database, link: Link) -> u64 {
    match link.after(db) {
        After::Head(head) => step(0, head.value(db)),
        After::Link(before, s) => step(s, linked(db, before)),
    }
}

#[salsa::tracked(returns(copy))]
fn step0(db: &dyn Database, head: Head) -> u64 {
    step(0, head.value(db))
}

#[salsa::tracked(returns(copy))]
fn step1(db: &dyn Database, head: Head) -> u64 {
    step(1, step0(db, head))
}

#[salsa::tracked(returns(copy))]
fn step2(db: &dyn Database, head: Head) -> u64 {
    step(2, step1(db, head))
}

#[salsa::tracked(returns(copy))]
fn step3(db: &dyn Database, head: Head) -> u64 {
    step(3, step2(db, head))
}

#[salsa::tracked(returns(copy))]
fn step4(db: &dyn Database, head: Head) -> u64 {
    step(4, step3(db, head))
}

#[salsa::tracked(returns(copy))]
fn after_one_step(db: &dyn Database, repo: Repo) -> u64 {
    repo.heads(db).iter().fold(0, |sum: u64, head| sum.wrapping_add(step0(db, *head)))
}

#[salsa::tracked(returns(copy))]
fn after_five_steps(db: &dyn Database, repo: Repo) -> u64 {
    repo.heads(db).iter().fold(0, |sum: u64, head| sum.wrapping_add(step4(db, *head)))
}

#[salsa::tracked(returns(copy))]
fn overall(db: &dyn Database, root: Root) -> u64 {
    root.repos(db).iter().fold(0, |sum: u64, repo| sum.wrapping_add(after_five_steps(db, *repo)))
}

/// What is asked.
enum Question {
    Chain(Link),
    Leaves(Repo),
    Repos(Root),
}

pub(crate) struct Salsa {
    db: DatabaseImpl,
    heads: Vec<Head>,
    question: Question,
}

fn chain(db: &DatabaseImpl, head: Head, len: usize) -> Link {
    let link = |after| Link::builder(after).after_durability(Durability::HIGH).new(db);
    (1..len).fold(link(After::Head(head)), |before, s| link(After::Link(before, s)))
}

fn repo(db: &DatabaseImpl, heads: &[Head]) -> Repo {
    Repo::builder(heads.to_vec()).heads_durability(Durability::HIGH).new(db)
}

impl Grid for Salsa {
    fn new(shape: Shape) -> Self {
        let db = DatabaseImpl::new();
        let heads: Vec<_> = shape.values().into_iter().map(|value| Head::new(&db, value)).collect();
        let question = match shape {
            Shape { groups: 1, inputs: 1, depth } => Question::Chain(chain(&db, heads[0], depth)),
            Shape { groups: 1, depth: 1, .. } => Question::Leaves(repo(&db, &heads)),
            _ => {
                assert_eq!(shape.depth, STEPS);
                let repos = heads.chunks(shape.inputs).map(|heads| repo(&db, heads)).collect();
                Question::Repos(Root::builder(repos).repos_durability(Durability::HIGH).new(&db))
            }
        };
        let mut made = Self { db, heads, question };
        made.sum();
        made
    }

    fn set(&mut self, at: usize, value: u64) {
        self.heads[at].set_value(&mut self.db).to(value);
    }

    fn sum(&mut self) -> u64 {
        match self.question {
            Question::Chain(last) => linked(&self.db, last),
            Question::Leaves(repo) => after_one_step(&self.db, repo),
            Question::Repos(root) => overall(&self.db, root),
        }
    }
}

struct SalsaList {
    db: DatabaseImpl,
    full: Vec<Head>,
    repo: Repo,
}

impl Keyed for SalsaList {
    type List = Vec<Head>;

    fn new(values: &[u64]) -> Self {
        let db = DatabaseImpl::new();
        let full: Vec<_> = values.iter().map(|value| Head::new(&db, *value)).collect();
        // It is what changes here.
        let repo = Repo::new(&db, full.clone());
        after_five_steps(&db, repo);
        Self { db, full, repo }
    }

    fn full(&self) -> Vec<Head> {
        self.full.clone()
    }

    fn without(&self, at: usize) -> Vec<Head> {
        let mut list = self.full.clone();
        list.remove(at);
        list
    }

    fn set(&mut self, list: Vec<Head>) -> u64 {
        self.repo.set_heads(&mut self.db).to(list);
        after_five_steps(&self.db, self.repo)
    }
}
