#[lightsout::model(preemption = 2)]
fn model_unknown_argument(_: &lightsout::model::Model) {}

fn main() {}
