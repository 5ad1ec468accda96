#[lightsout::test(signals = [SIGTERM])]
async fn is_no_text() {}

fn main() {}
