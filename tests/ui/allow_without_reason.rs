#[lightsout::test(allow(task = "pool-*"))]
async fn allow_without_reason() {}

fn main() {}
