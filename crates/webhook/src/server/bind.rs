//! Listening.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

/// All addresses of both families.
pub const ANY: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// Connections that the kernel completes before they are accepted; it lowers
/// this to its own limit (`net.core.somaxconn`, 4096).
const BACKLOG: i32 = 4096;

/// Why nothing listens.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error(
        "failed to listen on {address}: {source}; choose a port above 1023 with {flag}, \
         or grant the container NET_BIND_SERVICE"
    )]
    GetPermission { address: SocketAddr, flag: &'static str, source: io::Error },
    #[error(
        "failed to listen on {address}: {source}; choose another port with {flag}, \
         or stop what listens there"
    )]
    TakePort { address: SocketAddr, flag: &'static str, source: io::Error },
    #[error("failed to listen on {address}: {source}; choose an address of this machine")]
    Listen { address: SocketAddr, source: io::Error },
}

/// Listens; port 0 takes a free one. `flag` is the one that chooses the port,
/// for the error. [`ANY`] serves IPv4 as well, and it alone where the machine
/// has no IPv6.
pub fn bind(address: IpAddr, port: u16, flag: &'static str) -> Result<TcpListener, BindError> {
    let wanted = SocketAddr::new(address, port);
    let bound = match listen(wanted) {
        Err(error) if address == ANY && has_no_ipv6(&error) => {
            let ipv4 = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port);
            listen(ipv4).map_err(|source| (ipv4, source))
        }
        bound => bound.map_err(|source| (wanted, source)),
    };
    bound.map_err(|(address, source)| match source.kind() {
        io::ErrorKind::PermissionDenied => BindError::GetPermission { address, flag, source },
        io::ErrorKind::AddrInUse => BindError::TakePort { address, flag, source },
        _ => BindError::Listen { address, source },
    })
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // Said, since a machine may have another default
        // (`net.ipv6.bindv6only`).
        socket.set_only_v6(false)?;
    }
    // A restart need not wait for connections of the one before.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// It was not built in, was switched off, or has no address at all.
/// <https://man7.org/linux/man-pages/man7/ipv6.7.html>
fn has_no_ipv6(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::ADDRNOTAVAIL | Errno::AFNOSUPPORT))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn serves_ipv4_on_any_address() {
        let listener = bind(ANY, 0, "--port").expect("a listener");
        let port = listener.local_addr().expect("an address").port();
        let connected = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await;
        assert!(connected.is_ok(), "{connected:?}");
    }

    #[tokio::test]
    async fn names_the_address_the_reason_and_the_flag_where_the_port_is_taken() {
        let first = bind(ANY, 0, "--port").expect("a listener");
        let port = first.local_addr().expect("an address").port();
        let error = bind(ANY, port, "--metrics-port").expect_err("taken").to_string();
        assert!(error.starts_with("failed to listen on "), "{error}");
        assert!(error.contains(&format!(":{port}: ")), "{error}");
        assert!(error.contains("--metrics-port"), "{error}");
    }

    #[test]
    fn names_the_capability_where_a_low_port_is_refused() {
        let error = BindError::GetPermission {
            address: (ANY, 443).into(),
            flag: "--port",
            source: io::ErrorKind::PermissionDenied.into(),
        };
        assert_eq!(
            error.to_string(),
            "failed to listen on [::]:443: permission denied; choose a port above 1023 with \
             --port, or grant the container NET_BIND_SERVICE"
        );
    }
}
