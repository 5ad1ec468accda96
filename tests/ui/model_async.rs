#[lightsout::model]
async fn model_async(_: &lightsout::model::Model) {}

fn main() {}
