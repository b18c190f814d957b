//! Pages at an address, and a browser that looks at them.

use std::net::SocketAddr;

use ci_web::{Server, Serving};
use testbed::{Browser, Page};

use crate::support::Ci;

/// A browser, and the pages of an engine.
pub(crate) struct Seen {
    pub(crate) browser: Browser,
    pub(crate) address: SocketAddr,
    serving: Option<Serving>,
}

impl Seen {
    /// Serves the pages at any free port, and starts a browser.
    pub(crate) async fn of(ci: &Ci) -> Self {
        let server = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = server.address();
        let serving = Some(server.serve(ci.pages()));
        Self { browser: tokio::task::spawn_blocking(Browser::start).await.unwrap(), address, serving }
    }

    /// What a path is called at this server.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A page of somebody who only reads.
    pub(crate) fn reader(&self, path: &str) -> Page {
        let page = self.browser.page();
        page.goto(&self.url(path));
        page
    }

    /// A page of somebody who opened the link that was printed.
    pub(crate) fn owner(&self, ci: &Ci, path: &str) -> Page {
        let page = self.browser.page();
        page.goto(&self.url(&ci.link()));
        page.goto(&self.url(path));
        page
    }

    /// Takes the pages away for a while.
    pub(crate) async fn stop_serving(&mut self) {
        self.serving.take().expect("it is served").stop().await;
    }

    /// Serves them again where they were.
    pub(crate) async fn serve_again(&mut self, ci: &Ci) {
        self.serving = Some(Server::bind(self.address).await.unwrap().serve(ci.pages()));
    }
}

/// The texts of the elements that a selector finds.
pub(crate) fn texts(page: &Page, selector: &str) -> Vec<String> {
    let found = page
        .eval(&format!("[...document.querySelectorAll({selector:?})].map((it) => it.textContent.trim())"));
    found.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// The log as it is shown: the numbers of its lines, and their texts.
pub(crate) fn log(page: &Page) -> Vec<(u64, String)> {
    let lines = page.eval(
        "[...document.querySelectorAll('#log .line')].map((it) => [Number(it.querySelector('a.n').dataset.n), it.textContent])",
    );
    let lines = lines.as_array().unwrap().iter();
    lines.map(|line| (line[0].as_u64().unwrap(), line[1].as_str().unwrap().trim_end().to_owned())).collect()
}
