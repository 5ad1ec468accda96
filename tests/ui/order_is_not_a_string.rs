#[lightsout::test(order = ["listener", "database"])]
async fn order_is_not_a_string() {}

fn main() {}
