#[lightsout::test(allow(spawned_by = "pool::*", reason = "lives as long as the process"))]
async fn allow_unknown_rule() {}

fn main() {}
