//! Servers that are none: each speaks just enough of its protocol to be believed and then sends nonsense, too much,
//! nothing, or a byte now and then. No thread hangs, nothing panics the harness, and what is read stays within bounds.

use std::time::Instant;

use harness_kit::{DatabaseHint, DatabaseKind};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::sql::BYTES;

/// What a server does with its client: once greeted, and from then on with each statement.
#[derive(Debug, Clone, Copy)]
enum Manner {
    /// Accepts and says nothing.
    Silent,
    /// One byte of a greeting each second.
    Drips,
    /// Bytes that belong to no protocol.
    Nonsense,
    /// A greeting, then a message that announces gigabytes.
    Huge,
    /// A greeting, then rows without end.
    Endless,
    /// A greeting, then rows in one message after the other that are large by themselves.
    Fat,
    /// Announces more columns than memory holds.
    Wide,
    /// Asks the client for work that takes hours before it lets it in.
    Laborious,
    /// Asks for a file of the client.
    Curious,
    /// Greets and hangs up at the first statement.
    Leaves,
}

async fn serve(kind: DatabaseKind, manner: Manner) -> DatabaseHint {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = match kind {
                    DatabaseKind::Mysql => mysql(stream, manner).await,
                    _ => postgres(stream, manner).await,
                };
            });
        }
    });
    DatabaseHint {
        kind,
        service: "db".to_owned(),
        host: "127.0.0.1".to_owned(),
        port,
        user: "app".to_owned(),
        password: "secret".to_owned(),
        database: "app".to_owned(),
    }
}

async fn before_greeting(stream: &mut TcpStream, manner: Manner, first: &[u8]) -> std::io::Result<bool> {
    match manner {
        Manner::Silent => tokio::time::sleep(Duration::from_secs(600)).await,
        Manner::Drips => {
            for byte in first.iter().cycle() {
                stream.write_all(&[*byte]).await?;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        Manner::Nonsense => stream.write_all(&[0x7f; 4096]).await?,
        _ => return Ok(true),
    }
    Ok(false)
}

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).expect("short");
    [&[tag][..], &length.to_be_bytes(), body].concat()
}

/// A row of one text column, as PostgreSQL sends it.
fn postgres_row(size: usize) -> Vec<u8> {
    let length = i32::try_from(size).expect("short");
    message(b'D', &[&1_i16.to_be_bytes()[..], &length.to_be_bytes(), &vec![b'x'; size]].concat())
}

async fn postgres(mut stream: TcpStream, manner: Manner) -> std::io::Result<()> {
    let mut buffer = vec![0; 65_536];
    if !before_greeting(&mut stream, manner, b"R").await? {
        return Ok(());
    }
    let _ = stream.read(&mut buffer).await?;
    if matches!(manner, Manner::Laborious) {
        stream.write_all(&message(b'R', &[&10_i32.to_be_bytes()[..], b"SCRAM-SHA-256\0\0"].concat())).await?;
        let read = stream.read(&mut buffer).await?;
        let said = String::from_utf8_lossy(&buffer[..read]).into_owned();
        let nonce = said.rsplit("r=").next().unwrap_or_default();
        let first = format!("r={nonce}server,s=c2FsdHNhbHRzYWx0,i=4000000000");
        stream.write_all(&message(b'R', &[&11_i32.to_be_bytes()[..], first.as_bytes()].concat())).await?;
        tokio::time::sleep(Duration::from_secs(600)).await;
    }
    stream.write_all(&message(b'R', &0_i32.to_be_bytes())).await?;
    stream.write_all(&message(b'Z', b"I")).await?;
    // The settings of a new connection.
    let _ = stream.read(&mut buffer).await?;
    stream.write_all(&message(b'C', b"SET\0")).await?;
    stream.write_all(&message(b'Z', b"I")).await?;
    let _ = stream.read(&mut buffer).await?;
    let column = [&b"a\0"[..], &[0; 6], &25_i32.to_be_bytes(), &[0; 8]].concat();
    match manner {
        Manner::Huge => {
            stream.write_all(&[&b"D"[..], &0x7fff_fff0_u32.to_be_bytes()].concat()).await?;
            flood(&mut stream, &[b'x'; 65_536]).await?;
        }
        Manner::Endless => {
            stream.write_all(&message(b'T', &[&1_i16.to_be_bytes()[..], &column].concat())).await?;
            flood(&mut stream, &postgres_row(8).repeat(1_000)).await?;
        }
        Manner::Fat => {
            stream.write_all(&message(b'T', &[&1_i16.to_be_bytes()[..], &column].concat())).await?;
            flood(&mut stream, &postgres_row(4 << 20)).await?;
        }
        Manner::Wide => {
            let columns = [&30_000_i16.to_be_bytes()[..], &column.repeat(30_000)].concat();
            stream.write_all(&message(b'T', &columns)).await?;
            tokio::time::sleep(Duration::from_secs(600)).await;
        }
        // What belongs to another protocol's mischief is nonsense here.
        _ => {}
    }
    Ok(())
}

async fn flood(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    loop {
        stream.write_all(bytes).await?;
    }
}

fn packet(sequence: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("short").to_le_bytes();
    [&length[..3], &[sequence], body].concat()
}

async fn mysql(mut stream: TcpStream, manner: Manner) -> std::io::Result<()> {
    let mut buffer = vec![0; 65_536];
    if !before_greeting(&mut stream, manner, &[0x4a]).await? {
        return Ok(());
    }
    let plugin: &[u8] =
        if matches!(manner, Manner::Laborious) { b"caching_sha2_password\0" } else { b"mysql_native_password\0" };
    let greeting = [
        &b"\x0a8.0.0\0"[..],
        &7_u32.to_le_bytes(),
        b"12345678\0",
        &0xf7ff_u16.to_le_bytes(),
        &[45],
        &2_u16.to_le_bytes(),
        &0x0008_u16.to_le_bytes(),
        &[21],
        &[0; 10],
        b"123456789012\0",
        plugin,
    ]
    .concat();
    stream.write_all(&packet(0, &greeting)).await?;
    let _ = stream.read(&mut buffer).await?;
    if matches!(manner, Manner::Laborious) {
        stream.write_all(&packet(2, &[1, 4])).await?;
        let _ = stream.read(&mut buffer).await?;
        stream.write_all(&packet(4, &[&[1][..], &vec![b'A'; 1 << 20]].concat())).await?;
        tokio::time::sleep(Duration::from_secs(600)).await;
    }
    let ok = [0, 0, 0, 2, 0, 0, 0];
    stream.write_all(&packet(2, &ok)).await?;
    for _ in 0..4 {
        let _ = stream.read(&mut buffer).await?;
        stream.write_all(&packet(1, &ok)).await?;
    }
    let _ = stream.read(&mut buffer).await?;
    let text = |text: &[u8]| [&[u8::try_from(text.len()).expect("short")][..], text].concat();
    let column = [
        text(b"def"),
        text(b""),
        text(b""),
        text(b""),
        text(b"a"),
        text(b""),
        vec![0x0c, 45, 0, 0, 0, 0, 0, 0xfd, 0, 0, 0, 0, 0],
    ];
    let head = [packet(1, &[1]), packet(2, &column.concat()), packet(3, &[0xfe, 0, 0, 2, 0])].concat();
    match manner {
        Manner::Huge => {
            // A chunk that says that more of the same packet follows, again and again.
            let chunk = [&[0xff, 0xff, 0xff, 1][..], &vec![b'x'; 0x00ff_ffff]].concat();
            flood(&mut stream, &chunk).await?;
        }
        Manner::Endless => {
            stream.write_all(&head).await?;
            let mut sequence = 4_u8;
            loop {
                let mut rows = Vec::new();
                for _ in 0..1_000 {
                    rows.extend(packet(sequence, &text(b"xxxxxxxx")));
                    sequence = sequence.wrapping_add(1);
                }
                stream.write_all(&rows).await?;
            }
        }
        Manner::Fat => {
            stream.write_all(&head).await?;
            let size = 4_u32 << 20;
            let row = [&[0xfd][..], &size.to_le_bytes()[..3], &vec![b'x'; size as usize]].concat();
            for sequence in 4..=u8::MAX {
                stream.write_all(&packet(sequence, &row)).await?;
            }
        }
        Manner::Wide => stream.write_all(&packet(1, &[0xfe, 0, 0, 0, 0, 0, 0, 0, 0x40])).await?,
        Manner::Curious => stream.write_all(&packet(1, b"\xfb/etc/passwd")).await?,
        _ => {}
    }
    Ok(())
}

/// Opens and asks once; both are errors or the open connection's answer is.
async fn outcome(kind: DatabaseKind, manner: Manner) -> SqlError {
    let hint = serve(kind, manner).await;
    let database = hint.database.clone();
    let target = match kind {
        DatabaseKind::Mysql => Target::Mysql { hint, database },
        _ => Target::Postgres { hint, database },
    };
    let connection = match Connection::open(target).await {
        Ok(connection) => connection,
        Err(error) => return error,
    };
    let first = connection.query("SELECT 1").await.expect_err("a broken server");
    // The connection is given up: nothing is waited for a second time.
    let began = Instant::now();
    assert!(connection.query("SELECT 1").await.is_err() && connection.schema().await.is_err());
    assert!(began.elapsed() < STATEMENT / 2, "{manner:?} is waited for again");
    first
}

const BOTH: [DatabaseKind; 2] = [DatabaseKind::Postgres, DatabaseKind::Mysql];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_keeps_its_client_waiting_is_given_up() {
    let began = Instant::now();
    let mut waiting = Vec::new();
    for kind in BOTH {
        waiting.extend([Manner::Silent, Manner::Drips].map(|manner| tokio::spawn(outcome(kind, manner))));
    }
    for one in waiting {
        assert_eq!(one.await.expect("no panic"), SqlError::Slow);
    }
    // All of them at once, one connection's time and the grace; a machine may be busy.
    assert!(began.elapsed() < (STATEMENT + GRACE) * 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_talks_nonsense_is_given_up() {
    use DatabaseKind::{Mysql, Postgres};
    for (kind, manner, why) in [
        (Postgres, Manner::Nonsense, ""),
        (Postgres, Manner::Wide, "a result with 30000 columns"),
        (Postgres, Manner::Leaves, "connection"),
        (Postgres, Manner::Laborious, "iteration count"),
        (Mysql, Manner::Nonsense, ""),
        (Mysql, Manner::Wide, "no sound number of columns"),
        (Mysql, Manner::Leaves, "closed the connection"),
        (Mysql, Manner::Laborious, "public key"),
        (Mysql, Manner::Curious, "asked for a local file"),
    ] {
        let error = outcome(kind, manner).await;
        assert!(matches!(error, SqlError::Broken(_) | SqlError::Connect(_)), "{kind:?} {manner:?}: {error}");
        assert!(error.to_string().contains(why), "{kind:?} {manner:?}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_sends_too_much_is_given_up_within_its_allowance() {
    for kind in BOTH {
        for manner in [Manner::Huge, Manner::Endless, Manner::Fat] {
            let before = resident();
            let error = outcome(kind, manner).await;
            let more = resident().saturating_sub(before);
            assert!(matches!(error, SqlError::Broken(_)), "{kind:?} {manner:?}: {error}");
            // What was read, what was kept of it and a buffer that doubles; the flood itself is this process's too.
            assert!(more < BYTES * 6, "{kind:?} {manner:?} took {more} bytes");
        }
    }
}

/// Bytes of this process that are in memory.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
    line.split_whitespace().next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0) * 1024
}
