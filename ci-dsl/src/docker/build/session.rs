//! What the engine asks of us while it builds: who we are to a registry, and the secrets that steps mount.
//!
//! *opened → served → dropped with the build.* The engine is the client here: on a connection that we open and it turns
//! around (`POST /session`) it calls services of BuildKit's session protocol. A build names the session that answers it,
//! and asks for a secret when a step that mounts it runs; a step that is cached asks for nothing.
//!
//! The client library has a session of its own, which knows registries only. It opens that for whatever it takes for a
//! BuildKit build, so it is told of a classic one: see [`as_buildkit`].

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use bollard::BollardRequest;
use bollard::health::health_check_response::ServingStatus;
use bollard::health::health_server::{Health, HealthServer};
use bollard::health::{HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse};
use bollard::moby::buildkit::secrets::v1::secrets_server::{Secrets, SecretsServer};
use bollard::moby::buildkit::secrets::v1::{GetSecretRequest, GetSecretResponse};
use bollard::moby::filesync::v1::auth_server::{Auth, AuthServer};
use bollard::moby::filesync::v1::{
    CredentialsRequest, CredentialsResponse, FetchTokenRequest, FetchTokenResponse, GetTokenAuthorityRequest,
    GetTokenAuthorityResponse, VerifyTokenAuthorityRequest, VerifyTokenAuthorityResponse,
};
use ci_core::OpError;
use ci_core::secret::Secret;
use futures::Stream;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use reqwest::Upgraded;
use reqwest::header::{HeaderMap, HeaderValue};
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use super::Confided;
use crate::docker::api::Api;
use crate::docker::client::Docker;
use crate::docker::credentials::{self, Keyring};

/// What a session answers, as BuildKit wants it announced.
const METHODS: [&str; 2] =
    ["/moby.filesync.v1.Auth/Credentials", "/moby.buildkit.secrets.v1.Secrets/GetSecret"];

/// One build's session.
pub(super) struct Session {
    connection: Upgraded,
    answers: Arc<Answers>,
}

impl Session {
    /// Opens it. The build is to name the same `id`, which nobody else may use on this engine: two sessions of one name
    /// would answer each other's questions.
    pub(super) async fn open(docker: &Docker, id: &str, confided: &Confided) -> Result<Self, OpError> {
        let mut headers = HeaderMap::new();
        let value = |text: &str| {
            HeaderValue::from_str(text).map_err(|e| OpError::permanent("no name of a session").with_source(e))
        };
        headers.insert("x-docker-expose-session-uuid", value(id)?);
        for method in METHODS {
            headers.append("x-docker-expose-session-grpc-method", HeaderValue::from_static(method));
        }
        let connection = Api::at(&docker.host().to_string())?.upgraded("/session", "h2c", headers).await?;
        let Confided { keyring, secrets } = confided.clone();
        let answers = Arc::new(Answers { keyring, secrets, refused: OnceLock::new() });
        Ok(Self { connection, answers })
    }

    pub(super) fn answers(&self) -> &Arc<Answers> {
        &self.answers
    }

    /// Answers until the engine hangs up. A build that still needs answers then fails and says so.
    pub(super) async fn serve(self) {
        let services = Routes::new(HealthServer::from_arc(self.answers.clone()))
            .add_service(AuthServer::from_arc(self.answers.clone()))
            .add_service(SecretsServer::from_arc(self.answers));
        let served = http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(self.connection), TowerToHyperService::new(services));
        if let Err(error) = served.await {
            tracing::debug!(%error, "the connection of a build's session broke");
        }
    }
}

/// What it knows.
pub(super) struct Answers {
    keyring: Keyring,
    /// By the id that steps mount them by.
    secrets: BTreeMap<String, Secret>,
    /// The first id that was asked for and is none of those.
    refused: OnceLock<String>,
}

impl Answers {
    /// The id of a secret that a step asked for, and was not given to the build.
    pub(super) fn refused(&self) -> Option<&str> {
        self.refused.get().map(String::as_str)
    }
}

#[tonic::async_trait]
impl Secrets for Answers {
    async fn get_secret(
        &self,
        asked: Request<GetSecretRequest>,
    ) -> Result<Response<GetSecretResponse>, Status> {
        let id = asked.into_inner().id;
        match self.secrets.get(&id) {
            Some(secret) => Ok(Response::new(GetSecretResponse { data: secret.expose().to_vec() })),
            None => {
                // "Not found" would let a step that does not insist run without.
                let refusal = Status::failed_precondition("the build is not given this secret");
                self.refused.get_or_init(|| id);
                Err(refusal)
            }
        }
    }
}

#[tonic::async_trait]
impl Auth for Answers {
    async fn credentials(
        &self,
        asked: Request<CredentialsRequest>,
    ) -> Result<Response<CredentialsResponse>, Status> {
        let known = self.keyring.get(credentials::registry_of_host(&asked.get_ref().host));
        let answer = known.map(|known| CredentialsResponse {
            username: known.username.clone(),
            secret: known.password.clone(),
        });
        // None at all is what a stranger says.
        Ok(Response::new(answer.unwrap_or_default()))
    }

    async fn fetch_token(
        &self,
        _: Request<FetchTokenRequest>,
    ) -> Result<Response<FetchTokenResponse>, Status> {
        Err(no_tokens())
    }

    async fn get_token_authority(
        &self,
        _: Request<GetTokenAuthorityRequest>,
    ) -> Result<Response<GetTokenAuthorityResponse>, Status> {
        Err(no_tokens())
    }

    async fn verify_token_authority(
        &self,
        _: Request<VerifyTokenAuthorityRequest>,
    ) -> Result<Response<VerifyTokenAuthorityResponse>, Status> {
        Err(no_tokens())
    }
}

/// The engine then gets a registry's token itself, with the credentials.
fn no_tokens() -> Status {
    Status::unavailable("tokens are not fetched here")
}

/// The engine asks every second whether anybody is there. If not it closes the session, and the build goes on until its next
/// question to us, which fails after 5 s.
#[tonic::async_trait]
impl Health for Answers {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn check(&self, _: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        Ok(Response::new(HealthCheckResponse { status: ServingStatus::Serving.into() }))
    }

    async fn list(&self, _: Request<HealthListRequest>) -> Result<Response<HealthListResponse>, Status> {
        Err(Status::unimplemented("ask for one"))
    }

    async fn watch(&self, _: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("ask again"))
    }
}

/// Makes a BuildKit build of the classic one that the client library thinks it asks for.
pub(super) fn as_buildkit(mut request: BollardRequest) -> BollardRequest {
    // Values are encoded: this stands in none.
    let address = request.uri().to_string().replace("&version=1", "&version=2");
    if let Ok(address) = address.parse() {
        *request.uri_mut() = address;
    }
    request
}
