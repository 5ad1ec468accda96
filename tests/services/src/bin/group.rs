//! A run group of two actors: one answers lines on TCP, the other returns on Ctrl-C or SIGTERM.
//!
//! `group [GREETING_FILE] [WORK_MS] [ADDRESS] [FAULT]`, by default `group greeting.txt 2000 127.0.0.1:0 all`.

use std::env;
use std::time::Duration;

use services::Failed;
use services::group::{Echo, Group};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let argument = |index: usize, default| arguments.get(index).map_or(default, String::as_str);
    let work = Duration::from_millis(argument(1, "2000").parse()?);
    let faults = argument(3, "all").parse()?;
    let echo = Echo::new(argument(2, "127.0.0.1:0"), argument(0, "greeting.txt").into(), work, faults);

    let mut group = Group::new(Duration::from_secs(10), faults);
    group.handle_signals()?;
    println!("starting");
    let actor = echo.clone();
    group.add("echo", echo.clone().execute(), move || {
        println!("stopping, Ctrl-C forces");
        actor.interrupt();
        async {}
    });
    let said = tokio::spawn(async move { println!("listening on {}, Ctrl-C stops", echo.listening().await) });
    let result = group.run().await;
    said.abort();
    result?;
    println!("stopped");
    Ok(())
}
