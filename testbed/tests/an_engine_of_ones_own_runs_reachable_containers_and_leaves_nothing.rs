//! Two engines side by side: containers answer at their own address, a Swarm runs services, an engine killed comes
//! back with its data, and after the drop nothing is left.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use testbed::{Engine, EngineOptions, Registry, base_image, build_image};

fn get(address: &str) -> String {
    for _ in 0..500 {
        if let Ok(mut stream) = TcpStream::connect((address, 80)) {
            stream.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("the container reads");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("the container answers");
            return answer;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("nobody listens at {address}:80");
}

fn leftovers() -> Vec<String> {
    let own = format!("ci-testbed-{}-", std::process::id());
    let processes = fs::read_dir("/proc").expect("/proc").flatten().filter_map(|p| {
        let line = fs::read(p.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).replace('\0', " "))
    });
    let files = ["/run/netns", "/sys/fs/cgroup", "/sys/fs/cgroup/memory"]
        .into_iter()
        .filter_map(|f| fs::read_dir(f).ok())
        .chain(fs::read_dir(std::env::temp_dir()))
        .flatten()
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned());
    processes.chain(files).filter(|line| line.contains(&own)).collect()
}

#[test]
fn an_engine_of_ones_own_runs_reachable_containers_and_leaves_nothing() {
    let mut swarm = Engine::start(EngineOptions { swarm: true, ..EngineOptions::default() });
    let plain = Engine::start(EngineOptions::default());
    base_image(&swarm, "base");
    assert_eq!(plain.docker(["images", "-q"]), "", "the engines share nothing");
    build_image(
        &swarm,
        "web",
        "FROM base\nRUN echo hello >/index.html\nCMD [\"httpd\", \"-f\", \"-h\", \"/\"]\n",
    );
    let registry = Registry::start(&swarm);
    let image = registry.push(&swarm, "web", "web");
    swarm.docker(["service", "create", "-q", "--name", "web", "--network", "bridge", "--detach", &image]);
    let container = swarm.docker(["run", "-d", "--restart", "always", "web"]);
    let address = |e: &Engine| {
        e.docker(["inspect", "-f", "{{.NetworkSettings.Networks.bridge.IPAddress}}", &container])
    };

    let first = address(&swarm);
    let answer = thread::scope(|scope| {
        let inside = scope.spawn(|| {
            swarm.enter();
            get(&first)
        });
        inside.join().expect("the container is reachable from inside")
    });
    assert!(answer.ends_with("hello\n"), "{answer:?}");

    swarm.kill();
    assert!(TcpStream::connect(("127.0.0.1", 1)).is_err(), "this thread is still outside");
    swarm.restart();
    assert_eq!(swarm.docker(["service", "ls", "--format", "{{.Name}}"]), "web", "data outlive a power cut");
    assert!(!leftovers().is_empty(), "this test must be able to fail");

    drop(registry);
    drop(swarm);
    drop(plain);
    assert_eq!(leftovers(), Vec::<String>::new());
}
