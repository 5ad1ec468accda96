//! A server that keeps something of each request, as its argument says: nothing in it knows of lightsout.
use std::any::Any;
use std::future::pending;
use std::sync::Mutex;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

static HANDLES: Mutex<Vec<JoinHandle<()>>> = Mutex::new(Vec::new());
static SENDERS: Mutex<Vec<Box<dyn Any + Send>>> = Mutex::new(Vec::new());

async fn waits() {
    pending::<()>().await;
}

async fn answer(mut stream: TcpStream) {
    stream.write_all(b"ok\n").await.unwrap();
}

fn keep_sender(sender: impl Any + Send) {
    SENDERS.lock().unwrap().push(Box::new(sender));
}

fn keep(what: &str) {
    match what {
        "task" => drop(tokio::spawn(waits())), // task
        "ended" => {
            let handle = tokio::spawn(async {}); // ended
            HANDLES.lock().unwrap().push(handle);
        }
        "channel" => {
            let (sender, _) = mpsc::channel::<u32>(4); // channel
            keep_sender(sender);
        }
        "wild" => {
            let (sender, _) = oneshot::channel::<u32>(); // wild
            keep_sender(sender);
        }
        "oneshot" => {
            let (sender, _) = oneshot::channel::<u32>(); // oneshot
            keep_sender(sender);
        }
        "main" => {
            let (sender, _) = oneshot::channel::<u32>(); // main
            keep_sender(sender);
        }
        "watch" => {
            let (sender, _) = watch::channel(4_u32); // watch
            keep_sender(sender);
        }
        "broadcast" => {
            let (sender, _) = broadcast::channel::<u32>(4); // broadcast
            keep_sender(sender);
        }
        "rendezvous" => {
            let (sender, _) = std::sync::mpsc::sync_channel::<u32>(0); // rendezvous
            keep_sender(sender);
        }
        "thread" => {
            let keep = || keep_sender(oneshot::channel::<u32>()); // thread
            std::thread::spawn(keep).join().unwrap();
        }
        "passing" => {
            let (one, other) = (oneshot::channel::<u32>(), watch::channel(4_u32));
            drop((one, other, broadcast::channel::<u32>(4), std::sync::mpsc::sync_channel::<u32>(0)));
        }
        "both" => {
            let (sender, receiver) = oneshot::channel::<u32>();
            keep_sender(sender);
            drop(tokio::spawn(async { drop(receiver.await) })); // both
        }
        "closure" => drop(tokio::task::spawn_blocking(|| loop { std::thread::park() })), // closure
        _ => {}
    }
}

/// Allocates and gives back as fast as it can, and keeps some of it for a while.
fn run_wild() {
    let mut kept: Vec<Box<dyn Any + Send>> = Vec::new();
    for number in 0_usize.. {
        let next: Box<dyn Any + Send> = match number % 3 {
            0 => Box::new(watch::channel([number; 3])),
            1 => Box::new([number; 40]),
            _ => Box::new([number; 9]),
        };
        if kept.len() < 5_000 {
            kept.push(next);
        } else {
            kept[number * 7_919 % 5_000] = next;
        }
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
    if arguments[2] == "main" {
        println!("listening");
        return tokio::select! {
            () = serve(listener, "main".to_owned()) => {}
            _ = stop.recv() => {}
        };
    }
    if arguments[2] == "wild" {
        for _ in 0..500 {
            keep_sender(oneshot::channel::<u32>()); // always
        }
        (0..2).for_each(|_| drop(std::thread::spawn(run_wild)));
    }
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
