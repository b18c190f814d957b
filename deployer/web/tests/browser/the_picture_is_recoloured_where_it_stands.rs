//! When a state changes, the picture shows it at once, and nothing in it moves.

use ci_core::event::Phase;

use crate::seen::Seen;
use crate::support::{Ci, World};

#[tokio::test(flavor = "multi_thread")]
async fn the_picture_is_recoloured_where_it_stands() {
    let world = World::new("one");
    let mut ci = Ci::start(&world);
    let seen = Seen::of(&ci).await;
    ci.done().await;
    let page = seen.reader("/graph");
    page.until("document.querySelectorAll('svg.pipeline .node').length > 2");
    page.eval("window.box = document.querySelector('svg.pipeline .operation.ok'); true");
    let places = || {
        page.eval(
            "[...document.querySelectorAll('svg.pipeline rect, svg.pipeline path')].map((it) => \
                   it.getAttribute('d') ?? [it.x, it.y, it.width, it.height].map((at) => at.baseVal.value))",
        )
    };
    let colour =
        || page.text("getComputedStyle(document.querySelector('svg.pipeline .operation rect')).stroke");
    let (before, green) = (places(), colour());
    let go = world.hold("two");
    world.fail("two", "no such file");
    world.set("two");
    ci.job("build", |phase| *phase == Phase::Running).await;
    page.until("document.querySelector('svg.pipeline .operation.running')");
    let amber = colour();
    go.send(()).unwrap();
    page.until("document.querySelector('svg.pipeline .operation.failed')");
    page.until("document.querySelector('svg.pipeline .operation.blocked')");
    let red = colour();
    assert!(green != amber && amber != red && red != green, "{green} {amber} {red}");
    assert_eq!(places(), before, "nothing moved");
    assert_eq!(page.eval("window.box.isConnected"), true, "it is the very same box");
    // Without colour, too.
    let said = page.text("document.querySelector('svg.pipeline').textContent");
    assert!(
        said.contains('✗') && said.contains("failed: no such file") && said.contains("blocked by"),
        "{said}"
    );
    assert_eq!(page.complaints(), [""; 0]);
    ci.engine.stop().await;
}
