//! Asking a program at an address of its own whether it works.

use std::time::Duration;

use reqwest::Client;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;

/// How long one answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// What to ask. It is asked at the task's own address: a published port may be answered by the old task.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Probe {
    /// `GET http://ADDRESS:PORT/PATH` answers with a status from 200 to 399. Redirects are not followed.
    Http {
        /// The port inside the container.
        port: u16,
        /// Path and query, beginning with `/`.
        path: String,
    },
    /// Somebody accepts a connection.
    Tcp {
        /// The port inside the container.
        port: u16,
    },
}

impl Probe {
    /// Asks once. The error says what was seen instead.
    pub(crate) async fn ask(&self, address: &str) -> Result<(), String> {
        let asked = async {
            match self {
                Self::Tcp { port } => {
                    TcpStream::connect((address, *port)).await.map(drop).map_err(|e| e.to_string())
                }
                Self::Http { port, path } => http(address, *port, path).await,
            }
        };
        tokio::time::timeout(ANSWER_TIMEOUT, asked).await.unwrap_or_else(|_| Err("no answer".to_owned()))
    }
}

async fn http(address: &str, port: u16, path: &str) -> Result<(), String> {
    let client = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build();
    let host = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
    let sent = client.map_err(|e| e.to_string())?.get(format!("http://{host}:{port}{path}")).send().await;
    match sent {
        Ok(answer) if (200..400).contains(&answer.status().as_u16()) => Ok(()),
        Ok(answer) => Err(format!("status {}", answer.status().as_u16())),
        Err(error) if error.is_connect() => Err("nobody listens".to_owned()),
        Err(_) => Err("no HTTP answer".to_owned()),
    }
}

impl std::fmt::Display for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Http { port, path } => write!(f, "GET :{port}{path}"),
            Self::Tcp { port } => write!(f, "connect :{port}"),
        }
    }
}
