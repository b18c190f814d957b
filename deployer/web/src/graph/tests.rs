use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use ci_core::current::Activity;
use ci_core::engine::{CollapseView, GroupKind, GroupView, NodeKind, NodeState, NodeView};
use ci_core::picture::BOXES_MAX;
use ci_core::{Failure, FailureKind, JobId, OpId};

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

    /// That is a step.
    fn set(&mut self, node: usize, state: NodeState) {
        self.0.nodes[node].state = state;
        self.0.step += 1;
    }

    /// What is added by `f` is in a group of its own.
    fn grouped<T>(
        &mut self,
        owner: usize,
        kind: GroupKind,
        label: &str,
        f: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let first = self.0.nodes.len();
        let (at, preview) = (self.0.groups.len(), label.starts_with('('));
        self.0.groups.push(GroupView { owner, parent: None, kind, label: label.to_owned(), preview });
        let made = f(self);
        self.0.groups[at + 1..]
            .iter_mut()
            .filter(|group| group.parent.is_none())
            .for_each(|group| group.parent = Some(at));
        self.0.nodes[first..]
            .iter_mut()
            .filter(|node| node.group.is_none())
            .for_each(|node| node.group = Some(at));
        made
    }

    /// So many repositories of five stages each: a list.
    fn listed(count: usize) -> Self {
        let mut it = Self::default();
        let org = it.head("repositories of team");
        it.grouped(org, GroupKind::List, "repo", |it| {
            for n in 0..count {
                it.grouped(org, GroupKind::Element, &format!("site-{n}"), |it| {
                    let mut before = it.join("item", &[org]);
                    for label in ["fetch", "build", "test", "push", "deploy"] {
                        before = it.op(label, &[before]);
                    }
                });
            }
        });
        it
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
    opened(pictures, snapshot, &Opened::default()).await
}

async fn opened(pictures: &Pictures, snapshot: &Snapshot, opened: &Opened) -> String {
    let snapshot = Arc::new(snapshot.clone());
    loop {
        let picture = pictures.picture(&snapshot, opened).await;
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
            let place = node.children().rfind(|n| has(n, "frame")).expect("a rect");
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
    let html = draw(&Pictures::new(""), &Pipeline::deploying(1).0).await;
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
    assert_eq!(html.matches(r#"class="gate""#).count(), 1);
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
    let html = draw(&Pictures::new(""), &it.0).await;
    assert_eq!(html.matches(r#"class="dot""#).count(), 1);
    assert_eq!(html.matches(r#"class="gate""#).count(), 3);
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
    let html = draw(&Pictures::new(""), &it.0).await;
    let told: Vec<_> = boxes(&html).into_iter().map(|(label, state, _)| (label, state)).collect();
    let expected = [("head", "ok"), ("map", "failed"), ("build", "blocked")];
    assert_eq!(told, expected.map(|(label, state)| (label.to_owned(), state.to_owned())));
    assert!(html.contains("<title>build\nblocked by map: no &lt;Dockerfile&gt;</title>"), "{html}");
}

#[tokio::test]
async fn a_change_of_states_moves_nothing() {
    let pictures = Pictures::new("");
    let mut it = Pipeline::deploying(3);
    let before = draw(&pictures, &it.0).await;
    assert_eq!(before, draw(&Pictures::new(""), &it.0).await, "the same snapshot looks the same");
    let activities =
        [Activity::Queued, Activity::Running, Activity::WaitingForConfirmation, Activity::Retrying];
    for (n, activity) in activities.into_iter().cycle().take(it.0.nodes.len() - 1).enumerate() {
        it.set(n, NodeState::Active { activity });
    }
    let after = draw(&pictures, &it.0).await;
    let places =
        |html: &str| boxes(html).into_iter().map(|(label, _, place)| (label, place)).collect::<Vec<_>>();
    assert_eq!(places(&before), places(&after));
    assert!(after.contains("waits for you") && !before.contains("waits"));
    assert_eq!(pictures.layouts(), 1, "no new layout was made");
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
    let html = draw(&Pictures::new(""), &it.0).await;
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
    let html = draw(&Pictures::new(""), &group.0).await;
    assert!(!html.contains("<script"), "{html}");
    assert_eq!(boxes(&html).len(), 1);
}

#[tokio::test]
async fn thousands_of_nodes_are_grouped_and_the_troubled_are_listed() {
    let mut it = Pipeline::deploying(400);
    let build = |n: usize| n * 7 + 1;
    it.set(build(3), NodeState::Failed { failure: failed(FailureKind::Permanent, "step 3/4 failed") });
    it.set(build(5), NodeState::Active { activity: Activity::Running });
    let html = draw(&Pictures::new(""), &it.0).await;
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
    let html = draw(&Pictures::new(""), &it.0).await;
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
    assert_eq!(boxes(&draw(&Pictures::new(""), &chain.0).await).len(), BOXES_MAX);
    // Five boxes and a gate each.
    let wide = Pipeline::deploying(BOXES_MAX / 6);
    assert_eq!(boxes(&draw(&Pictures::new(""), &wide.0).await).len(), BOXES_MAX / 6 * 5);
    // With as many frames as there can be.
    let framed = Pipeline::listed((BOXES_MAX - 1) / 5);
    assert_eq!(boxes(&draw(&Pictures::new(""), &framed.0).await).len(), 1 + (BOXES_MAX - 1) / 5 * 5);
}

#[tokio::test]
async fn a_layout_that_panics_is_told_in_words() {
    let pictures = Pictures::placed_by("", |_| Err(NoLayout("it panicked".to_owned())));
    let html = draw(&pictures, &Pipeline::deploying(1).0).await;
    assert!(html.starts_with(r#"<p class="pipeline-note">5 steps: the layout failed"#), "{html}");
    // An edge to nowhere is beyond what a drawing can ask for.
    assert!(Layout::of(&Shape { edges: vec![(0, 1)], ..Shape::default() }).is_err());
}

static SLOW: AtomicBool = AtomicBool::new(false);
static AT_ONCE: AtomicUsize = AtomicUsize::new(0);
static MOST_AT_ONCE: AtomicUsize = AtomicUsize::new(0);

/// Nobody waits for a slow layout longer than a moment, and everybody sees it when it is there.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_picture_is_shown_until_the_next_is_ready() {
    let pictures = Pictures::placed_by("", |shape| {
        MOST_AT_ONCE.fetch_max(AT_ONCE.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        while SLOW.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        AT_ONCE.fetch_sub(1, Ordering::SeqCst);
        Layout::of(shape)
    });
    let old = draw(&pictures, &Pipeline::deploying(1).0).await;
    SLOW.store(true, Ordering::SeqCst);
    let at_step = |repos, step| {
        let mut snapshot = Pipeline::deploying(repos).0;
        snapshot.step = step;
        Arc::new(snapshot)
    };
    let (new, none) = (at_step(2, 1), Opened::default());
    assert_eq!(pictures.picture(&new, &none).await, Picture { html: old.clone(), fresh: false });
    // The old shape goes on being drawn with fresh states.
    assert_eq!(pictures.picture(&at_step(1, 2), &none).await, Picture { html: old, fresh: true });
    // Nobody is shown what somebody else opened.
    let open = [("repo", "a")].into_iter().collect();
    let picture = pictures.picture(&new, &open).await;
    assert!(!picture.fresh && picture.html.contains("steps: being drawn."));
    let (one, another) = tokio::join!(pictures.picture(&new, &none), pictures.picture(&new, &none));
    assert!(!one.fresh && !another.fresh);
    SLOW.store(false, Ordering::SeqCst);
    assert_eq!(boxes(&draw(&pictures, &new).await).len(), 10);
    assert_eq!(MOST_AT_ONCE.load(Ordering::SeqCst), 1, "one layout at a time");
}

/// 50 people look at a pipeline of 10,000 stages.
#[tokio::test(flavor = "multi_thread")]
async fn many_who_look_at_one_shape_cost_one_layout() {
    let pictures = Pictures::new("");
    let mut it = Pipeline::listed(2_000);
    let mut seen = Vec::new();
    for step in 0..3 {
        let snapshot = Arc::new(it.0.clone());
        let look = || {
            let (pictures, snapshot) = (pictures.clone(), snapshot.clone());
            tokio::spawn(async move {
                loop {
                    let picture = pictures.picture(&snapshot, &Opened::default()).await;
                    if picture.fresh {
                        return picture.html;
                    }
                }
            })
        };
        let looks = (0..50).map(|_| look());
        let looks: Vec<_> = futures::future::try_join_all(looks).await.unwrap();
        assert!(looks.iter().all(|look| *look == looks[0]));
        seen.push(looks[0].clone());
        it.set(8 + 6 * step, NodeState::Failed { failure: failed(FailureKind::Permanent, "no") });
    }
    assert_eq!(pictures.layouts(), 1, "each step has the same shape");
    let told: Vec<_> = seen.iter().map(|html| boxes(html)[1].1.clone()).collect();
    assert_eq!(told, ["10000 ok", "1 failed, 9999 ok", "2 failed, 9998 ok"]);
    assert!(seen[1].contains("fetch</a>, site-1: failed: no</li>"), "{}", seen[1]);
}

/// What people open adds to what is open, and each sees their own.
#[tokio::test]
async fn what_is_closed_leads_to_its_inside() {
    let mut it = Pipeline::default();
    let org = it.head("org");
    for name in ["a & b", "c"] {
        let build = it.op(&format!("build {name}"), &[org]);
        let collapse = it.add(NodeKind::Collapse, name, &[build, org]);
        it.0.nodes[collapse].collapse = Some(CollapseView { key: "repo".to_owned(), value: name.to_owned() });
    }
    let pictures = Pictures::new("/ci");
    let closed = draw(&pictures, &it.0).await;
    assert_eq!(closed.matches(r#"class="plus""#).count(), 2);
    assert!(closed.contains(r#"href="/ci/graph?repo=a+%26+b""#), "{closed}");
    let one: Opened = [("repo", "a & b")].into_iter().collect();
    let open = opened(&pictures, &it.0, &one).await;
    let labels = |html: &str| boxes(html).into_iter().map(|(label, ..)| label).collect::<Vec<_>>();
    assert_eq!(labels(&open), ["org", "build a & b", "c"]);
    assert!(open.contains(r#"href="/ci/graph?repo=a+%26+b&amp;repo=c""#), "{open}");
    assert!(open.contains(r#"href="/ci/jobs/"#), "{open}");
    assert_eq!(labels(&opened(&pictures, &it.0, &one.with("repo", "c")).await).len(), 3);
    assert_eq!(draw(&pictures, &it.0).await, closed);
}

/// Frames hold what is in them, and nothing else, and stand beside each other.
#[tokio::test]
async fn a_frame_holds_what_was_made_for_its_element() {
    let html = draw(&Pictures::new(""), &Pipeline::listed(4).0).await;
    let wrapped = format!("<div>{html}</div>");
    let document = roxmltree::Document::parse(&wrapped).expect("well-formed");
    let number = |node: &roxmltree::Node<'_, '_>, name| -> f64 {
        node.attribute(name).and_then(|n| n.parse().ok()).expect("a number")
    };
    let rect = |node: &roxmltree::Node<'_, '_>| {
        let (x, y) = (number(node, "x"), number(node, "y"));
        [x, y, x + number(node, "width"), y + number(node, "height")]
    };
    let frames: Vec<_> = document
        .descendants()
        .filter(|node| node.attribute("class").is_some_and(|class| class.starts_with("cluster")))
        .map(|node| {
            let title = node.descendants().find(|n| n.has_tag_name(("http://www.w3.org/2000/svg", "title")));
            let label = title.and_then(|title| title.text()).unwrap_or_default().to_owned();
            (label, rect(&node.first_element_child().expect("a rect")))
        })
        .collect();
    let labels: Vec<_> = frames.iter().map(|(label, _)| label.as_str()).collect();
    assert_eq!(labels, ["repo", "site-0", "site-1", "site-2", "site-3"]);
    let holds =
        |[x0, y0, x1, y1]: [f64; 4], [a0, b0, a1, b1]: [f64; 4]| x0 < a0 && y0 < b0 && a1 < x1 && b1 < y1;
    let boxes: Vec<_> = document
        .descendants()
        .filter(|node| node.attribute("class") == Some("frame"))
        .map(|node| rect(&node))
        .collect();
    assert_eq!(boxes.len(), 21);
    let held = |frame| boxes.iter().filter(|it| holds(frame, **it)).count();
    let counts: Vec<_> = frames.iter().map(|(_, frame)| held(*frame)).collect();
    assert_eq!(counts, [20, 5, 5, 5, 5]);
    let apart = |a: [f64; 4], b: [f64; 4]| a[3] < b[1] || b[3] < a[1] || a[2] < b[0] || b[2] < a[0];
    for (at, (_, one)) in frames.iter().enumerate().skip(1) {
        assert!(frames[at + 1..].iter().all(|(_, other)| apart(*one, *other)), "{frames:?}");
    }
}

#[tokio::test]
async fn what_is_renewed_has_both_colours() {
    let mut it = Pipeline::default();
    let pull = it.op("pull", &[]);
    it.0.nodes[pull].refreshing = Some(Activity::Running);
    let html = draw(&Pictures::new(""), &it.0).await;
    assert!(
        html.contains(r##"<stop stop-color="#ffa500"/><stop offset="1" stop-color="#90ee90"/>"##),
        "{html}"
    );
    assert!(html.contains("url(#renewed-running-ok)") && html.contains("ok, being renewed"), "{html}");
}
