//! A server that keeps something of each request, as its argument says: nothing in it knows of lightsout.
use std::future::pending;
use std::sync::Mutex;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

static HANDLES: Mutex<Vec<JoinHandle<()>>> = Mutex::new(Vec::new());
static SENDERS: Mutex<Vec<mpsc::Sender<u32>>> = Mutex::new(Vec::new());

async fn waits() {
    pending::<()>().await;
}

async fn answer(mut stream: TcpStream) {
    stream.write_all(b"ok\n").await.unwrap();
}

fn keep(what: &str) {
    match what {
        "task" => drop(tokio::spawn(waits())), // task
        "ended" => {
            let handle = tokio::spawn(async {}); // ended
            HANDLES.lock().unwrap().push(handle);
        }
        "channel" => {
            let (sender, _) = mpsc::channel(4); // channel
            SENDERS.lock().unwrap().push(sender);
        }
        "closure" => drop(tokio::task::spawn_blocking(|| loop { std::thread::park() })), // closure
        _ => {}
    }
}

async fn serve(listener: TcpListener, what: String) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        keep(&what);
        tokio::spawn(answer(stream)).await.unwrap();
    }
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let mut stop = signal(SignalKind::terminate()).unwrap();
    let listener = TcpListener::bind(("127.0.0.1", arguments[1].parse().unwrap())).await.unwrap();
    let server = tokio::spawn(serve(listener, arguments[2].clone())); // server
    println!("listening");
    stop.recv().await;
    if arguments[2] == "hang" {
        pending::<()>().await;
    }
    if arguments[2] != "left" {
        server.abort();
        let _ = server.await;
    }
    if arguments[2] == "closure" {
        std::process::exit(0);
    }
}
