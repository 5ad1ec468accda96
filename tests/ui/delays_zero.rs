#[lightsout::test(delays = 0)]
async fn delays_nothing() {}

fn main() {}
