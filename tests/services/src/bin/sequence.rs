//! Counts until the limit or Ctrl-C, and writes the last number to a file.
//!
//! `sequence [LIMIT] [INTERVAL_MS] [WORK_MS] [FILE]`, by default `sequence 10 500 0 sequence.txt`.

use std::env;
use std::time::Duration;

use services::sequence::{self, Config};
use services::{Failed, signal};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let argument = |index: usize, default| arguments.get(index).map_or(default, String::as_str);
    let config = Config {
        limit: argument(0, "10").parse()?,
        interval: Duration::from_millis(argument(1, "500").parse::<u64>()?.max(1)),
        work: Duration::from_millis(argument(2, "0").parse()?),
        path: argument(3, "sequence.txt").into(),
    };
    let stop = signal::stop_requested()?;
    println!("counting to {}, result in `{}`, Ctrl-C stops", config.limit, config.path.display());
    let summary = sequence::run(config, stop).await?;
    println!("{summary:?}");
    Ok(())
}
