//! An application with two HTTP servers, registered with a discovery service: `watcher serve` is one, and `watcher watch` shows what
//! is registered.
//!
//! `application DISCOVERY [NAME] [WORK_MS] [FAULT]`, by default `application DISCOVERY app 3000 all`.

use std::env;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use services::Failed;
use services::application::{App, Config};
use tokio::time::sleep;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let argument = |index: usize, default| arguments.get(index).map_or(default, String::as_str);
    let work = Duration::from_millis(argument(2, "3000").parse()?);
    let config = Config {
        name: argument(1, "app").to_owned(),
        discovery: argument(0, "127.0.0.1:4222").to_owned(),
        bound: Duration::from_secs(10),
        faults: argument(3, "all").parse()?,
    };
    let public = async move || {
        println!("at work");
        sleep(work).await;
        "hello\n"
    };
    let public = Router::new().route("/", get(public));
    let admin = Router::new().route("/healthz", get(async || "ok\n"));
    let app = App::new(config, |moment| println!("{moment:?}"));
    let app = app.http("127.0.0.1:0".to_owned(), public).http("127.0.0.1:0".to_owned(), admin).stop_on_signals()?;
    println!("starting");
    let handle = app.handle();
    tokio::spawn(async move { println!("listening on {}, Ctrl-C stops", handle.registered().await.join(" and ")) });
    app.run().await?;
    println!("stopped");
    Ok(())
}
