#[lightsout::test(allow(task = "", reason = "lives as long as the process"))]
async fn allow_with_empty_rule() {}

fn main() {}
