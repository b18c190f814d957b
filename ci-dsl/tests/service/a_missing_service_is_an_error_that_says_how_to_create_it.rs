//! Services are made by people. The hint is the command, and the command works.

use ci_core::FailureKind;

use crate::swarm::with_swarm;

#[test]
fn a_missing_service_is_an_error_that_says_how_to_create_it() {
    with_swarm(async |swarm| {
        let one = swarm.web("one", "");

        let (result, _) = swarm.update("web", &one).await;

        let error = result.expect_err("there is no such service");
        let message = "there is no service web";
        assert_eq!((error.kind(), error.message()), (FailureKind::Infrastructure, message));
        let hint = error.hint().expect("it says what to do").to_owned();
        assert_eq!(hint, format!("create it: docker service create --name web {one}"));
        let command = hint.strip_prefix("create it: docker ").expect("it is a command");
        let mut command: Vec<&str> = command.split(' ').collect();
        command.insert(2, "--detach");
        swarm.engine.docker(command);

        for bad in ["", "../info", "web?x", "-x"] {
            let (result, _) = swarm.update(bad, &one).await;
            assert!(result.expect_err("no name").message().starts_with("not a service's name"), "{bad:?}");
        }
    });
}
