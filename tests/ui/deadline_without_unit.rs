#[lightsout::test(deadline = "5")]
async fn deadline_without_unit() {}

fn main() {}
