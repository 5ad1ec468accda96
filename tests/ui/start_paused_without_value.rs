#[lightsout::test(start_paused)]
async fn start_paused_without_value() {}

fn main() {}
