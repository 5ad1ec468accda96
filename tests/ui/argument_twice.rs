#[lightsout::test(grace = "1s", grace = "2s")]
async fn argument_twice() {}

fn main() {}
