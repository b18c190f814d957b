//! What keeps a service's tasks from starting, whatever image they are to run: the world's fault, not a commit's.

use ci_core::OpError;

use super::tasks::Task;

/// No node takes a task of the service `name`; `what` says of what, `why` what Swarm says.
pub(super) fn no_node(name: &str, what: &str, why: &str) -> OpError {
    let order = "docker service update --update-order stop-first";
    let hint = match why.contains("port already in use") {
        true => format!(
            "a port of the node is taken; if by the service itself, the old task has to end first: {order} {name}"
        ),
        false => format!(
            "see `docker node ls` and the constraints in `docker service inspect --pretty {name}`; it goes on by \
             itself when they are changed"
        ),
    };
    OpError::infrastructure(format!("service {name}: {what} finds no node: {why}")).with_hint(hint)
}

/// A task of the service `name` can't have its port; `what` says of what, `why` what Docker says.
pub(super) fn port_taken(name: &str, what: &str, why: &str) -> OpError {
    OpError::infrastructure(format!("service {name}: {what} can't have its port: {why}"))
        .with_hint("free the port, or let the service publish another; it goes on by itself then")
}

/// Fails if the service, as it stands, can't get its tasks to run: then neither could a new version.
pub(super) fn check(name: &str, tasks: &[Task]) -> Result<(), OpError> {
    const WHAT: &str = "it was not updated, since even what it is set to";
    let mut missing = tasks.iter().filter(|task| task.is_wanted() && !task.runs()).peekable();
    if missing.peek().is_none() {
        return Ok(());
    }
    if let Some(why) = missing.find_map(|task| task.no_node()) {
        return Err(no_node(name, WHAT, why));
    }
    let newest_end = tasks.iter().filter(|task| task.has_failed()).max_by_key(|task| task.created_at);
    match newest_end.and_then(Task::port_taken) {
        Some(why) => Err(port_taken(name, WHAT, why)),
        None => Ok(()),
    }
}
