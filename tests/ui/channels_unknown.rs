#[lightsout::test(channels = "denied")]
async fn channels_unknown() {}

fn main() {}
