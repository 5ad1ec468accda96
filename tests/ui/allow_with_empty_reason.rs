#[lightsout::test(allow(task = "pool-*", reason = " "))]
async fn allow_with_empty_reason() {}

fn main() {}
