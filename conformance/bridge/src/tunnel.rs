//! Opening the far side while the near one waits for its answer.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::BytesMut;
use carrick::protocol::{OriginPolicy, Refusal, ResponseError};
use carrick::{Accepted, ClientBuilder, Error, NetStream, Server, WebSocket};
use http::header::SEC_WEBSOCKET_EXTENSIONS;
use http::{Request, StatusCode, Version};

use crate::copy::both_ways;

/// Where a request leads.
#[derive(Clone)]
pub struct Far(Arc<Opener>);

type Opener = dyn Fn(&Request<()>) -> Result<ClientBuilder, Error> + Send + Sync;

impl Far {
    /// `builder` makes of a request what opens the far side.
    pub fn new(
        builder: impl Fn(&Request<()>) -> Result<ClientBuilder, Error> + Send + Sync + 'static,
    ) -> Far {
        Far(Arc::new(builder))
    }
}

impl fmt::Debug for Far {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Far")
    }
}

/// Has the server bridge every WebSocket that is asked for over `version`; others are refused, so that nothing passes for
/// what it is not.
pub fn bridge(server: Server, version: Version, far: Far) -> Server {
    server
        .deflate(None)
        .origins(OriginPolicy::Any)
        .on_request(move |request, _front| {
            let far = far.clone();
            let opening: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(open(request, version, far));
            opening
        })
        .route("/*", carry)
}

/// The far side, until the near one takes it.
#[derive(Clone)]
struct Opened(Arc<Mutex<Option<(NetStream, BytesMut)>>>);

async fn open(mut request: Request<()>, version: Version, far: Far) -> Result<Accepted, Refusal> {
    if request.version() != version {
        let sentence = format!("the bridge takes {version:?} and was asked over {:?}", request.version());
        return Err(Refusal::new(StatusCode::HTTP_VERSION_NOT_SUPPORTED, sentence));
    }
    let offers = request.headers().get_all(SEC_WEBSOCKET_EXTENSIONS).iter().cloned().collect();
    let builder = (far.0)(&request).map_err(|error| refusal(&error))?;
    let (agreed, stream, received) = builder.open_tunnel(offers).await.map_err(|error| refusal(&error))?;
    request.extensions_mut().insert(Opened(Arc::new(Mutex::new(Some((stream, received))))));
    Ok(Accepted::new(request).with_extensions(agreed))
}

/// The refusal of the far side, or why there is no answer of it.
fn refusal(error: &Error) -> Refusal {
    let status = match error {
        Error::Response(response) => match &**response {
            ResponseError::Status(response) => response.status(),
            _ => StatusCode::BAD_GATEWAY,
        },
        _ => StatusCode::BAD_GATEWAY,
    };
    Refusal::new(status, error.to_string())
}

async fn carry(websocket: WebSocket, mut request: Request<()>) {
    let Some(Opened(far)) = request.extensions_mut().remove() else { return };
    let Some(far) = far.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
    both_ways(websocket.into_stream(), far).await;
}
