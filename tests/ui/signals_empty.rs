#[lightsout::test(signals = "")]
async fn none_is_named() {}

fn main() {}
