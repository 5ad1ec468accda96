#[lightsout::test(wait_graph = "svg")]
async fn wait_graph_is_not_a_switch() {}

fn main() {}
