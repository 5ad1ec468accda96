#[lightsout::test(components = "listener,, database")]
async fn components_without_name() {}

fn main() {}
