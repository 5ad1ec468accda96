#[lightsout::test(order = " ")]
async fn order_empty() {}

fn main() {}
