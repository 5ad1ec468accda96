#[lightsout::test(grace = "18446744074s")]
async fn grace_too_long() {}

fn main() {}
