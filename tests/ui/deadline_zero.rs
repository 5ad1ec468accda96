#[lightsout::test(deadline = "0s")]
async fn deadline_zero() {}

fn main() {}
