//! The text protocol, as far as a client of NATS needs it.
//!
//! | client sends | server sends |
//! |---|---|
//! | | `INFO {json}`, first of all |
//! | `CONNECT {json}` | `+OK` if it says `"verbose":true`, as after each command from then on |
//! | `PING` | `PONG` |
//! | `SUB subject id` | `MSG subject id [reply] length`, payload, for every message |
//! | `UNSUB id [count]` | |
//! | `PUB subject [reply] length`, payload | |
//! | anything else | `-ERR 'reason'`, and it closes the connection |

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// Longest payload that is taken, in bytes.
const MAX_PAYLOAD: usize = 1 << 20;
/// Longest line that is taken, in bytes.
const MAX_LINE: u64 = 4096;

#[derive(Debug)]
pub(super) enum Command {
    Connect { verbose: bool },
    Ping,
    Pong,
    Subscribe { pattern: String, id: String },
    Unsubscribe { id: String, after: Option<u64> },
    Publish { subject: String, reply: Option<String>, payload: Vec<u8> },
}

/// Reads a command; `None` when the client has left.
pub(super) async fn read_command(input: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<Command>, &'static str> {
    let mut line = String::new();
    let length = input.take(MAX_LINE).read_line(&mut line).await.map_err(|_| "Parser Error")?;
    if length == 0 {
        return Ok(None);
    }
    let mut command = parse(line.trim_end()).ok_or("Unknown Protocol Operation")?;
    if let Command::Publish { payload, .. } = &mut command {
        // The payload, and the end of its line.
        let length = payload.len();
        payload.resize(length + 2, 0);
        input.read_exact(payload).await.map_err(|_| "Parser Error")?;
        payload.truncate(length);
    }
    Ok(Some(command))
}

/// Parses the line of a command; the payload is there with its length, and not yet read.
fn parse(line: &str) -> Option<Command> {
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let words: Vec<&str> = rest.split_ascii_whitespace().collect();
    let publish = |subject: &&str, reply: Option<&&str>, length: &str| {
        let length = length.parse().ok().filter(|length| *length <= MAX_PAYLOAD)?;
        let reply = reply.map(|it| (*it).to_owned());
        Some(Command::Publish { subject: (*subject).to_owned(), reply, payload: vec![0; length] })
    };
    Some(match (verb.to_ascii_uppercase().as_str(), &words[..]) {
        ("CONNECT", _) => {
            let options: serde_json::Value = serde_json::from_str(rest).ok()?;
            Command::Connect { verbose: options["verbose"] == true }
        }
        ("PING", []) => Command::Ping,
        ("PONG", []) => Command::Pong,
        ("SUB", [pattern, id]) => Command::Subscribe { pattern: (*pattern).to_owned(), id: (*id).to_owned() },
        ("UNSUB", [id]) => Command::Unsubscribe { id: (*id).to_owned(), after: None },
        ("UNSUB", [id, after]) => Command::Unsubscribe { id: (*id).to_owned(), after: Some(after.parse().ok()?) },
        ("PUB", [subject, length]) => publish(subject, None, length)?,
        ("PUB", [subject, reply, length]) => publish(subject, Some(reply), length)?,
        _ => return None,
    })
}

/// What the server says first.
pub(super) fn info(connection: u64, port: u16) -> Vec<u8> {
    let info = serde_json::json!({
        "server_id": "SERVICES", "server_name": "services", "version": "2.10.0", "go": "", "host": "127.0.0.1", "port": port,
        "headers": false, "max_payload": MAX_PAYLOAD, "proto": 1, "client_id": connection,
    });
    format!("INFO {info}\r\n").into_bytes()
}

pub(super) fn message(subject: &str, id: &str, reply: Option<&str>, payload: &[u8]) -> Vec<u8> {
    let reply = reply.map(|reply| format!("{reply} ")).unwrap_or_default();
    let mut message = format!("MSG {subject} {id} {reply}{}\r\n", payload.len()).into_bytes();
    message.extend(payload);
    message.extend(b"\r\n");
    message
}
