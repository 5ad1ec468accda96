#[lightsout::test(deadlin = "5s")]
async fn unknown_argument() {}

fn main() {}
