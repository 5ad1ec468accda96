//! A messaging server in a program of its own.
//!
//! `messaging [ADDRESS] [MONITOR] [SIGNALS] [FAULT]`, by default `messaging 127.0.0.1:4222 127.0.0.1:8222 host all`. SIGNALS says who
//! handles them: the `host`, which runs the server in a group; the `server`; or `nobody`.

use std::env;
use std::time::Duration;

use services::group::Group;
use services::messaging::{Config, Server};
use services::{Failed, Faults};

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let argument = |index: usize, default| arguments.get(index).map_or(default, String::as_str);
    let signals = argument(2, "host");
    let mut group = Group::new(Duration::from_secs(10), Faults::None);
    match signals {
        "host" => group.handle_signals()?,
        "server" | "nobody" => {}
        _ => return Err("signals are handled by `host`, `server` or `nobody`".into()),
    }
    let server = Server::start(Config {
        address: argument(0, "127.0.0.1:4222").to_owned(),
        monitor: argument(1, "127.0.0.1:8222").to_owned(),
        no_signals: signals != "server",
        bound: Duration::from_secs(5),
        faults: argument(3, "all").parse()?,
    });
    let server = server.await?;
    println!("monitor on http://{}/varz", server.monitor());
    println!("listening on {}, Ctrl-C stops", server.address());
    server.join(&mut group);
    group.run().await?;
    println!("stopped");
    Ok(())
}
