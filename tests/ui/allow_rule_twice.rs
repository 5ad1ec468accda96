#[lightsout::test(allow(task = "pool-*", task = "cache-*", reason = "lives as long as the process"))]
async fn allow_rule_twice() {}

fn main() {}
