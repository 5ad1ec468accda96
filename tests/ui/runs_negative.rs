#[lightsout::test(signals = "SIGTERM", runs = -1)]
async fn runs_backwards() {}

fn main() {}
