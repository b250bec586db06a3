//! A stream that ends once it has carried more bytes than one statement may cost.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::sql::{BYTES, SqlError};

/// A connection whose reading is counted.
pub(crate) struct Metered {
    stream: TcpStream,
    meter: Meter,
}

/// Bytes that may still come. Shared between a stream and whoever starts statements on it.
#[derive(Debug, Clone)]
pub(crate) struct Meter(Arc<AtomicU64>);

impl Meter {
    /// A new statement has the whole allowance.
    pub(crate) fn reset(&self) {
        self.0.store(BYTES, Ordering::Relaxed);
    }
}

impl Metered {
    /// Connects to a server by its address.
    pub(crate) async fn connect(host: &str, port: u16) -> Result<(Self, Meter), SqlError> {
        let stream = TcpStream::connect((host, port)).await.map_err(SqlError::connect)?;
        stream.set_nodelay(true).map_err(SqlError::connect)?;
        let meter = Meter(Arc::new(AtomicU64::new(BYTES)));
        Ok((Metered { stream, meter: meter.clone() }, meter))
    }
}

impl AsyncRead for Metered {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, into);
        let read = (into.filled().len() - before) as u64;
        let left = self.meter.0.load(Ordering::Relaxed);
        if read > left {
            return Poll::Ready(Err(io::Error::other(format!("more than {} MiB for one statement", BYTES >> 20))));
        }
        self.meter.0.store(left - read, Ordering::Relaxed);
        polled
    }
}

impl AsyncWrite for Metered {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
