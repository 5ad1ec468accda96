#[lightsout::test(allow(task = "pool-*", thread = "pool-*", reason = "lives as long as the process"))]
async fn allow_two_rules() {}

fn main() {}
