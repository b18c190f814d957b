use ci_registry::{BindError, Registry};

/// The port is in stored image references, so no other is chosen behind anybody's back.
#[tokio::test]
async fn a_taken_port_is_told_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let port_file = dir.path().join("port");
    let server = Registry::open(dir.path()).unwrap().bind().await.unwrap();
    let address = server.address();
    drop(server);
    let port: u16 = address.strip_prefix("127.0.0.1:").unwrap().parse().unwrap();
    assert!(ci_registry::PORTS.contains(&port));
    assert_eq!(std::fs::read_to_string(&port_file).unwrap(), format!("{port}\n"));

    let other = tokio::net::TcpListener::bind(&address).await.unwrap();
    let error = Registry::open(dir.path()).unwrap().bind().await.map(|_| ()).unwrap_err();
    assert!(matches!(&error, BindError::PortTaken { port: taken, .. } if *taken == port), "{error:?}");
    let message = error.to_string();
    assert!(
        message.contains(&port.to_string()) && message.contains(port_file.to_str().unwrap()),
        "{message}"
    );
    drop(other);

    for damaged in ["", "0", "70000", "five thousand"] {
        std::fs::write(&port_file, damaged).unwrap();
        let error = Registry::open(dir.path()).unwrap().bind().await.map(|_| ()).unwrap_err();
        assert!(matches!(error, BindError::BadPortFile(_)), "{damaged:?}: {error:?}");
        assert_eq!(std::fs::read_to_string(&port_file).unwrap(), damaged);
    }
}
