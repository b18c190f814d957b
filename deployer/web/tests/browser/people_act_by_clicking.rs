//! Whoever opened the link approves, cancels and rebuilds by its buttons; nobody else has any, nor may do it otherwise.

use ci_core::Level;
use ci_core::event::Phase;
use ci_web::Server;

use crate::seen::{Seen, texts};
use crate::support::{Ci, World};

#[tokio::test(flavor = "multi_thread")]
async fn people_act_by_clicking() {
    let world = World::new("one");
    let mut ci = Ci::start_with(&world, Some(Level::Dangerous), "build it", "site");
    let seen = Seen::of(&ci).await;
    let put = ci.job("put", |phase| *phase == Phase::WaitingForConfirmation).await;

    let owner = seen.owner(&ci, "/");
    owner.until("document.querySelector('.asks button.approve')");
    owner.click(".asks button.approve");
    owner.until("location.pathname.startsWith('/jobs/') && document.querySelector('.head .state.ok')");
    assert!(owner.text("location.pathname").ends_with(put.as_str()));
    owner.until("document.querySelector('#log').textContent.includes('Approved by a person on the page')");
    ci.done().await;

    owner.click("button.rebuild");
    owner.until(&format!(
        "document.querySelector('button.approve') && !location.pathname.endsWith({:?})",
        put.as_str()
    ));
    owner.click("button.approve");
    owner.until("document.querySelector('.head .state.ok')");
    ci.done().await;

    let _go = world.hold("two");
    world.set("two");
    let build = ci.job("build", |phase| *phase == Phase::Running).await;
    owner.goto(&seen.url("/jobs"));
    owner.click("ul.jobs a.what");
    owner.until("document.querySelector('button.cancel')");
    assert!(owner.text("location.pathname").ends_with(build.as_str()), "the newest is first");
    owner.click("button.cancel");
    ci.job("build", |phase| matches!(phase, Phase::Failed { .. })).await;
    owner.until("document.querySelector('.head .state.cancelled')");
    owner.until("document.querySelector('button.rebuild') && !document.querySelector('button.cancel')");

    owner.goto(&seen.url("/"));
    owner.eval("document.querySelector('.confirm select').value = 'average'");
    owner.click(".confirm button");
    owner.until("document.querySelector('.confirm option[selected]').value === 'average'");
    assert_eq!(*ci.engine.confirm().borrow(), Some(Level::Average));
    owner.eval("document.querySelector('.confirm select').value = 'none'");
    owner.click(".confirm button");
    owner.until("!document.querySelector('.confirm option[selected]')");
    assert_eq!(*ci.engine.confirm().borrow(), None);
    assert_eq!(owner.complaints(), [""; 0]);

    // Whoever was never given the link.
    let _go = world.hold("three");
    world.set("three");
    let build = ci.job("build", |phase| *phase == Phase::Running).await;
    let path = format!("/jobs/{build}");
    let reader = seen.reader(&path);
    assert!(reader.text("document.querySelector('footer').innerText").starts_with("You are reading"));
    for path in ["/", "/graph", "/jobs", &path] {
        reader.goto(&seen.url(path));
        let buttons = texts(&reader, "button");
        assert!(buttons.iter().all(|button| button == "Show"), "{path}: {buttons:?}");
    }
    for forbidden in [format!("{path}/cancel"), "/confirm".to_owned()] {
        let body = "new URLSearchParams({ level: 'average' })";
        let post =
            format!("fetch({forbidden:?}, {{ method: 'POST', body: {body} }}).then((it) => it.status)");
        assert_eq!(reader.eval(&post), 403, "{forbidden}");
    }

    // A page of a stranger, in the browser of somebody who was: at another port of the same host, which is sent our
    // cookie, and at no address at all.
    let form = format!(
        "<form method=post action={}><button>win</button></form>",
        seen.url(&format!("{path}/cancel"))
    );
    let page = axum::response::Html(form.clone());
    let server = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let neighbour = format!("http://{}/", server.address());
    let _serving = server.serve(axum::Router::new().route("/", axum::routing::get(async || page)));
    for stranger in [neighbour, format!("data:text/html,{form}")] {
        let forged = seen.owner(&ci, "/");
        forged.goto(&stranger);
        forged.click("button");
        forged.until("document.body.innerText.includes('does not come from a page of this deployer')");
    }
    assert_eq!(ci.engine.live().await.len(), 1, "nothing was cancelled");
    ci.engine.stop().await;
}
