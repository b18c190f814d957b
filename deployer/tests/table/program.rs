//! The program `deployer` with a table that a test chooses: `TABLE` holds a line for each entry,
//! `REPOSITORY BRANCH IMAGE [SERVICE [NETWORK]]`. With a network the service is created on it.

use std::time::Duration;

use deployer::prelude::*;

fn table() -> Vec<Repo> {
    std::env::var("TABLE").unwrap_or_default().lines().map(entry).collect()
}

fn entry(line: &str) -> Repo {
    let mut words = line.split_ascii_whitespace();
    let [Some(url), Some(branch), Some(image)] = [(); 3].map(|()| words.next()) else {
        panic!("TABLE: {line:?} is no REPOSITORY BRANCH IMAGE [SERVICE [NETWORK]]")
    };
    let services = words.next().map(|name| {
        let it = service(name).stable_for(Duration::from_secs(2));
        words.next().map_or(it.clone(), |network| it.create_on(network))
    });
    repo(url).docker(dockerfile("Dockerfile").deploy(branch, image, services))
}

fn main() -> std::process::ExitCode {
    deployer::main(table)
}
