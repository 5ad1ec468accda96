#[lightsout::test(flavor = "multi_thread", worker_threads = 0)]
async fn worker_threads_zero() {}

fn main() {}
