#[lightsout::test(explore = 0)]
async fn draws_nothing() {}

fn main() {}
