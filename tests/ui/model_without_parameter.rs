#[lightsout::model]
fn model_without_parameter() {}

fn main() {}
