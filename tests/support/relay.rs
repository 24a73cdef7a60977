//! A TCP relay on loopback before the API server, which can fall silent: connections stay, new ones get as
//! far as TLS, and nothing more comes. So does a server that hangs, and a network that loses what it is given.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::watch,
    task::{JoinHandle, JoinSet},
};

use super::control_plane::ControlPlane;

/// The type of a TLS record with a message of the handshake in the clear.
const HANDSHAKE: u8 = 22;
/// And of an encrypted one, of whatever kind it is inside.
const ENCRYPTED: u8 = 23;

/// It ends with this value, and with it the connections through it.
pub struct Relay {
    address: SocketAddr,
    spell: watch::Sender<Spell>,
    /// Connections.
    fallen: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

#[derive(Clone, Copy, Default)]
struct Spell {
    silent: bool,
    /// How often it fell silent.
    fallen: usize,
    /// How often all that fell silent was closed.
    closed: usize,
}

impl Relay {
    pub async fn before(control_plane: &ControlPlane) -> Self {
        let url = control_plane.url();
        let server = url.strip_prefix("https://").and_then(|it| it.parse().ok());
        let server: SocketAddr = server.unwrap_or_else(|| panic!("no address in {url}"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (spell, spells) = watch::channel(Spell::default());
        let fallen = Arc::<AtomicUsize>::default();
        let task = tokio::spawn(accept(listener, server, spells, Arc::clone(&fallen)));
        Self { address, spell, fallen, task }
    }

    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// How many connections have fallen silent so far.
    pub fn fallen(&self) -> usize {
        self.fallen.load(Ordering::Relaxed)
    }

    /// No byte comes any more through the connections that stand, nor through new ones after their handshake.
    pub fn fall_silent(&self) {
        self.spell.send_modify(|spell| {
            spell.silent = true;
            spell.fallen += 1;
        });
    }

    /// Serves new connections. Those that fell silent stay so, and nobody is told.
    pub fn serve_new(&self) {
        self.spell.send_modify(|spell| spell.silent = false);
    }

    /// Serves new connections, and closes those that fell silent.
    pub fn come_back(&self) {
        self.spell.send_modify(|spell| {
            spell.silent = false;
            spell.closed += 1;
        });
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(
    listener: TcpListener,
    server: SocketAddr,
    spells: watch::Receiver<Spell>,
    fallen: Arc<AtomicUsize>,
) {
    // Dropped with the task, and the connections with it.
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let (spells, fallen) = (spells.clone(), Arc::clone(&fallen));
        connections.spawn(async move {
            // An end in the middle is for the two sides to judge.
            let _ = relay(client, server, spells, fallen).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn relay(
    mut client: TcpStream,
    server: SocketAddr,
    mut spells: watch::Receiver<Spell>,
    fallen: Arc<AtomicUsize>,
) -> io::Result<()> {
    let now = *spells.borrow();
    let mut server = TcpStream::connect(server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    if now.silent {
        shake_hands(&mut client, &mut server).await?;
    } else {
        tokio::select! {
            ended = copy_bidirectional(&mut client, &mut server) => return ended.map(drop),
            _ = spells.wait_for(|spell| spell.fallen > now.fallen) => {}
        }
    }
    fallen.fetch_add(1, Ordering::Relaxed);
    // Both stay open, and nothing is read.
    let _ = spells.wait_for(|spell| spell.closed > now.closed).await;
    Ok(())
}

/// Lets a handshake of TLS 1.3 pass up to the client's last message of it, which is encrypted: the server has
/// shown its certificate then, and the client begins to ask.
async fn shake_hands(client: &mut TcpStream, server: &mut TcpStream) -> io::Result<()> {
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    tokio::select! {
        ended = tokio::io::copy(&mut from_server, &mut to_client) => ended.map(drop),
        finished = hellos(&mut from_client, &mut to_server) => finished,
    }
}

async fn hellos(client: &mut ReadHalf<'_>, server: &mut WriteHalf<'_>) -> io::Result<()> {
    loop {
        let mut head = [0; 5];
        client.read_exact(&mut head).await?;
        let mut record = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
        client.read_exact(&mut record).await?;
        match head[0] {
            ENCRYPTED => return Ok(()),
            HANDSHAKE => {
                server.write_all(&head).await?;
                server.write_all(&record).await?;
            }
            // What is there for middleboxes alone.
            _ => {}
        }
    }
}
