//! Asks whether a server listens on this machine.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const CONNECT: Duration = Duration::from_millis(300);
/// A first page may have to be built before it is sent.
const ANSWER: Duration = Duration::from_secs(2);

/// True where something takes connections on the port of either loopback address, and does not hang
/// up on a request. One that is only slow to answer counts.
pub async fn answers(port: u16) -> bool {
    let addresses: [SocketAddr; 2] =
        [(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()];
    for address in addresses {
        if let Ok(Ok(stream)) = timeout(CONNECT, TcpStream::connect(address)).await {
            return is_alive(stream).await;
        }
    }
    false
}

async fn is_alive(mut stream: TcpStream) -> bool {
    let request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    if stream.write_all(request).await.is_err() {
        return false;
    }
    let mut byte = [0];
    !matches!(timeout(ANSWER, stream.read(&mut byte)).await, Ok(Ok(0) | Err(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(port: u16) -> bool {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(answers(port))
    }

    #[test]
    fn a_server_answers_and_a_closed_port_does_not() {
        use std::io::{Read, Write};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 512]);
            stream.write_all(b"HTTP/1.1 404 Not Found\r\n\r\n").unwrap();
        });
        assert!(check(port), "any answer is one");
        server.join().unwrap();
        assert!(!check(port), "it is gone");
    }
}
