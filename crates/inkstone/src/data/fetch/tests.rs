//! Fetching from a server on this machine that misbehaves in every way we know of.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::*;
use crate::hash::sha256_hex;

/// A folder that is removed at the end of its test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("inkstone-fetch-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
    fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.join(name)).unwrap()
    }
    /// The files that are not hidden.
    fn names(&self) -> Vec<String> {
        let names = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
        names.sort();
        names
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A server whose first path segment says how it behaves: `http://127.0.0.1:1234/stall/raw.gz`.
struct Server {
    address: String,
    log: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn serving(body: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let log = Arc::new(Mutex::new(Vec::new()));
        let (body, shared) = (Arc::new(body), Arc::clone(&log));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (body, log) = (Arc::clone(&body), Arc::clone(&shared));
                std::thread::spawn(move || answer(stream.unwrap(), &body, &log));
            }
        });
        Self { address, log }
    }

    fn mirror(&self, behaviour: &str) -> String {
        format!("{}/{behaviour}/", self.address)
    }

    /// `good` or `good bytes=100-` for each request so far.
    fn requests(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

/// Answers one request as its path says. Failures to write are the client's right to go away.
fn answer(mut stream: TcpStream, body: &[u8], log: &Mutex<Vec<String>>) {
    let Some((behaviour, range)) = head_of(&mut stream, log) else { return };
    log.lock().unwrap().push(format!("{behaviour} {range}").trim_end().to_string());
    let from = range.strip_prefix("bytes=").and_then(|range| range.strip_suffix('-')?.parse::<usize>().ok());
    let half = body.len() / 2;
    let pause = |millis| std::thread::sleep(Duration::from_millis(millis));
    let mut send = |bytes: &[u8]| {
        let _ = stream.write_all(bytes).and_then(|()| stream.flush());
    };
    let head = |status: &str, len: usize| {
        format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {len}\r\n").into_bytes()
    };
    let ok = [head("200 OK", body.len()), b"\r\n".to_vec()].concat();
    match behaviour.as_str() {
        "missing" => send(&[&head("404 Not Found", 4)[..], b"\r\ngone"].concat()),
        "forbidden" => send(&[&head("403 Forbidden", 2)[..], b"\r\nno"].concat()),
        "overloaded" => send(&[&head("503 Busy", 0)[..], b"\r\n"].concat()),
        "page" => send(&[&head("200 OK", 20)[..], b"Content-Type: text/html\r\n\r\n<p>Please log in</p>"].concat()),
        "hidden-page" => {
            let page = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n \n<!DOCTYPE html><title>Please log in</title>";
            send(page);
        }
        "wrong" => send(&[ok, vec![7; body.len()]].concat()),
        "longer" => send(&[&head("200 OK", body.len() + 1)[..], b"\r\n", body, b"!"].concat()),
        "endless" => {
            send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
            while stream.write_all(&[9; 4096]).is_ok() {}
        }
        "short" => send(&[&ok, &body[..half]].concat()),
        "unannounced-short" => send(&[b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", &body[..half]].concat()),
        "empty" => send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"),
        "silent" => pause(1500),
        "stall" => {
            send(&[&ok, &body[..half]].concat());
            pause(1500);
        }
        "slow" => {
            send(&[&ok, &body[..half]].concat());
            pause(150);
            send(&body[half..]);
        }
        "gone-away" => {}
        "other-range" => {
            let range = format!("Content-Range: bytes 0-9/{}\r\n\r\n", body.len());
            send(&[&head("206 Partial Content", 10)[..], range.as_bytes(), &body[..10]].concat());
        }
        "no-ranges" => send(&[&ok, body].concat()),
        // Gives a third of what is asked for, each time.
        "pieces" => {
            let start = from.unwrap_or(0);
            let end = start + (body.len() - start).min(body.len() / 3 + 1);
            send(&[partial(start, body), body[start..end].to_vec()].concat());
        }
        "good" => match from {
            Some(start) if start >= body.len() => send(&[&head("416 Range Not Satisfiable", 0)[..], b"\r\n"].concat()),
            Some(start) => send(&[partial(start, body), body[start..].to_vec()].concat()),
            None => send(&[&ok, body].concat()),
        },
        other => panic!("no behaviour {other}"),
    }
}

fn partial(start: usize, body: &[u8]) -> Vec<u8> {
    let (rest, last, total) = (body.len() - start, body.len() - 1, body.len());
    let status = if start == 0 { "200 OK" } else { "206 Partial Content" };
    format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {rest}\r\nContent-Range: bytes {start}-{last}/{total}\r\n\r\n"
    )
    .into_bytes()
}

/// The behaviour and the range that a request asks for. A proxy's CONNECT is granted first.
///
/// `gone-away` leaves the request unread, so that closing the connection resets it.
fn head_of(stream: &mut TcpStream, log: &Mutex<Vec<String>>) -> Option<(String, String)> {
    let mut head = vec![0; 4096];
    let n = stream.peek(&mut head).ok()?;
    if head[..n].starts_with(b"GET /gone-away/") {
        return Some(("gone-away".into(), String::new()));
    }
    // A client may write the head of its request in pieces.
    let mut n = 0;
    while !head[..n].ends_with(b"\r\n\r\n") {
        match stream.read(&mut head[n..]).ok()? {
            0 => return None,
            read => n += read,
        }
    }
    let head = String::from_utf8_lossy(&head[..n]).into_owned();
    if head.starts_with("CONNECT ") {
        stream.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").ok()?;
        log.lock().unwrap().push("proxy".into());
        return head_of(stream, log);
    }
    let behaviour = head.split('/').nth(1)?.to_string();
    let range = head.lines().find_map(|line| line.strip_prefix("range: ")).unwrap_or_default().to_string();
    Some((behaviour, range))
}

/// Bytes that gzip cannot shorten.
fn noise(n: usize) -> Vec<u8> {
    (0..n as u64).map(|i| ((i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33) as u8 ^ (i >> 3) as u8).collect()
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A set of one packed file, `raw.gz`, whose raw hash nobody published.
fn set(packed: &[u8], raw: &[u8], mirrors: &[String]) -> PublishedSet {
    PublishedSet {
        name: "toy".into(),
        mirrors: mirrors.to_vec(),
        files: vec![PublishedFile {
            name: "raw.gz".into(),
            size: Some(packed.len() as u64),
            digest: Digest::Sha256(sha256_hex(packed)),
            packing: Packing::Gzip,
            contents: vec![RawFile { name: "raw".into(), size: Some(raw.len() as u64), sha256: None }],
        }],
    }
}

fn options(scratch: &Scratch) -> FetchOptions {
    let mut options = FetchOptions::new(&scratch.0);
    options.stall_timeout = Duration::from_millis(300);
    options.rounds = 1;
    options.pause = Duration::ZERO;
    options
}

/// Fetches and tells each event in a line, progress left out.
fn fetch_telling(set: &PublishedSet, options: &FetchOptions) -> (Result<FetchOutcome>, Vec<String>) {
    let mut lines = Vec::new();
    let outcome = fetch_set(set, options, &mut |event| {
        lines.push(match event {
            Event::Waiting { .. } => "waiting".to_string(),
            Event::Present { file } => format!("{file} present"),
            Event::Wrong { file, reason } => format!("{file} wrong: {reason}"),
            Event::Started { file, resumed_from, .. } => format!("{file} from {resumed_from}"),
            Event::Progress { .. } => return,
            Event::MirrorFailed { file, url, reason } => {
                format!("{file}: {} {reason}", url.rsplit('/').nth(1).unwrap_or(url))
            }
            Event::Verified { file, .. } => format!("{file} verified"),
            Event::Unpacked { file, size } => format!("{file} unpacked, {size} bytes"),
        });
    });
    (outcome, lines)
}

/// The parts that most tests share: raw bytes, their packed form and a server of it.
fn toy() -> (Vec<u8>, Vec<u8>, Server) {
    let raw = noise(50_000);
    let packed = gzipped(&raw);
    (raw, packed.clone(), Server::serving(packed))
}

#[test]
fn a_set_is_downloaded_verified_unpacked_and_recorded_and_the_second_time_only_hashed() {
    let (raw, packed, server) = toy();
    let scratch = Scratch::new("plain");
    let set = set(&packed, &raw, &[server.mirror("good")]);
    let (outcome, events) = fetch_telling(&set, &options(&scratch));
    assert_eq!(events, ["raw.gz from 0", "raw.gz verified", "raw unpacked, 50000 bytes"]);
    let record = &outcome.unwrap().files[0];
    assert_eq!((record.size, record.is_new), (50_000, true));
    assert_eq!(record.sha256, sha256_hex(&raw));
    assert_eq!(record.source.as_deref(), Some(format!("{}raw.gz", server.mirror("good")).as_str()));
    assert_eq!(scratch.read("raw"), raw);
    assert_eq!(scratch.names(), ["fetched.json", "raw"]);

    let (outcome, events) = fetch_telling(&set, &options(&scratch));
    assert_eq!(events, ["raw present"]);
    let again = &outcome.unwrap().files[0];
    assert_eq!((again.is_new, &again.source, &again.sha256), (false, &record.source, &record.sha256));
    assert_eq!(server.requests(), ["good"]);
}

#[test]
fn every_way_to_misbehave_is_named_and_the_next_mirror_gives_the_file() {
    let (raw, packed, server) = toy();
    let (len, half) = (packed.len(), packed.len() / 2);
    let longer = format!("has another file: expected {len} bytes, found {}", len + 1);
    let broke = format!("broke off after {half} of {len} bytes");
    for (behaviour, reason) in [
        ("missing", "answered 404"),
        ("forbidden", "answered 403"),
        ("overloaded", "answered 503"),
        ("page", "sent a web page instead of the file"),
        ("hidden-page", "sent a web page instead of the file"),
        ("wrong", "has another file: expected SHA-256 "),
        ("longer", &longer),
        ("endless", "has another file: expected "),
        ("short", &broke),
        ("unannounced-short", &broke),
        ("empty", "broke off after 0 of "),
        ("silent", "sent nothing for 300ms"),
        ("stall", "sent nothing for 300ms"),
        ("gone-away", "cannot be reached: io: "),
    ] {
        let scratch = Scratch::new(&format!("bad-{behaviour}"));
        let set = set(&packed, &raw, &[server.mirror(behaviour), server.mirror("good")]);
        let started = Instant::now();
        let (outcome, events) = fetch_telling(&set, &options(&scratch));
        assert!(outcome.is_ok(), "{behaviour}: {outcome:?}");
        let told = format!("raw.gz: {behaviour} {reason}");
        assert!(events.iter().any(|event| event.starts_with(&told)), "{behaviour}: {events:?}");
        assert_eq!(scratch.read("raw"), raw, "{behaviour}");
        assert_eq!(scratch.names(), ["fetched.json", "raw"], "{behaviour}");
        assert!(started.elapsed() < Duration::from_secs(5), "{behaviour}");
    }
}

#[test]
fn what_a_mirror_sent_before_it_broke_off_is_not_asked_for_again() {
    let (raw, packed, server) = toy();
    let half = packed.len() / 2;
    for behaviour in ["short", "stall"] {
        let scratch = Scratch::new(&format!("resume-{behaviour}"));
        let set = set(&packed, &raw, &[server.mirror(behaviour), server.mirror("good")]);
        let (outcome, events) = fetch_telling(&set, &options(&scratch));
        outcome.unwrap();
        assert!(events.contains(&format!("raw.gz from {half}")), "{events:?}");
        assert_eq!(server.requests().last().unwrap(), &format!("good bytes={half}-"));
        assert_eq!(scratch.read("raw"), raw);
    }
}

#[test]
fn a_partial_download_of_an_earlier_run_is_gone_on_with_whatever_the_server_makes_of_ranges() {
    let (raw, packed, server) = toy();
    for (behaviour, part, events) in [
        ("good", &packed[..1000], vec!["raw.gz from 1000"]),
        ("no-ranges", &packed[..1000], vec!["raw.gz from 0"]),
        // Complete, but the program was killed before it knew: no request at all.
        ("good", &packed[..], vec![]),
        // Bytes of another release: the mirror is not blamed, it is asked for the whole.
        ("good", &[7; 1000][..], vec!["raw.gz from 1000", "raw.gz from 0"]),
        ("good", &vec![7; packed.len()][..], vec!["raw.gz from 0"]),
        ("good", &vec![7; packed.len() + 5][..], vec!["raw.gz from 0"]),
    ] {
        let scratch = Scratch::new(&format!("part-{behaviour}-{}-{}", part.len(), part[0]));
        fs::write(scratch.join("raw.gz.part"), part).unwrap();
        let set = set(&packed, &raw, &[server.mirror(behaviour)]);
        let (outcome, told) = fetch_telling(&set, &options(&scratch));
        outcome.unwrap();
        assert_eq!(told[..told.len() - 2], events, "{behaviour} {}", part.len());
        assert_eq!(scratch.read("raw"), raw);
    }
}

#[test]
fn a_range_that_was_not_asked_for_is_not_appended() {
    let (raw, packed, server) = toy();
    let scratch = Scratch::new("other-range");
    fs::write(scratch.join("raw.gz.part"), &packed[..1000]).unwrap();
    let set = set(&packed, &raw, &[server.mirror("other-range"), server.mirror("good")]);
    let (outcome, events) = fetch_telling(&set, &options(&scratch));
    outcome.unwrap();
    assert!(events[0].contains("cannot go on with a partial download: content-range `bytes 0-9/"), "{events:?}");
    assert_eq!(events[1], "raw.gz from 1000");
}

#[test]
fn a_complete_part_of_unknown_size_is_recognised_by_status_416() {
    let (raw, packed, server) = toy();
    for (part, n_requests) in [(packed.clone(), 1), (vec![7; packed.len()], 2)] {
        let scratch = Scratch::new(&format!("416-{}", part[0]));
        fs::write(scratch.join("raw.gz.part"), &part).unwrap();
        let mut set = set(&packed, &raw, &[server.mirror("good")]);
        set.files[0].size = None;
        let before = server.requests().len();
        fetch_telling(&set, &options(&scratch)).0.unwrap();
        assert_eq!(server.requests().len() - before, n_requests);
        assert_eq!(scratch.read("raw"), raw);
    }
}

#[test]
fn a_single_mirror_that_breaks_off_again_and_again_is_asked_for_the_rest_in_the_next_round() {
    let (raw, packed, server) = toy();
    let scratch = Scratch::new("rounds");
    let set = set(&packed, &raw, &[server.mirror("missing"), server.mirror("pieces")]);
    let mut options = options(&scratch);
    options.rounds = 3;
    let (outcome, events) = fetch_telling(&set, &options);
    outcome.unwrap();
    assert_eq!(events.iter().filter(|event| event.contains("broke off")).count(), 2, "{events:?}");
    // A file that is not there will not be there in a second.
    assert_eq!(events.iter().filter(|event| event.contains("404")).count(), 1, "{events:?}");
    assert_eq!(scratch.read("raw"), raw);
}

#[test]
fn when_no_mirror_gives_a_file_the_error_names_each_reason_and_what_to_put_where() {
    let (raw, packed, server) = toy();
    let scratch = Scratch::new("none");
    let mut options = options(&scratch);
    options.mirrors = vec![format!("{}/wrong", server.address)]; // without a slash at the end
    let set = set(&packed, &raw, &[server.mirror("missing"), server.mirror("page")]);
    let error = fetch_telling(&set, &options).0.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Fetch);
    let (text, address, sha256) = (error.to_string(), &server.address, sha256_hex(&packed));
    assert!(text.starts_with(&format!("no mirror gave raw.gz: {address}/wrong/raw.gz has another file")), "{text}");
    assert!(text.contains(&format!("; {address}/missing/raw.gz answered 404; {address}/page/raw.gz sent a")), "{text}");
    let help = format!(
        "without network, put raw.gz ({} bytes, SHA-256 {sha256}) into {} and run this again",
        packed.len(),
        scratch.0.display()
    );
    assert!(text.ends_with(&help), "{text}");
    assert_eq!(scratch.names(), [""; 0], "nothing is left that could be taken for data");
}

#[test]
fn a_server_that_is_not_there_fails_at_once() {
    let (raw, packed, server) = toy();
    let scratch = Scratch::new("refused");
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let set = set(&packed, &raw, &[format!("http://{port}/good/"), server.mirror("good")]);
    let (outcome, events) = fetch_telling(&set, &options(&scratch));
    outcome.unwrap();
    assert!(events[0].contains("cannot be reached: "), "{events:?}");
}

#[test]
fn a_packed_file_that_a_person_put_there_is_used_without_any_request() {
    let (raw, packed, server) = toy();
    let scratch = Scratch::new("by-hand");
    fs::write(scratch.join("raw.gz"), &packed).unwrap();
    let set = set(&packed, &raw, &[server.mirror("good")]);
    let (outcome, events) = fetch_telling(&set, &options(&scratch));
    outcome.unwrap();
    assert_eq!(events, ["raw.gz verified", "raw unpacked, 50000 bytes"]);
    assert!(server.requests().is_empty());
    assert_eq!(scratch.names(), ["fetched.json", "raw", "raw.gz"], "what is not ours stays");
}

#[test]
fn a_raw_file_that_was_damaged_is_found_by_verify_and_fetched_anew() {
    let (raw, packed, server) = toy();
    let scratch = Scratch::new("damage");
    let set = set(&packed, &raw, &[server.mirror("good")]);
    fetch_telling(&set, &options(&scratch)).0.unwrap();
    let outcome = verify_set(&set, &scratch.0, &mut |_| {}).unwrap();
    assert_eq!(outcome.files[0].sha256, sha256_hex(&raw));

    let mut damaged = raw.clone();
    damaged[40_000] ^= 1;
    fs::write(scratch.join("raw"), &damaged).unwrap();
    let error = verify_set(&set, &scratch.0, &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains("1 of 1 files are not right: raw (expected SHA-256 "), "{error}");
    assert_eq!(scratch.read("raw"), damaged, "verify changes nothing");

    let (outcome, events) = fetch_telling(&set, &options(&scratch));
    outcome.unwrap();
    assert!(events[0].starts_with("raw wrong: expected SHA-256 "), "{events:?}");
    assert_eq!(scratch.read("raw"), raw);

    fs::remove_file(scratch.join("raw")).unwrap();
    let error = verify_set(&set, &scratch.0, &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains("raw (missing); fetch toy again"), "{error}");
}

#[test]
fn of_two_at_once_the_second_waits_and_finds_the_work_done() {
    let (raw, packed, server) = toy();
    let scratch = Scratch::new("two");
    let set = set(&packed, &raw, &[server.mirror("slow")]);
    let (mut first, mut second) = std::thread::scope(|scope| {
        let run = || scope.spawn(|| fetch_telling(&set, &options(&scratch)));
        let (one, other) = (run(), run());
        (one.join().unwrap(), other.join().unwrap())
    });
    if second.1.len() > first.1.len() {
        std::mem::swap(&mut first, &mut second);
    }
    assert_eq!(first.1, ["raw.gz from 0", "raw.gz verified", "raw unpacked, 50000 bytes"]);
    assert_eq!(second.1, ["waiting", "raw present"]);
    assert_eq!(server.requests(), ["slow"]);
    assert!(first.0.unwrap().files[0].is_new && !second.0.unwrap().files[0].is_new);
    assert_eq!(scratch.read("raw"), raw);
}

#[test]
fn of_a_zip_only_the_wanted_members_are_unpacked() {
    let (images, labels) = (noise(3000), noise(70));
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in [("gzip/images.gz", &images), ("gzip/labels.gz", &labels), ("gzip/unwanted.gz", &images)] {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(&gzipped(bytes)).unwrap();
    }
    let packed = zip.finish().unwrap().into_inner();
    let server = Server::serving(packed.clone());
    let scratch = Scratch::new("zip");
    let mut set = set(&packed, &images, &[server.mirror("good")]);
    set.files[0].packing = Packing::ZipOfGzip;
    let raw = |name: &str, len: usize| RawFile { name: name.into(), size: Some(len as u64), sha256: None };
    set.files[0].contents = vec![raw("images", 3000), raw("labels", 70)];
    fetch_telling(&set, &options(&scratch)).0.unwrap();
    assert_eq!(scratch.names(), ["fetched.json", "images", "labels"]);
    assert_eq!((scratch.read("images"), scratch.read("labels")), (images, labels));

    set.files[0].contents.push(raw("nothing", 1));
    let error = fetch_telling(&set, &options(&scratch)).0.unwrap_err().to_string();
    assert!(error.contains("expected a member nothing.gz, found 3 others"), "{error}");
}

#[test]
fn a_plain_file_whose_size_is_unknown_and_of_which_only_md5_is_published_is_fetched_too() {
    let (raw, _, _) = toy();
    let server = Server::serving(raw.clone());
    let scratch = Scratch::new("md5");
    let mut set = set(&raw, &raw, &[server.mirror("wrong"), server.mirror("good")]);
    set.files[0].name = "raw".into();
    set.files[0].size = None;
    set.files[0].digest = Digest::Md5(format!("{:x}", md5::compute(&raw)));
    set.files[0].packing = Packing::Plain;
    let (outcome, events) = fetch_telling(&set, &options(&scratch));
    outcome.unwrap();
    assert!(events[1].starts_with("raw: wrong has another file: expected MD5 "), "{events:?}");
    assert_eq!(scratch.read("raw"), raw);
}

#[test]
fn unpacked_bytes_that_are_not_the_published_ones_never_get_into_place() {
    let (raw, packed, server) = toy();
    for (size, sha256, expected) in [
        (50_000, Some("00".repeat(32)), "raw: unpacked: expected SHA-256 0000"),
        (49_999, None, "raw: unpacked: expected 49999 bytes, found more"),
        (50_001, None, "raw: unpacked: expected 50001 bytes, found 50000"),
    ] {
        let scratch = Scratch::new(&format!("raw-{size}"));
        let mut set = set(&packed, &raw, &[server.mirror("good")]);
        set.files[0].contents[0] = RawFile { name: "raw".into(), size: Some(size), sha256 };
        let error = fetch_telling(&set, &options(&scratch)).0.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(scratch.names(), ["raw.gz.part"]);
        assert!(!scratch.join(".raw.tmp").exists());
    }
}

#[test]
fn a_proxy_is_used_where_it_is_asked_for() {
    let (raw, packed, server) = toy();
    let scratch = Scratch::new("proxy");
    let mut options = options(&scratch);
    options.proxy = Proxy::Url(server.address.clone());
    let set = set(&packed, &raw, &["http://nowhere.invalid/good/".to_string()]);
    fetch_telling(&set, &options).0.unwrap();
    assert_eq!(scratch.read("raw"), raw);
    assert_eq!(server.requests(), ["proxy", "good"]);
}

#[test]
fn a_mirror_that_is_no_http_address_and_a_proxy_that_is_none_are_usage_errors() {
    let scratch = Scratch::new("usage");
    let mut options = options(&scratch);
    options.mirrors = vec!["ftp://example.org/".into()];
    let error = fetch("kmnist", &options, &mut |_| {}).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().ends_with("found ftp://example.org/"), "{error}");
    options.proxy = Proxy::Url("://".into());
    assert_eq!(fetch("kmnist", &options, &mut |_| {}).unwrap_err().kind(), ErrorKind::Usage);
}

#[cfg(feature = "mnist")]
#[test]
fn the_built_in_files_are_written_out_once_and_verify_as_the_published_ones() {
    let scratch = Scratch::new("built-in");
    let outcome = write_built_in(&scratch.0, &mut |_| {}).unwrap();
    assert!(outcome.files.iter().all(|file| file.is_new && file.source.as_deref() == Some("built in")));
    assert!(write_built_in(&scratch.0, &mut |_| {}).unwrap().files.iter().all(|file| !file.is_new));
    let verified = verify("mnist", &scratch.0, &mut |_| {}).unwrap();
    assert_eq!(verified.files.len(), 4);
    // And a fetch finds nothing to do.
    let mut events = 0;
    fetch("mnist", &FetchOptions::new(&scratch.0), &mut |event| {
        assert!(matches!(event, Event::Present { .. }), "{event:?}");
        events += 1;
    })
    .unwrap();
    assert_eq!(events, 4);
}
