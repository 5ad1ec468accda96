#[lightsout::test(waitgraph = true)]
async fn wait_graph_misspelt() {}

fn main() {}
