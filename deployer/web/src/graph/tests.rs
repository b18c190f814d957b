use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use ci_core::current::Activity;
use ci_core::engine::{NodeKind, NodeState, NodeView};
use ci_core::{Failure, FailureKind, JobId, OpId};
use proptest::prelude::*;

use super::*;

/// A snapshot, written down node by node.
#[derive(Default)]
struct Pipeline(Snapshot);

impl Pipeline {
    fn add(&mut self, kind: NodeKind, label: &str, inputs: &[usize]) -> usize {
        let id = self.0.nodes.len();
        self.0.nodes.push(NodeView::new(id, kind, label, inputs));
        id
    }

    fn head(&mut self, label: &str) -> usize {
        self.add(NodeKind::Monitor, label, &[])
    }

    fn op(&mut self, label: &str, inputs: &[usize]) -> usize {
        let id = self.add(NodeKind::Operation, label, inputs);
        self.0.nodes[id].job = Some(JobId::new(OpId::new("op"), 0, id as u32));
        id
    }

    fn join(&mut self, label: &str, inputs: &[usize]) -> usize {
        let kind = if label == "gate" { NodeKind::Gate } else { NodeKind::Combinator };
        self.add(kind, label, inputs)
    }

    fn set(&mut self, node: usize, state: NodeState) {
        self.0.nodes[node].state = state;
    }

    /// `repos` times: a commit is built, tested, pushed when the tests are done, and run by services.
    fn deploying(repos: usize) -> Self {
        let mut it = Self::default();
        let mut members = Vec::new();
        for n in 0..repos {
            let head = it.head(&format!("head of live in https://git.example.com/team/site-{n}"));
            let build = it.op("build Dockerfile", &[head]);
            let test = it.op("run /site test", &[build]);
            let gate = it.join("gate", &[test, build]);
            let push = it.op(&format!("push team/site-{n}:live"), &[gate]);
            let service = it.op(&format!("service site-{n}_web"), &[push]);
            let told = it.join("map", &[service]);
            members.extend([test, push, told]);
        }
        it.join("all", &members);
        it
    }
}

fn failed(kind: FailureKind, message: &str) -> Failure {
    Failure { kind, message: message.to_owned(), hint: None }
}

async fn draw(pictures: &Pictures, snapshot: &Snapshot) -> String {
    loop {
        let picture = pictures.picture(snapshot).await;
        if picture.fresh {
            return picture.html;
        }
    }
}

/// The picture's boxes: what they say, and where they are.
fn boxes(html: &str) -> Vec<(String, String, (f64, f64))> {
    let wrapped = format!("<div>{html}</div>");
    let document = roxmltree::Document::parse(&wrapped).expect("well-formed");
    let has = |node: &roxmltree::Node<'_, '_>, class| {
        node.attribute("class").is_some_and(|classes| classes.split(' ').any(|known| known == class))
    };
    let nodes = document.descendants().filter(|node| has(node, "node"));
    nodes
        .map(|node| {
            let text = |class| {
                node.children()
                    .find(|n| n.is_element() && has(n, class))
                    .and_then(|n| n.text())
                    .unwrap_or_default()
                    .to_owned()
            };
            let place = node
                .children()
                .find(|n| n.has_tag_name(("http://www.w3.org/2000/svg", "rect")))
                .expect("a rect");
            let number = |name| place.attribute(name).and_then(|n| n.parse().ok()).expect("a number");
            (text("label"), text("state"), (number("x"), number("y")))
        })
        .collect()
}

fn edges(html: &str) -> (usize, usize) {
    (html.matches(r#"class="head""#).count(), html.matches(r#"class="holds""#).count())
}

#[tokio::test]
async fn plumbing_is_not_drawn_and_a_chain_is_straight() {
    let html = draw(&Pictures::new(), &Pipeline::deploying(1).0).await;
    let boxes = boxes(&html);
    let labels: Vec<_> = boxes.iter().map(|(label, ..)| label.as_str()).collect();
    assert_eq!(
        labels,
        [
            "head of live in…com/team/site-0",
            "build Dockerfile",
            "run /site test",
            "push team/site-0:live",
            "service site-0_web"
        ]
    );
    // The push follows the test, which holds it back; that it also takes the build's image goes without saying.
    assert_eq!(edges(&html), (4, 1));
    let places: Vec<_> = boxes.iter().map(|(.., place)| *place).collect();
    assert!(places.is_sorted_by(|a, b| a.0 < b.0 && a.1 == b.1), "{places:?}");
}

#[tokio::test]
async fn many_sources_meet_many_users_in_a_dot() {
    let mut it = Pipeline::default();
    let build = it.op("build", &[]);
    let tests: Vec<_> = (0..4).map(|n| it.op(&format!("run test {n}"), &[build])).collect();
    let tested = it.join("all", &tests);
    for n in 0..3 {
        let gate = it.join("gate", &[tested, build]);
        it.op(&format!("push {n}"), &[gate]);
    }
    let html = draw(&Pictures::new(), &it.0).await;
    assert_eq!(html.matches(r#"class="dot""#).count(), 1);
    assert_eq!(edges(&html), (4 + 3, 3));
}

/// A closure of the pipeline that fails is a step that failed.
#[tokio::test]
async fn a_combinator_is_drawn_when_it_fails_itself() {
    let mut it = Pipeline::default();
    let head = it.head("head");
    let map = it.join("map", &[head]);
    let build = it.op("build", &[map]);
    let why = failed(FailureKind::Permanent, "no <Dockerfile>");
    it.set(map, NodeState::Failed { failure: why.clone() });
    it.set(build, NodeState::Blocked { by: Some(map), failure: why });
    let html = draw(&Pictures::new(), &it.0).await;
    let told: Vec<_> = boxes(&html).into_iter().map(|(label, state, _)| (label, state)).collect();
    let expected = [("head", "ok"), ("map", "failed"), ("build", "blocked")];
    assert_eq!(told, expected.map(|(label, state)| (label.to_owned(), state.to_owned())));
    assert!(html.contains("<title>build\nblocked by map: no &lt;Dockerfile&gt;</title>"), "{html}");
}

#[tokio::test]
async fn a_change_of_states_moves_nothing() {
    let pictures = Pictures::new();
    let mut it = Pipeline::deploying(3);
    let before = draw(&pictures, &it.0).await;
    assert_eq!(before, draw(&Pictures::new(), &it.0).await, "the same snapshot looks the same");
    let activities =
        [Activity::Queued, Activity::Running, Activity::WaitingForConfirmation, Activity::Retrying];
    for (n, activity) in activities.into_iter().cycle().take(it.0.nodes.len() - 1).enumerate() {
        it.set(n, NodeState::Active { activity });
        it.0.nodes[n].job = None;
    }
    let after = draw(&pictures, &it.0).await;
    let places =
        |html: &str| boxes(html).into_iter().map(|(label, _, place)| (label, place)).collect::<Vec<_>>();
    assert_eq!(places(&before), places(&after));
    assert!(after.contains("waits for you") && !before.contains("waits"));
    assert_eq!(pictures.shared.kept().layouts.len(), 1, "no new layout was made");
}

#[tokio::test]
async fn what_others_wrote_is_text() {
    let mut it = Pipeline::default();
    let hostile = "</title></svg><script>alert('1')</script>\u{202e}\u{0}\"&";
    let node = it.op(hostile, &[]);
    it.set(node, NodeState::Failed { failure: failed(FailureKind::Permanent, &hostile.repeat(200)) });
    let arabic = it.op("بناء", &[node]);
    it.op("構築する工程の名前がとても長くて箱に入りきらない場合はどうなるか", &[arabic]);
    it.0.nodes[arabic].stale = Some(hostile.to_owned());
    let html = draw(&Pictures::new(), &it.0).await;
    assert!(!html.contains("<script"), "{html}");
    let labels: Vec<_> = boxes(&html).into_iter().map(|(label, ..)| label).collect();
    assert_eq!(labels[1], "بناء");
    assert!(
        labels[2].starts_with('構') && labels[2].contains('…') && labels[2].ends_with("なるか"),
        "{}",
        labels[2]
    );
    let mut group = Pipeline::default();
    (0..BOXES_MAX + 1).for_each(|_| {
        let node = group.op(hostile, &[]);
        group.set(node, NodeState::Failed { failure: failed(FailureKind::Permanent, hostile) });
    });
    let html = draw(&Pictures::new(), &group.0).await;
    assert!(!html.contains("<script"), "{html}");
    assert_eq!(boxes(&html).len(), 1);
}

#[tokio::test]
async fn thousands_of_nodes_are_grouped_and_the_troubled_are_listed() {
    let mut it = Pipeline::deploying(400);
    let build = |n: usize| n * 7 + 1;
    it.set(build(3), NodeState::Failed { failure: failed(FailureKind::Permanent, "step 3/4 failed") });
    it.set(build(5), NodeState::Active { activity: Activity::Running });
    let html = draw(&Pictures::new(), &it.0).await;
    let boxes = boxes(&html);
    let told: Vec<_> = boxes.iter().map(|(label, state, _)| (label.as_str(), state.as_str())).collect();
    assert_eq!(
        told,
        [
            ("head × 400", "400 ok"),
            ("build × 400", "1 failed, 1 running, 398 ok"),
            ("run × 400", "400 ok"),
            ("push × 400", "400 ok"),
            ("service × 400", "400 ok")
        ]
    );
    assert!(html.contains("/site-3: failed: step 3/4 failed</li>"), "{html}");
    assert!(html.len() < 10_000);
}

/// A chain so long that not even its groups are few.
#[tokio::test]
async fn what_cannot_be_grouped_is_told_in_words() {
    let mut it = Pipeline::default();
    let mut before = it.head("head");
    for _ in 0..2000 {
        before = it.op("run", &[before]);
    }
    it.set(before, NodeState::Active { activity: Activity::Running });
    let html = draw(&Pictures::new(), &it.0).await;
    assert!(html.starts_with(r#"<p class="pipeline-note">2001 steps: too many to draw.</p><ul"#), "{html}");
    assert!(html.contains("run</a>, head: running</li>"), "{html}");
}

/// The deepest and the widest pictures within the bounds are laid out.
#[tokio::test]
async fn the_largest_pictures_can_be_drawn() {
    let mut chain = Pipeline::default();
    let mut before = chain.head("head");
    for _ in 1..BOXES_MAX {
        before = chain.op("run", &[before]);
    }
    assert_eq!(boxes(&draw(&Pictures::new(), &chain.0).await).len(), BOXES_MAX);
    let wide = Pipeline::deploying(BOXES_MAX / 5);
    assert_eq!(boxes(&draw(&Pictures::new(), &wide.0).await).len(), BOXES_MAX);
}

#[tokio::test]
async fn a_layout_that_panics_is_told_in_words() {
    let pictures = Pictures::placed_by(|_| Err(NoLayout("it panicked".to_owned())));
    let html = draw(&pictures, &Pipeline::deploying(1).0).await;
    assert!(html.starts_with(r#"<p class="pipeline-note">5 steps: the layout failed"#), "{html}");
    // An edge to nowhere is beyond what a drawing can ask for.
    assert!(Layout::of(&Shape { sizes: Vec::new(), edges: vec![(0, 1)] }).is_err());
}

static SLOW: AtomicBool = AtomicBool::new(false);
static AT_ONCE: AtomicUsize = AtomicUsize::new(0);
static MOST_AT_ONCE: AtomicUsize = AtomicUsize::new(0);

/// Nobody waits for a slow layout longer than a moment, and everybody sees it when it is there.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_picture_is_shown_until_the_next_is_ready() {
    let pictures = Pictures::placed_by(|shape| {
        MOST_AT_ONCE.fetch_max(AT_ONCE.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        while SLOW.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        AT_ONCE.fetch_sub(1, Ordering::SeqCst);
        Layout::of(shape)
    });
    let old = draw(&pictures, &Pipeline::deploying(1).0).await;
    SLOW.store(true, Ordering::SeqCst);
    let new = Pipeline::deploying(2);
    assert_eq!(pictures.picture(&new.0).await, Picture { html: old.clone(), fresh: false });
    // The old shape goes on being drawn with fresh states.
    assert_eq!(pictures.picture(&Pipeline::deploying(1).0).await, Picture { html: old, fresh: true });
    let (one, another) = tokio::join!(pictures.picture(&new.0), pictures.picture(&new.0));
    assert!(!one.fresh && !another.fresh);
    SLOW.store(false, Ordering::SeqCst);
    assert_eq!(boxes(&draw(&pictures, &new.0).await).len(), 10);
    assert_eq!(MOST_AT_ONCE.load(Ordering::SeqCst), 1, "one layout at a time");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever the pipeline: the edges that are drawn lead where its own do, and none is implied by the others.
    #[test]
    fn a_reduction_keeps_who_depends_on_whom(
        pairs in prop::collection::btree_set((0usize..30, 0usize..30), 0..120)
    ) {
        let edges: reduce::Edges =
            pairs.into_iter().filter(|(a, b)| a < b).map(|edge| (edge, false)).collect();
        let kept = reduce::reduced(30, &edges);
        let reach = |edges: &reduce::Edges| {
            let mut reach = std::collections::BTreeSet::new();
            for at in 0..30 {
                for ((from, _), _) in edges.iter().filter(|((_, to), _)| *to == at) {
                    reach.insert((*from, at));
                    let before: Vec<_> = reach.iter().filter(|(_, to)| to == from).map(|(f, _)| *f).collect();
                    reach.extend(before.into_iter().map(|f| (f, at)));
                }
            }
            reach
        };
        prop_assert_eq!(reach(&edges), reach(&kept));
        for edge in kept.keys() {
            let mut fewer = kept.clone();
            fewer.remove(edge);
            prop_assert!(!reach(&fewer).contains(edge));
        }
    }
}
