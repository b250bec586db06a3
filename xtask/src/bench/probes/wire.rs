//! Bytes of HTTP/1.1 between a client and a server: cut into messages, recorded on their way, and played back.
//!
//! Threads and blocking sockets: a chore needs no runtime.

use std::collections::{HashMap, VecDeque};
use std::io::{Read, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::shell::Result;

/// Connections that are taken; a suite makes a few thousand.
const MOST_CONNECTIONS: usize = 50_000;
/// Longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Header fields as sent, in their order.
pub(super) type Fields = Vec<(String, Vec<u8>)>;

/// Answers by method and target, first come first.
type Answers = HashMap<(String, String), VecDeque<Vec<u8>>>;

/// A request with what was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Exchange {
    pub(super) method: String,
    /// Path and query as sent.
    pub(super) target: String,
    pub(super) headers: Fields,
    pub(super) body: Vec<u8>,
    /// The whole answer as it came.
    pub(super) answer: Vec<u8>,
}

impl Exchange {
    /// The answer's status; 0 when it has none.
    pub(super) fn status(&self) -> u16 {
        answer_head(&self.answer).map_or(0, |(_, status, _)| status)
    }

    /// The answer's body, put together where it came in chunks.
    pub(super) fn answer_body(&self) -> Vec<u8> {
        let Some((head, _, headers)) = answer_head(&self.answer) else { return Vec::new() };
        match field(&headers, "transfer-encoding") {
            Some(_) => chunks(&self.answer[head..]).map(|(body, _)| body).unwrap_or_default(),
            None => self.answer[head..].to_vec(),
        }
    }
}

/// One connection, both ways.
#[derive(Debug, Default)]
struct Spoken {
    /// When the first byte of the request came.
    sent: Vec<(Instant, Vec<u8>)>,
    answered: Vec<u8>,
}

/// A listener on loopback that hands everything on to a server and remembers it.
pub(super) struct Recorder {
    pub(super) address: SocketAddr,
    spoken: Arc<Mutex<Vec<Arc<Mutex<Spoken>>>>>,
}

fn held<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Bytes that were noted stay true whoever panicked since.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Recorder {
    /// # Errors
    /// When nothing can be listened on.
    pub(super) fn before(server: SocketAddr) -> Result<Recorder> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let spoken: Arc<Mutex<Vec<Arc<Mutex<Spoken>>>>> = Arc::default();
        let all = spoken.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().take(MOST_CONNECTIONS).flatten() {
                let connection: Arc<Mutex<Spoken>> = Arc::default();
                held(&all).push(connection.clone());
                std::thread::spawn(move || hand_on(client, server, &connection));
            }
        });
        Ok(Recorder { address, spoken })
    }

    /// What was said so far, in the order of the requests, and how many messages could not be told apart.
    pub(super) fn exchanges(&self) -> (Vec<Exchange>, usize) {
        let (mut all, mut unread) = (Vec::new(), 0);
        for connection in held(&self.spoken).iter() {
            let connection = held(connection);
            let whole: Vec<u8> = connection.sent.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect();
            let (mut sent, mut answered) = (0, 0);
            while sent < whole.len() {
                let Some(request) = request(&whole[sent..]) else {
                    unread += 1;
                    break;
                };
                let Some(length) = answer_length(&connection.answered[answered..], &request.method) else {
                    unread += 1;
                    break;
                };
                let began = began(&connection.sent, sent);
                let answer = connection.answered[answered..answered + length].to_vec();
                sent += request.length;
                answered += length;
                let Message { method, target, headers, body, .. } = request;
                all.push((began, Exchange { method, target, headers, body, answer }));
            }
        }
        all.sort_by_key(|(began, _)| *began);
        (all.into_iter().map(|(_, exchange)| exchange).collect(), unread)
    }
}

/// When the byte at this place was sent.
fn began(sent: &[(Instant, Vec<u8>)], place: usize) -> Option<Instant> {
    let mut end = 0;
    sent.iter().find_map(|(at, bytes)| {
        end += bytes.len();
        (place < end).then_some(*at)
    })
}

fn hand_on(mut client: TcpStream, server: SocketAddr, spoken: &Arc<Mutex<Spoken>>) {
    let Ok(mut upstream) = TcpStream::connect_timeout(&server, PATIENCE) else { return };
    let (Ok(mut reader), Ok(mut writer)) = (client.try_clone(), upstream.try_clone()) else { return };
    for stream in [&client, &upstream] {
        // A socket that takes no option still carries bytes.
        let _ = (stream.set_nodelay(true), stream.set_read_timeout(Some(PATIENCE)));
    }
    let to_server = spoken.clone();
    let up = std::thread::spawn(move || {
        copied(&mut reader, &mut writer, |bytes| held(&to_server).sent.push((Instant::now(), bytes.to_vec())));
    });
    copied(&mut upstream, &mut client, |bytes| held(spoken).answered.extend_from_slice(bytes));
    // It ends with the client, which has had its answer.
    let _ = up.join();
}

/// Copies until one side ends, and then ends the other.
fn copied(from: &mut TcpStream, to: &mut TcpStream, mut note: impl FnMut(&[u8])) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        note(&buffer[..count]);
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    // The other side may have ended first.
    let _ = (to.shutdown(Shutdown::Write), from.shutdown(Shutdown::Read));
}

/// Answers at once with what was recorded: what the same method and target were answered first, then next, and the last
/// of it from then on.
///
/// # Errors
/// When nothing can be listened on.
pub(super) fn stub(exchanges: &[Exchange]) -> Result<SocketAddr> {
    let mut known: Answers = HashMap::new();
    for exchange in exchanges {
        let key = (exchange.method.clone(), exchange.target.clone());
        known.entry(key).or_default().push_back(exchange.answer.clone());
    }
    let known = Arc::new(Mutex::new(known));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for client in listener.incoming().take(MOST_CONNECTIONS).flatten() {
            let known = known.clone();
            std::thread::spawn(move || play(client, &known));
        }
    });
    Ok(address)
}

const UNKNOWN: &[u8] = b"HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";

fn play(mut client: TcpStream, known: &Mutex<Answers>) {
    // A socket that takes no option still carries bytes.
    let _ = (client.set_nodelay(true), client.set_read_timeout(Some(PATIENCE)));
    let (mut heard, mut buffer) = (Vec::new(), vec![0; 16 << 10]);
    loop {
        while let Some(request) = request(&heard) {
            heard.drain(..request.length);
            let method = request.method.clone();
            let answer = match held(known).get_mut(&(request.method, request.target)) {
                Some(answers) if answers.len() > 1 => answers.pop_front().unwrap_or_default(),
                Some(answers) => answers.front().cloned().unwrap_or_default(),
                None => UNKNOWN.to_vec(),
            };
            if client.write_all(&answer).is_err() || ends_with_the_connection(&answer, &method) {
                return;
            }
        }
        match client.read(&mut buffer) {
            Ok(count @ 1..) => heard.extend_from_slice(&buffer[..count]),
            _ => return,
        }
    }
}

/// A request's parts.
struct Message {
    method: String,
    target: String,
    headers: Fields,
    body: Vec<u8>,
    /// Bytes that it took.
    length: usize,
}

/// The first request of these bytes; `None` when it is not there in full, or is none.
fn request(bytes: &[u8]) -> Option<Message> {
    let mut space = [httparse::EMPTY_HEADER; 128];
    let mut read = httparse::Request::new(&mut space);
    let httparse::Status::Complete(head) = read.parse(bytes).ok()? else { return None };
    let headers: Fields = read.headers.iter().map(|header| (header.name.to_owned(), header.value.to_vec())).collect();
    let (body, length) = match field(&headers, "transfer-encoding") {
        Some(_) => chunks(&bytes[head..])?,
        None => {
            let length = field(&headers, "content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
            (bytes.get(head..head.checked_add(length)?)?.to_vec(), length)
        }
    };
    let (method, target) = (read.method?.to_owned(), read.path?.to_owned());
    Some(Message { method, target, headers, body, length: head + length })
}

/// Bytes of the first answer, whose request had this method; all of them where the connection's end is the answer's.
fn answer_length(bytes: &[u8], method: &str) -> Option<usize> {
    let (head, status, headers) = answer_head(bytes)?;
    if status < 200 {
        // What was announced comes after it.
        return answer_length(&bytes[head..], method).map(|rest| head + rest);
    }
    if method == "HEAD" || status == 204 || status == 304 {
        return Some(head);
    }
    if field(&headers, "transfer-encoding").is_some() {
        return chunks(&bytes[head..]).map(|(_, length)| head + length);
    }
    match field(&headers, "content-length").and_then(|text| text.parse::<usize>().ok()) {
        Some(length) => head.checked_add(length).filter(|end| *end <= bytes.len()),
        None => Some(bytes.len()),
    }
}

fn ends_with_the_connection(answer: &[u8], method: &str) -> bool {
    let Some((_, status, headers)) = answer_head(answer) else { return true };
    let bounded = method == "HEAD" || status == 204 || status == 304 || field(&headers, "transfer-encoding").is_some();
    field(&headers, "connection").is_some_and(|text| text.eq_ignore_ascii_case("close"))
        || !(bounded || field(&headers, "content-length").is_some())
}

/// Where an answer's body begins, its status and its fields.
fn answer_head(bytes: &[u8]) -> Option<(usize, u16, Fields)> {
    let mut space = [httparse::EMPTY_HEADER; 128];
    let mut read = httparse::Response::new(&mut space);
    let httparse::Status::Complete(head) = read.parse(bytes).ok()? else { return None };
    let headers = read.headers.iter().map(|header| (header.name.to_owned(), header.value.to_vec())).collect();
    Some((head, read.code?, headers))
}

fn field<'a>(headers: &'a [(String, Vec<u8>)], name: &str) -> Option<&'a str> {
    let (_, value) = headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(value).ok().map(str::trim)
}

/// A body in chunks, and the bytes that it took; `None` when it is not there in full.
fn chunks(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let httparse::Status::Complete((start, size)) = httparse::parse_chunk_size(bytes.get(at..)?).ok()? else {
            return None;
        };
        let size = usize::try_from(size).ok()?;
        let from = at + start;
        let end = from.checked_add(size)?;
        body.extend_from_slice(bytes.get(from..end)?);
        // No trailers: none of ours sends any, and servers' are rare.
        at = end.checked_add(2).filter(|end| *end <= bytes.len())?;
        if size == 0 {
            return Some((body, at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POST: &[u8] = b"POST /a?b=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
    const TOLD: &[u8] = b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\nok";

    #[test]
    fn messages_are_cut_where_they_end() {
        let two = [POST, b"GET / HTTP/1.1\r\n\r\n"].concat();
        let first = request(&two).unwrap();
        assert_eq!(
            (first.method.as_str(), first.target.as_str(), first.body.as_slice()),
            ("POST", "/a?b=1", &b"abc"[..])
        );
        assert_eq!(request(&two[first.length..]).unwrap().method, "GET");
        assert!(request(&POST[..POST.len() - 1]).is_none());
        let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nHTTP/1.1";
        assert_eq!(answer_length(chunked, "GET"), Some(chunked.len() - 8));
        assert_eq!(answer_length(TOLD, "HEAD"), Some(TOLD.len() - 2));
        assert_eq!(answer_length(b"HTTP/1.0 200 OK\r\n\r\nall of it", "GET"), Some(28));
        assert_eq!(answer_length(&[b"HTTP/1.1 100 Continue\r\n\r\n", TOLD].concat(), "PUT"), Some(25 + TOLD.len()));
    }

    #[test]
    fn what_was_recorded_is_played_back_in_its_order() {
        let exchange = |answer: &str| Exchange {
            method: "GET".to_owned(),
            target: "/".to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            answer: format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{answer}", answer.len()).into_bytes(),
        };
        let stub = stub(&[exchange("one"), exchange("two")]).unwrap();
        let recorder = Recorder::before(stub).unwrap();
        for wanted in ["one", "two", "two"] {
            let mut stream = TcpStream::connect(recorder.address).unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert!(answer.ends_with(wanted), "{answer}");
        }
        let (exchanges, unread) = recorder.exchanges();
        assert_eq!((exchanges.len(), unread), (3, 0));
        assert_eq!(exchanges[0].answer, exchange("one").answer);
        assert_eq!(exchanges[2].answer, exchange("two").answer);
    }
}
