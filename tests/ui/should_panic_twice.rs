#[should_panic]
#[lightsout::test]
#[should_panic]
async fn should_panic_twice() {}

fn main() {}
