//! A web server that sends mails in the background.
//!
//! `web [ADDRESS] [TEMPLATE_FILE] [MAIL_FOLDER] [MAIL_MS] [REPORT_MS] [FAULT]`, by default
//! `web 127.0.0.1:4000 template.txt . 3000 3000 all`.

use std::env;
use std::time::Duration;

use services::Failed;
use services::web::{App, Config};

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let argument = |index: usize, default| arguments.get(index).map_or(default, String::as_str);
    let app = App::new(Config {
        address: argument(0, "127.0.0.1:4000").to_owned(),
        template: argument(1, "template.txt").into(),
        mails: argument(2, ".").into(),
        mail_time: Duration::from_millis(argument(3, "3000").parse()?),
        report_time: Duration::from_millis(argument(4, "3000").parse()?),
        bound: Duration::from_secs(5),
        faults: argument(5, "all").parse()?,
    });
    let app = app.stop_on_signals()?;
    println!("starting");
    let handle = app.handle();
    tokio::spawn(async move { println!("listening on {}, Ctrl-C stops", handle.listening().await) });
    app.serve().await?;
    println!("stopped");
    Ok(())
}
