#[lightsout::test(seeds = "4")]
async fn counts_in_words() {}

fn main() {}
