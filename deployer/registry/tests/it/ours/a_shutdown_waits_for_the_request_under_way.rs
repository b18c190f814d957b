use ci_registry::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Endpoint, Ours};

/// And takes no other.
#[tokio::test]
async fn a_shutdown_waits_for_the_request_under_way() {
    let dir = tempfile::tempdir().unwrap();
    let ours = Ours::serve(Registry::open(dir.path()).unwrap()).await;
    let address = ours.address.clone();
    let location = Endpoint::at(&address).begin_upload("a").await;
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "PATCH {location} HTTP/1.1\r\nHost: {address}\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut read = [0; 512];
    assert!(stream.read(&mut read).await.unwrap() > 0);

    let under_way = async {
        // Nobody listens any more once the shutdown has begun.
        while TcpStream::connect(&address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        stream.write_all(b"hello").await.unwrap();
        let len = stream.read(&mut read).await.unwrap();
        assert!(read[..len].starts_with(b"HTTP/1.1 202"), "{}", String::from_utf8_lossy(&read[..len]));
    };
    tokio::join!(ours.stop(), under_way);
    // Nothing has the directory any more.
    Registry::open(dir.path()).unwrap();
}
