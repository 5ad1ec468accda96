#[lightsout::test("5s")]
async fn argument_without_name() {}

fn main() {}
