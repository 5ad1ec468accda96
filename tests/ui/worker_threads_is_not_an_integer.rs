#[lightsout::test(flavor = "multi_thread", worker_threads = "2")]
async fn worker_threads_is_not_an_integer() {}

fn main() {}
