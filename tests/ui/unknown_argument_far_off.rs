#[lightsout::test(multi_thread)]
async fn unknown_argument_far_off() {}

fn main() {}
