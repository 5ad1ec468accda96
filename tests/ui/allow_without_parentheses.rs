#[lightsout::test(allow = "src/pool.rs")]
async fn allow_without_parentheses() {}

fn main() {}
