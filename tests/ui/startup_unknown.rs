#[lightsout::test(signals = "SIGTERM", startup = "allow")]
async fn is_told_something_else() {}

fn main() {}
