#[lightsout::test(flavor = "multi_threaded")]
async fn flavor_unknown() {}

fn main() {}
