//! Random pipelines, changed at random, against a model that computes everything anew: after each step each current
//! stands as the model says, whatever was changed, removed, asked for again or panicked on the way.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use ci_core::current::{Activity, Input, Pending, active, all, constant, fail, input, join, list, optional};
use ci_core::{Current, Failure, FailureKind, OpError, testing};
use proptest::prelude::*;

/// What a current comes to.
type Value = Result<i64, Why>;

#[derive(Clone, Debug, PartialEq)]
enum Why {
    Active,
    Failed(String),
    Skipped,
}

/// An input of the pipeline.
#[derive(Clone, Debug, PartialEq)]
enum Leaf {
    Is(i64),
    Active,
    Failed(u8),
    Skipped,
}

const INPUTS: usize = 4;
const LISTS: usize = 2;

/// A part of a pipeline. Numbers name inputs and lists.
#[derive(Clone, Debug)]
enum Part {
    Constant(i64),
    Input(usize),
    Add(Box<Part>, i64),
    /// Panics on multiples.
    Panics(Box<Part>, i64),
    /// Fails on multiples.
    Try(Box<Part>, i64),
    Parity(Box<Part>),
    Retold(Box<Part>),
    Pair(Box<Part>, Box<Part>),
    Gate(Box<Part>, Box<Part>),
    Catch(Box<Part>),
    State(Box<Part>),
    All(Vec<Part>),
    List(Vec<Part>),
    Optional(Option<Box<Part>>),
    /// By its value the one or the other, made anew for each value.
    Bind(Box<Part>, Box<Part>, Box<Part>),
    /// Of each element of a list and of something outside.
    Each(usize, Box<Part>),
    /// Of a value, if it is positive.
    Some(Box<Part>),
    /// Used twice.
    Twice(Box<Part>),
}

/// What the pipeline is made of now.
#[derive(Clone, Debug)]
struct Inputs {
    leaves: Vec<Leaf>,
    /// `None`: not known yet. (What is not known any more keeps its elements, which is another test's matter: this
    /// model has no memory.)
    lists: Vec<Option<Vec<u8>>>,
}

/// Recompute everything.
fn model(part: &Part, now: &Inputs) -> Value {
    let of = |part: &Part| model(part, now);
    let failed = |text: String| Err(Why::Failed(text));
    match part {
        Part::Constant(n) => Ok(*n),
        Part::Input(at) => match &now.leaves[*at] {
            Leaf::Is(n) => Ok(*n),
            Leaf::Active => Err(Why::Active),
            Leaf::Failed(n) => failed(format!("input {n}")),
            Leaf::Skipped => Err(Why::Skipped),
        },
        Part::Add(of_what, n) => of(of_what).map(|value| value.wrapping_add(*n)),
        Part::Panics(of_what, n) => match of(of_what)? {
            value if value % n == 0 => failed(format!("panic {value}")),
            value => Ok(value),
        },
        Part::Try(of_what, n) => match of(of_what)? {
            value if value % n == 0 => failed(format!("odd {value}")),
            value => Ok(value),
        },
        Part::Parity(of_what) => of(of_what).map(|value| value.rem_euclid(2)),
        Part::Retold(of_what) => match of(of_what) {
            Err(Why::Failed(text)) => failed(format!("retold {text}")),
            other => other,
        },
        Part::Pair(a, b) => match (of(a), of(b)) {
            (Ok(a), Ok(b)) => Ok(a.wrapping_mul(3).wrapping_add(b)),
            (Err(Why::Active), Err(b)) => Err(b),
            (Err(a), _) => Err(a),
            (_, Err(b)) => Err(b),
        },
        Part::Gate(value, on) => match of(on) {
            Ok(_) => of(value),
            Err(why) => Err(why),
        },
        Part::Catch(of_what) => match of(of_what) {
            Err(Why::Failed(text)) => Ok(text.len() as i64),
            Err(Why::Skipped) => Ok(-1),
            other => other,
        },
        Part::State(of_what) => Ok(match of(of_what) {
            Ok(value) => value,
            Err(Why::Active) => -2,
            Err(Why::Skipped) => -1,
            Err(Why::Failed(text)) => text.len() as i64,
        }),
        Part::All(parts) => together(parts.iter().map(of)).map(|_| 0),
        Part::List(parts) => together(parts.iter().map(of)).map(sum),
        Part::Optional(None) => Ok(-3),
        Part::Optional(Some(part)) => of(part),
        Part::Bind(by, even, odd) => match of(by)? {
            value if value % 2 == 0 => of(even).map(|inner| inner.wrapping_add(value)),
            _ => of(odd),
        },
        Part::Each(at, part) => match &now.lists[*at] {
            None => Err(Why::Active),
            Some(list) => {
                let values = list.iter().map(|n| of(part).map(|value| value.wrapping_add(i64::from(*n))));
                together(values).map(sum)
            }
        },
        Part::Some(of_what) => of(of_what).map(|value| if value > 0 { value.wrapping_add(1) } else { -4 }),
        Part::Twice(part) => of(part).map(|value| value.wrapping_add(value)),
    }
}

fn sum(values: Vec<i64>) -> i64 {
    values.into_iter().fold(7, |sum, value| sum.wrapping_mul(31).wrapping_add(value))
}

/// The first failure, else the first activity, else all but the skipped.
fn together(values: impl Iterator<Item = Value>) -> Result<Vec<i64>, Why> {
    let values: Vec<_> = values.filter(|value| *value != Err(Why::Skipped)).collect();
    let failed = values.iter().find_map(|value| match value {
        Err(why @ Why::Failed(_)) => Some(why.clone()),
        _ => None,
    });
    match failed.or_else(|| values.iter().find_map(|value| value.clone().err())) {
        Some(why) => Err(why),
        None => Ok(values.into_iter().flatten().collect()),
    }
}

/// What the model computes, said in the language.
fn said(part: &Part, inputs: &[Current<i64>], lists: &[Current<Vec<u8>>]) -> Current<i64> {
    let of = |part: &Part| said(part, inputs, lists);
    match part {
        Part::Constant(n) => constant(*n),
        Part::Input(at) => inputs[*at].clone(),
        Part::Add(part, n) => {
            let n = *n;
            of(part).map(move |value| value.wrapping_add(n))
        }
        Part::Panics(part, n) => {
            let n = *n;
            of(part).map(move |value| {
                assert!(value % n != 0, "panic {value}");
                *value
            })
        }
        Part::Try(part, n) => {
            let n = *n;
            of(part).try_map(move |value| match value % n {
                0 => Err(OpError::permanent(format!("odd {value}"))),
                _ => Ok(*value),
            })
        }
        Part::Parity(part) => of(part).cutoff(|old, new| old == new).map(|value| value.rem_euclid(2)),
        Part::Retold(part) => {
            of(part).map_err(|failure| OpError::permanent(format!("retold {}", failure.message)))
        }
        Part::Pair(a, b) => join((&of(a), &of(b))).map(|(a, b)| a.wrapping_mul(3).wrapping_add(*b)),
        Part::Gate(value, on) => of(value).gate(&of(on)),
        Part::Catch(part) => of(part).catch().map(|caught| match caught {
            Ok(value) => *value,
            Err(Failure { kind: FailureKind::Skipped, .. }) => -1,
            Err(failure) => failure.message.len() as i64,
        }),
        Part::State(part) => of(part).state().map(|state| match state {
            Ok(value) => *value,
            Err(Pending::Active(_)) => -2,
            Err(Pending::Failed(failure)) if failure.kind == FailureKind::Skipped => -1,
            Err(Pending::Failed(failure)) => failure.message.len() as i64,
        }),
        Part::All(parts) => all(parts.iter().map(|part| of(part).ignore())).map(|()| 0),
        Part::List(parts) => list(parts.iter().map(of)).map(|values| sum(values.clone())),
        Part::Optional(part) => optional(part.as_deref().map(of)).map(|value| value.unwrap_or(-3)),
        Part::Bind(by, even, odd) => {
            let (even, odd, inputs, lists) = (even.clone(), odd.clone(), inputs.to_vec(), lists.to_vec());
            // What stands outside, and what is made inside.
            let outside = of(&even);
            of(by).bind("bind", move |value| {
                let value = *value;
                match value % 2 {
                    0 => outside.map(move |inner| inner.wrapping_add(value)),
                    _ => said(&odd, &inputs, &lists),
                }
            })
        }
        Part::Each(at, part) => {
            let (part, inputs, lists_too) = (part.clone(), inputs.to_vec(), lists.to_vec());
            let each = lists[*at].each("each", move |n| {
                let part = said(&part, &inputs, &lists_too);
                // First the part: its reason is the only one.
                part.and(n).map(|(value, n)| value.wrapping_add(i64::from(*n)))
            });
            each.map(|values| sum(values.clone()))
        }
        Part::Some(part) => {
            let positive = of(part).map(|value| Some(*value).filter(|value| *value > 0));
            positive
                .map_some("some", |value| value.map(|value| value.wrapping_add(1)))
                .map(|value| value.unwrap_or(-4))
        }
        Part::Twice(part) => {
            let part = of(part);
            part.and(&part).map(|(a, b)| a.wrapping_add(*b))
        }
    }
}

fn leaf() -> impl Strategy<Value = Leaf> {
    prop_oneof![
        6 => (-4_i64..8).prop_map(Leaf::Is),
        1 => Just(Leaf::Active),
        1 => (0_u8..3).prop_map(Leaf::Failed),
        1 => Just(Leaf::Skipped),
    ]
}

fn part() -> impl Strategy<Value = Part> {
    let leaf = prop_oneof![(-3_i64..4).prop_map(Part::Constant), (0..INPUTS).prop_map(Part::Input)];
    leaf.prop_recursive(5, 40, 4, |part| {
        let boxed = part.clone().prop_map(Box::new).boxed();
        let many = || proptest::collection::vec(part.clone(), 0..4);
        prop_oneof![
            (boxed.clone(), -3_i64..4).prop_map(|(part, n)| Part::Add(part, n)),
            (boxed.clone(), 2_i64..5).prop_map(|(part, n)| Part::Panics(part, n)),
            (boxed.clone(), 2_i64..5).prop_map(|(part, n)| Part::Try(part, n)),
            boxed.clone().prop_map(Part::Parity),
            boxed.clone().prop_map(Part::Retold),
            (boxed.clone(), boxed.clone()).prop_map(|(a, b)| Part::Pair(a, b)),
            (boxed.clone(), boxed.clone()).prop_map(|(a, b)| Part::Gate(a, b)),
            boxed.clone().prop_map(Part::Catch),
            boxed.clone().prop_map(Part::State),
            many().prop_map(Part::All),
            many().prop_map(Part::List),
            proptest::option::of(boxed.clone()).prop_map(Part::Optional),
            (boxed.clone(), boxed.clone(), boxed.clone()).prop_map(|(by, a, b)| Part::Bind(by, a, b)),
            (0..LISTS, boxed.clone()).prop_map(|(at, part)| Part::Each(at, part)),
            // Of what has a value at every moment: see [`Inputs::lists`].
            boxed.clone().prop_map(|part| Part::Some(Box::new(Part::State(part)))),
            boxed.prop_map(Part::Twice),
        ]
    })
}

/// What is done in one step: some inputs and lists are given values.
#[derive(Clone, Debug, Default)]
struct Batch {
    leaves: Vec<(usize, Leaf)>,
    lists: Vec<(usize, Vec<u8>)>,
}

fn batch() -> impl Strategy<Value = Batch> {
    let elements = proptest::collection::vec(0_u8..5, 0..5);
    let lists = proptest::collection::vec((0..LISTS, elements), 0..2);
    let leaves = proptest::collection::vec((0..INPUTS, leaf()), 0..4);
    (leaves, lists).prop_map(|(leaves, lists)| Batch { leaves, lists })
}

/// An input that may have no value.
fn leafed(leaf: Leaf) -> (Input<Leaf>, Current<i64>) {
    let (set, current) = input("leaf", leaf);
    let current = current.bind("", |leaf| match leaf {
        Leaf::Is(n) => constant(*n),
        Leaf::Active => active(Activity::Running),
        Leaf::Failed(n) => fail(OpError::permanent(format!("input {n}"))),
        Leaf::Skipped => fail(OpError::new(FailureKind::Skipped, "skipped")),
    });
    (set, current)
}

type Seen = Arc<Mutex<Vec<Option<Value>>>>;

fn runs(parts: Vec<Part>, batches: Vec<Batch>) -> Result<(), TestCaseError> {
    let mut now = Inputs { leaves: vec![Leaf::Is(1); INPUTS], lists: vec![None; LISTS] };
    let (leaves, inputs): (Vec<_>, Vec<_>) = now.leaves.iter().map(|leaf| leafed(leaf.clone())).unzip();
    let (lists, listed): (Vec<_>, Vec<_>) = now
        .lists
        .iter()
        .map(|list| {
            let (set, current) = input("list", list.clone());
            let current = current.bind("", |list| match list {
                Some(list) => constant(list.clone()),
                None => active(Activity::Running),
            });
            (set, current)
        })
        .unzip();
    let seen: Seen = Arc::new(Mutex::new(vec![None; parts.len()]));
    let (told, described) = (seen.clone(), parts.clone());
    let mut t = testing::drive(move || {
        all(described.iter().enumerate().map(|(at, part)| {
            let told = told.clone();
            said(part, &inputs, &listed).state().map(move |state| {
                told.lock().expect("nobody panics with it")[at] = Some(match state {
                    Ok(value) => Ok(*value),
                    Err(Pending::Active(_)) => Err(Why::Active),
                    Err(Pending::Failed(failure)) if failure.kind == FailureKind::Skipped => {
                        Err(Why::Skipped)
                    }
                    Err(Pending::Failed(failure)) => Err(Why::Failed(failure.message.clone())),
                });
            })
        }))
    });
    for batch in std::iter::once(Batch::default()).chain(batches) {
        for (at, leaf) in batch.leaves {
            now.leaves[at] = leaf.clone();
            leaves[at].set(leaf);
        }
        for (at, list) in batch.lists {
            now.lists[at] = Some(list.clone());
            lists[at].set(Some(list));
        }
        t.settles();
        let seen = seen.lock().expect("nobody panics with it").clone();
        for (part, seen) in parts.iter().zip(seen) {
            prop_assert_eq!(seen, Some(model(part, &now)), "{:?} of {:?}", part, now);
        }
        let names: BTreeSet<_> = t.snapshot().nodes.iter().map(|node| node.name).collect();
        prop_assert_eq!(names.len(), t.snapshot().nodes.len(), "two nodes have one name");
        for node in &t.snapshot().nodes {
            prop_assert!(node.inputs.iter().all(|input| *input < node.id), "{:?}", node);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn the_language_equals_recompute_from_scratch(
        parts in proptest::collection::vec(part(), 1..4),
        batches in proptest::collection::vec(batch(), 0..8),
    ) {
        runs(parts, batches)?;
    }
}

/// As many as scripts/test runs, unless it is said otherwise.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(1000)
}
