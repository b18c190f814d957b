//! Pages of a CI/CD engine: what runs where, the pipeline as a picture, jobs with their logs, all of it live.
//!
//! [`router`] makes an [`axum::Router`] for any [`ci_core::engine::Handle`]; [`Server`] serves it.
//!
//! ```no_run
//! # async fn example(engine: ci_core::engine::Handle) -> Result<(), Box<dyn std::error::Error>> {
//! let token = ci_web::Token::of_dir("state".as_ref())?;
//! let server = ci_web::Server::bind("127.0.0.1:8080".parse()?).await?;
//! println!("{}", server.link(&token));
//! let pages = ci_web::router(engine, ci_web::Options::new("my deployer").with_token(token));
//! server.serve(pages);
//! # Ok(())
//! # }
//! ```
//!
//! # Who may do what
//!
//! Everybody who reaches the pages may read them. Approving, cancelling and rebuilding need the [`Token`]: a link with
//! it, printed at start, sets a cookie. A request for a host that is not ours is refused (a name of a stranger that
//! resolves to us), and so is a change that does not come from a page of ours. A cookie does not know ports: whoever
//! serves something on another port of the same host name can read it when this browser visits there.
//!
//! # How pages stay live
//!
//! Every page is whole without a script. With it, the page hears that the engine made a step, fetches itself again, and
//! takes over the parts that are marked for it: a state, not a change of it, so nothing can be missed. Logs are
//! followed by their offset.

mod access;
mod act;
mod assets;
mod deployed;
mod facts;
mod follow;
mod guard;
mod job;
mod jobs;
mod live;
mod log;
mod mark;
mod metrics;
mod moment;
mod options;
mod overview;
mod page;
mod pipeline;
mod raw;
mod search;
mod server;
mod site;
mod stream;
mod text;
mod trouble;

pub mod ansi;
pub mod graph;

pub use access::{Token, TokenError};
pub use options::{BadUrl, Options};
pub use server::{Server, Serving};
pub use site::router;
