#[lightsout::test]
#[should_panic(message = "closed twice")]
async fn should_panic_malformed() {}

fn main() {}
