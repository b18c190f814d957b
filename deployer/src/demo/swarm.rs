//! An engine made a Swarm for the demo, and afterwards what it was.

use ci_dsl::docker::{Api, ApiError, DockerHost};
use serde_json::json;

use crate::terminal::{plain, say};

/// The network that an engine keeps when it leaves a Swarm.
const GATEWAY: &str = "/networks/docker_gwbridge";

pub(super) struct Swarm {
    api: Api,
    made: bool,
    gateway_was_there: bool,
}

impl Swarm {
    pub(super) fn of(host: &DockerHost) -> anyhow::Result<Self> {
        Ok(Self { api: Api::at(&host.to_string())?, made: false, gateway_was_there: true })
    }

    pub(super) async fn init(&mut self) -> anyhow::Result<()> {
        self.gateway_was_there = match self.api.get(GATEWAY, &[]).await {
            Ok(_) => true,
            Err(ApiError::NotFound(_)) => false,
            Err(error) => return Err(error.into()),
        };
        let local = json!({ "ListenAddr": "127.0.0.1:2377", "AdvertiseAddr": "127.0.0.1", "DataPathAddr": "127.0.0.1" });
        self.api.post("/swarm/init", &[], Some(&local), None).await?;
        self.made = true;
        Ok(())
    }

    /// Leaves the Swarm if [`Swarm::init`] made it, and nobody else has put it to use since: their services would go with
    /// it.
    pub(super) async fn leave(self) -> anyhow::Result<()> {
        if !self.made {
            return Ok(());
        }
        let services = self.api.get("/services", &[]).await?;
        let names: Vec<&str> = services
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|service| service.pointer("/Spec/Name")?.as_str())
            .collect();
        if !names.is_empty() {
            say(format_args!(
                "The Swarm stays: it has services of others ({}). To leave it: docker swarm leave --force",
                plain(&names.join(", "))
            ));
            return Ok(());
        }
        self.api.post("/swarm/leave", &[("force", "1")], None, None).await?;
        if !self.gateway_was_there {
            match self.api.delete(GATEWAY, &[]).await {
                Ok(_) | Err(ApiError::NotFound(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
