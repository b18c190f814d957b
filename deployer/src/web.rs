//! The deployer's pages.

use std::io::ErrorKind;

use anyhow::Context as _;
use ci_core::OpError;
use ci_core::engine::Handle;
use ci_web::{Options, Server, Serving, Token};

use crate::settings::Settings;

/// An address that is ours, before there is an engine to show.
pub(crate) struct Taken {
    server: Server,
    options: Options,
}

/// Pages being served.
#[derive(Debug)]
pub(crate) struct Pages {
    link: String,
    serving: Serving,
}

/// Takes the address, if there is to be one.
pub(crate) async fn take(settings: &Settings) -> anyhow::Result<Option<Taken>> {
    let mut options = Options::new("deployer");
    if let Some(url) = &settings.public_url {
        options = options.with_public_url(url)?;
    }
    let Some(address) = settings.listen else { return Ok(None) };
    let server = Server::bind(address).await.map_err(|error| {
        let hint = match error.kind() {
            ErrorKind::AddrInUse => "another program has it: choose another by --listen, or --listen none",
            _ => "choose another address by --listen, or --listen none",
        };
        OpError::permanent(format!("the pages can't be served at {address}: {error}")).with_hint(hint)
    })?;
    if !address.ip().is_loopback() {
        tracing::warn!(%address, "whoever reaches this address can read the pages");
    }
    let options = options.with_address(server.address());
    Ok(Some(Taken { server, options }))
}

impl Taken {
    /// Shows this engine.
    pub(crate) async fn serve(self, settings: &Settings, engine: Handle) -> anyhow::Result<Pages> {
        let state = settings.state.clone();
        let token = tokio::task::spawn_blocking(move || Token::of_dir(&state)).await?;
        let token = token.context("the pages can't be served")?;
        let link = self.server.link(&token);
        let pages = ci_web::router(engine, self.options.with_token(token));
        Ok(Pages { link, serving: self.server.serve(pages) })
    }
}

impl Pages {
    /// See [`Server::link`].
    pub(crate) fn link(&self) -> &str {
        &self.link
    }

    /// The engine is stopped first.
    pub(crate) async fn stop(self) {
        self.serving.stop().await;
    }
}
