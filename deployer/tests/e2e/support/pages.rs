//! The pages, as a browser asks for them.

use reqwest::header::{COOKIE, ORIGIN};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, StatusCode};
use tokio::runtime::{Builder, Runtime};

/// A browser at a deployer's pages.
pub(crate) struct Pages {
    runtime: Runtime,
    client: Client,
    origin: String,
    cookie: String,
}

impl Pages {
    /// Opens the link that was printed.
    pub(crate) fn open(link: &str) -> Self {
        // On this thread, which is in the engine's network.
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let client = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        let answer = runtime.block_on(client.get(link).send()).unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let origin = link.split("/login").next().unwrap().to_owned();
        Self { runtime, client, origin, cookie }
    }

    fn answer(&self, request: RequestBuilder) -> (StatusCode, String) {
        self.runtime.block_on(async {
            let answer = request.send().await.unwrap();
            (answer.status(), answer.text().await.unwrap())
        })
    }

    /// A page's text.
    pub(crate) fn read(&self, path: &str) -> String {
        let request = self.client.get(format!("{}{path}", self.origin)).header(COOKIE, &self.cookie);
        let (status, text) = self.answer(request);
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        text
    }

    /// Presses a button that leads there.
    pub(crate) fn press(&self, path: &str) -> StatusCode {
        let request = self.client.post(format!("{}{path}", self.origin)).header(COOKIE, &self.cookie);
        self.answer(request.header(ORIGIN, &self.origin)).0
    }

    /// The same by somebody who was not given the link.
    pub(crate) fn press_as_a_stranger(&self, path: &str) -> StatusCode {
        let request = self.client.post(format!("{}{path}", self.origin));
        self.answer(request.header(ORIGIN, &self.origin)).0
    }

    /// What is found at any address.
    pub(crate) fn fetch(&self, url: &str) -> String {
        self.answer(self.client.get(url)).1
    }
}
