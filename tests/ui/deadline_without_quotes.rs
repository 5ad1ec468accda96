#[lightsout::test(deadline = 5s)]
async fn deadline_without_quotes() {}

fn main() {}
