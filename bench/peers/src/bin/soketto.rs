//! soketto, with the buffers around the stream that its examples have.

use std::str;
use std::sync::Arc;

use anyhow::Context as _;
use futures_util::io::{BufReader, BufWriter};
use peers::{Arguments, Mode, Server, Topic, run, serve};
use soketto::handshake::server::Response;
use soketto::{Data, Receiver, Sender, connection, handshake};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt as _};

type Stream<S> = BufReader<BufWriter<Compat<S>>>;

fn main() -> anyhow::Result<()> {
    let (arguments, mode) = Arguments::of(&[Mode::Echo, Mode::Tls, Mode::Fanout]);
    run(async {
        match mode {
            Mode::Fanout => serve(&arguments, mode, FanOut(Topic::default())).await,
            _ => serve(&arguments, mode, Echo).await,
        }
    })
}

/// Takes the handshake; says whether it was for `/sub`.
async fn accept<S>(stream: S) -> anyhow::Result<(Sender<Stream<S>>, Receiver<Stream<S>>, bool)>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut server = handshake::Server::new(BufReader::new(BufWriter::new(stream.compat())));
    let request = server.receive_request().await?;
    let (key, subscribes) = (request.key(), request.path() == "/sub");
    server.send_response(&Response::Accept { key, protocol: None }).await?;
    let (sender, receiver) = server.into_builder().finish();
    Ok((sender, receiver, subscribes))
}

/// The next message in `message`, or none once the peer has closed.
async fn next<S>(receiver: &mut Receiver<Stream<S>>, message: &mut Vec<u8>) -> anyhow::Result<Option<Data>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    message.clear();
    match receiver.receive_data(message).await {
        Ok(data) => Ok(Some(data)),
        Err(connection::Error::Closed) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[derive(Clone)]
struct Echo;

impl Server for Echo {
    async fn connection<S>(self, stream: S) -> anyhow::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (mut sender, mut receiver, _) = accept(stream).await?;
        let mut message = Vec::new();
        while let Some(data) = next(&mut receiver, &mut message).await? {
            match data {
                Data::Text(_) => sender.send_text(str::from_utf8(&message)?).await?,
                Data::Binary(_) => sender.send_binary_mut(&mut message).await?,
            }
            sender.flush().await?;
        }
        Ok(())
    }
}

/// Payloads, and whether they are text.
#[derive(Clone)]
struct FanOut(Topic<(Arc<[u8]>, bool)>);

impl Server for FanOut {
    async fn connection<S>(self, stream: S) -> anyhow::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (mut sender, mut receiver, subscribes) = accept(stream).await?;
        let mut message = Vec::new();
        if subscribes {
            let reading = async {
                while next(&mut receiver, &mut message).await?.is_some() {}
                Ok(())
            };
            // What the one waits for never ends without the other, so neither is dropped half done while it matters.
            return tokio::select! {
                end = reading => end,
                end = publish(&mut sender, self.0.subscribe()) => end,
            };
        }
        while let Some(data) = next(&mut receiver, &mut message).await? {
            self.0.publish(&(Arc::from(&message[..]), data.is_text()));
        }
        Ok(())
    }
}

/// Sends what is published, all that waits in one flush.
async fn publish<S>(
    sender: &mut Sender<Stream<S>>,
    mut published: UnboundedReceiver<(Arc<[u8]>, bool)>,
) -> anyhow::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        let (mut payload, mut is_text) = published.recv().await.context("the topic is gone")?;
        loop {
            if is_text {
                sender.send_text(str::from_utf8(&payload)?).await?;
            } else {
                sender.send_binary(&payload).await?;
            }
            match published.try_recv() {
                Ok(more) => (payload, is_text) = more,
                Err(_) => break,
            }
        }
        sender.flush().await?;
    }
}
