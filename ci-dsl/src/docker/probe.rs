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
    // Anything else would become a part of the host's name: `@evil.example`.
    if !path.starts_with('/') {
        return Err("the path that is asked for does not begin with /".to_owned());
    }
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn nobody_but_the_task_is_asked_whatever_the_path() {
        let task = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, elsewhere) = (task.local_addr().unwrap().port(), other.local_addr().unwrap());
        let ask = async |path: String| Probe::Http { port, path }.ask("127.0.0.1").await;
        let wrong = ask(format!("@{elsewhere}/")).await.unwrap_err();
        assert!(wrong.contains("does not begin with /"), "{wrong}");

        let asked = format!("//{elsewhere}/@x");
        let serve = async {
            let (mut client, _) = task.accept().await.unwrap();
            let mut request = [0; 1024];
            let read = client.read(&mut request).await.unwrap();
            client.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
            String::from_utf8_lossy(&request[..read]).into_owned()
        };
        let (answer, request) = tokio::join!(ask(asked.clone()), serve);
        assert_eq!(answer, Ok(()));
        assert!(request.starts_with(&format!("GET {asked} ")), "{request}");
    }
}
