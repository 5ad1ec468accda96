#[lightsout::test]
mod not_a_function {}

fn main() {}
