//! One request: bytes from an address to the end of a partial file. Knows every way in which a server can misbehave.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;

use ureq::http::{HeaderMap, Response, header};
use ureq::{Agent, Body};

use super::catalogue::PublishedFile;
use super::digest::Digest;
use super::{Event, FetchOptions, Proxy};
use crate::error::{Error, ErrorKind, Result};

/// What a download of unpublished size may have at most. (QMNIST's images, the largest, have about 10 MB.)
const UNKNOWN_SIZE_LIMIT_BYTES: u64 = 64 << 20;

/// Why a mirror did not give a file. Prints as what follows the address: `answered 404`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// An HTTP status other than success.
    Status(u16),
    /// A web page came instead of the file: a login, a proxy's notice, an error told with status 200.
    Page,
    /// The file has another length than published.
    Size {
        /// In bytes.
        expected: u64,
        /// In bytes.
        found: u64,
    },
    /// The file has another hash than published.
    Hash {
        /// As published.
        expected: Digest,
        /// Of what came.
        found: Digest,
    },
    /// The connection ended before the file did.
    Truncated {
        /// In bytes, where it is known.
        expected: Option<u64>,
        /// How many bytes there are.
        found: u64,
        /// What the system says, if anything.
        reason: String,
    },
    /// Nothing came for too long.
    Stalled {
        /// How long.
        waited: Duration,
        /// How many bytes this request had brought.
        received: u64,
    },
    /// The server answered a request for the rest with something else.
    Range(String),
    /// No connection, no such host, no common TLS: whatever the network layer says.
    Connection(String),
}

impl Failure {
    /// Whether asking again a little later may help.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Truncated { found, .. } => *found > 0,
            Self::Stalled { received, .. } => *received > 0,
            Self::Status(status) => *status == 429 || *status >= 500,
            _ => false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "answered {status}"),
            Self::Page => write!(f, "sent a web page instead of the file"),
            Self::Size { expected, found } => write!(f, "has another file: expected {expected} bytes, found {found}"),
            Self::Hash { expected, found } => write!(f, "has another file: expected {expected}, found {found}"),
            Self::Truncated { expected, found, reason } => {
                let of = expected.map_or(String::new(), |expected| format!(" of {expected}"));
                write!(f, "broke off after {found}{of} bytes")?;
                if reason.is_empty() { Ok(()) } else { write!(f, " ({reason})") }
            }
            Self::Stalled { waited, .. } => write!(f, "sent nothing for {waited:?}"),
            Self::Range(found) => write!(f, "cannot go on with a partial download: {found}"),
            Self::Connection(reason) => write!(f, "cannot be reached: {reason}"),
        }
    }
}

/// Why a request ended early.
pub(super) enum Stop {
    /// The mirror's fault: the next one may do.
    Mirror(Failure),
    /// This machine's: a full disk, say. No other mirror can help.
    Here(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Here(error)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Mirror(failure)
    }
}

impl PublishedFile {
    /// More bytes than this are never written.
    pub(super) fn limit_bytes(&self) -> u64 {
        self.size.unwrap_or(UNKNOWN_SIZE_LIMIT_BYTES)
    }
}

/// The HTTP client with its timeouts.
pub(super) struct Client {
    agent: Agent,
    stall_timeout: Duration,
}

impl Client {
    pub(super) fn new(options: &FetchOptions) -> Result<Self> {
        let proxy = match &options.proxy {
            Proxy::Direct => None,
            Proxy::FromEnvironment => ureq::Proxy::try_from_env(),
            Proxy::Url(url) => Some(ureq::Proxy::new(url).map_err(|error| {
                Error::mismatch(ErrorKind::Usage, "an address such as http://host:port", format!("{url} ({error})"))
                    .with_place("proxy")
            })?),
        };
        let config = Agent::config_builder()
            .proxy(proxy)
            .http_status_as_error(false)
            .timeout_resolve(Some(options.connect_timeout))
            .timeout_connect(Some(options.connect_timeout))
            .timeout_per_read(Some(options.stall_timeout))
            .timeout_per_write(Some(options.stall_timeout))
            .user_agent(concat!("inkstone/", env!("CARGO_PKG_VERSION")))
            // Files that are .gz themselves must not be unpacked on the way.
            .accept_encoding("identity")
            .build();
        Ok(Self { agent: config.new_agent(), stall_timeout: options.stall_timeout })
    }

    /// Appends to `part` what is missing behind its first `have` bytes, or writes it anew if the server does not know
    /// ranges. Answers the offset at which this request's bytes begin.
    pub(super) fn transfer(
        &self,
        file: &PublishedFile,
        url: &str,
        part: &Path,
        have: u64,
        observe: &mut dyn FnMut(&Event),
    ) -> Result<u64, Stop> {
        let mut request = self.agent.get(url);
        if have > 0 {
            request = request.header(header::RANGE, format!("bytes={have}-"));
        }
        let mut response = request.call().map_err(|error| self.failure(&error, 0, None, 0))?;
        let Some(start) = start_of(&response, have)? else { return Ok(have) };
        let total = total_of(file, &response, start)?;
        observe(&Event::Started { file: &file.name, url, resumed_from: start, total });
        self.receive(file, response.body_mut(), &Target { part, start, total }, observe)?;
        Ok(start)
    }

    /// Copies the body to the disk, never more than the file may have.
    fn receive(
        &self,
        file: &PublishedFile,
        body: &mut Body,
        target: &Target,
        observe: &mut dyn FnMut(&Event),
    ) -> Result<(), Stop> {
        let &Target { part, start, total } = target;
        let mut reader = body.as_reader();
        let mut buffer = vec![0; 1 << 16];
        let mut sink: Option<File> = None;
        let mut received = start;
        loop {
            let n = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.failure(&error.into(), received, total, received - start).into()),
            };
            let piece = &buffer[..n];
            if received == 0 && looks_like_a_page(piece) {
                return Err(Failure::Page.into());
            }
            received += n as u64;
            if received > total.unwrap_or(file.limit_bytes()) {
                // Not a byte of it can be trusted. If it cannot be removed, the hash will find it.
                let _ = fs::remove_file(part);
                return Err(Failure::Size { expected: total.unwrap_or(file.limit_bytes()), found: received }.into());
            }
            write(&mut sink, part, start, piece).map_err(|error| Error::io(part, "write the download", &error))?;
            observe(&Event::Progress { file: &file.name, received, total });
        }
        if total.is_some_and(|total| received < total) || received == 0 {
            return Err(Failure::Truncated { expected: total, found: received, reason: String::new() }.into());
        }
        Ok(())
    }

    /// What a network error means. Before the first byte of a body it is a failure to connect.
    fn failure(&self, error: &ureq::Error, found: u64, expected: Option<u64>, received: u64) -> Failure {
        match error {
            ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
                Failure::Connection("no answer in time".into())
            }
            ureq::Error::Timeout(_) => Failure::Stalled { waited: self.stall_timeout, received },
            _ if expected.is_some() || received > 0 => {
                Failure::Truncated { expected, found, reason: error.to_string() }
            }
            _ => Failure::Connection(error.to_string()),
        }
    }
}

/// Where a body goes.
struct Target<'a> {
    part: &'a Path,
    start: u64,
    total: Option<u64>,
}

/// Writes a piece. The file is opened with the first one, so that a bad answer destroys nothing.
fn write(sink: &mut Option<File>, part: &Path, start: u64, piece: &[u8]) -> io::Result<()> {
    let file = match sink {
        Some(file) => file,
        None if start > 0 => sink.insert(File::options().append(true).open(part)?),
        None => sink.insert(File::create(part)?),
    };
    file.write_all(piece)
}

/// The offset at which the body begins; `None` if there is nothing behind `have`.
fn start_of(response: &Response<Body>, have: u64) -> Result<Option<u64>, Failure> {
    match response.status().as_u16() {
        200 => Ok(Some(0)),
        206 if have > 0 => {
            let range = text(response.headers(), header::CONTENT_RANGE);
            let start = range.strip_prefix("bytes ").and_then(|range| range.split_once('-')?.0.trim().parse().ok());
            if start == Some(have) { Ok(Some(have)) } else { Err(Failure::Range(format!("content-range `{range}`"))) }
        }
        // "Range not satisfiable": we have it all. (Whether that is so, the hash will tell.)
        416 if have > 0 => Ok(None),
        status => Err(Failure::Status(status)),
    }
}

/// The length of the whole file, known or announced; a web page or another length than published ends here.
fn total_of(file: &PublishedFile, response: &Response<Body>, start: u64) -> Result<Option<u64>, Failure> {
    let kind = text(response.headers(), header::CONTENT_TYPE);
    if kind.starts_with("text/html") || kind.starts_with("application/xhtml") {
        return Err(Failure::Page);
    }
    let announced = response.body().content_length().map(|len| start.saturating_add(len));
    match (file.size, announced) {
        (Some(expected), Some(found)) if expected != found => Err(Failure::Size { expected, found }),
        (None, Some(found)) if found > file.limit_bytes() => Err(Failure::Size { expected: file.limit_bytes(), found }),
        (known, announced) => Ok(known.or(announced)),
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().trim().to_ascii_lowercase()
}

/// No data set begins like this: gzip begins with 1f 8b, zip and npz with PK.
fn looks_like_a_page(piece: &[u8]) -> bool {
    let text = piece.trim_ascii_start();
    [b"<!doctype".as_slice(), b"<html", b"<?xml", b"<head"]
        .iter()
        .any(|tag| text.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag)))
}
