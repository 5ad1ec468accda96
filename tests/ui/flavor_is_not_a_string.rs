#[lightsout::test(flavor = multi_thread)]
async fn flavor_is_not_a_string() {}

fn main() {}
