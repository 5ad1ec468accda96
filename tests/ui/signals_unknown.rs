#[lightsout::test(signals = "SIGTERM, SIGTREM")]
async fn one_is_a_typo() {}

fn main() {}
