#[lightsout::test(channels = true)]
async fn channels_is_not_a_string() {}

fn main() {}
