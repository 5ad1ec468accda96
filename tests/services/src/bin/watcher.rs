//! An object store to try by hand.
//!
//! `watcher serve [ADDRESS]` · `watcher watch ADDRESS` · `watcher put ADDRESS NAME TEXT`

use std::env;
use std::error::Error;

use services::watcher::{Server, Store};
use services::{Failed, signal};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve"] => serve("127.0.0.1:0").await?,
        ["serve", address] => serve(address).await?,
        ["watch", address] => watch(address).await?,
        ["put", address, name, text] => put(address, name, text).await?,
        _ => return Err("usage: watcher serve [ADDRESS] | watch ADDRESS | put ADDRESS NAME TEXT".into()),
    }
    Ok(())
}

/// Serves until a signal.
async fn serve(address: &str) -> Result<(), Box<dyn Error>> {
    let stop = signal::stop_requested()?;
    let server = Server::start(address).await?;
    println!("listening on {}, Ctrl-C stops", server.address());
    stop.await;
    server.shutdown().await;
    println!("stopped");
    Ok(())
}

/// Prints updates until a signal or the loss of the connection.
async fn watch(address: &str) -> Result<(), Box<dyn Error>> {
    let stop = signal::stop_requested()?;
    let store = Store::connect(address).await?;
    let watcher = store.watch(&CancellationToken::new()).await?;
    let consumer = watcher.for_each(async |update| println!("{} = {}", update.name, update.text));
    println!("watching, Ctrl-C stops");
    tokio::select! {
        () = stop => watcher.stop().await,
        () = watcher.ended() => println!("connection lost"),
    }
    println!("stopping");
    println!("{} updates seen", consumer.await?);
    store.close().await;
    Ok(())
}

async fn put(address: &str, name: &str, text: &str) -> Result<(), Box<dyn Error>> {
    let store = Store::connect(address).await?;
    store.put(name, text).await?;
    store.close().await;
    Ok(())
}
