#[lightsout::model(iterations = 0)]
fn model_iterations_zero(_: &lightsout::model::Model) {}

fn main() {}
