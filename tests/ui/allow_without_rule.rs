#[lightsout::test(allow(reason = "lives as long as the process"))]
async fn allow_without_rule() {}

fn main() {}
