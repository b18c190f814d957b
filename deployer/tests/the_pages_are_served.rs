//! A deployer serves its pages, to this machine, for as long as it runs; the link that it prints lets a person act.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;

use deployer::{Deployer, Settings};
use reqwest::StatusCode;

fn settings(dir: &std::path::Path, listen: SocketAddr) -> Settings {
    let mut settings = Settings::new(dir.join("state"));
    settings.listen = Some(listen);
    settings
}

#[tokio::test(flavor = "multi_thread")]
async fn as_long_as_it_runs() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path(), "127.0.0.1:0".parse().unwrap());
    let deployer = Deployer::start(&settings, &[]).await.unwrap();
    let link = deployer.link().unwrap().to_owned();
    let token = dir.path().join("state/web-token");
    assert_eq!(std::fs::metadata(&token).unwrap().permissions().mode() & 0o777, 0o600);
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    let http = http.build().unwrap();
    let answer = http.get(&link).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let overview = link.split("/login").next().unwrap().to_owned() + "/";
    let text =
        |request: reqwest::RequestBuilder| async { request.send().await.unwrap().text().await.unwrap() };
    assert!(text(http.get(&overview)).await.contains("You are reading."));
    let page = text(http.get(&overview).header("cookie", cookie)).await;
    assert!(page.contains("This browser may approve, cancel and rebuild."), "{page}");
    // A page that is open does not keep it from stopping.
    let open = http.get(overview.clone() + "events").send().await.unwrap();
    deployer.stop().await;
    drop(open);
    assert!(http.get(&overview).send().await.unwrap_err().is_connect());

    let again = Deployer::start(&settings, &[]).await.unwrap();
    let secret = |link: &str| link.split("token=").nth(1).unwrap().to_owned();
    assert_eq!(secret(again.link().unwrap()), secret(&link), "links stay good");
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_told_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    let error = Deployer::start(&settings(dir.path(), address), &[]).await.unwrap_err();
    let error = error.downcast_ref::<ci_core::OpError>().unwrap();
    assert!(error.message().contains(&address.to_string()), "{error}");
    assert!(error.hint().unwrap().contains("--listen none"));
}
