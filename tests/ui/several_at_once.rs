#[lightsout::test(worker_threads = 2, deadline = "soon", allow(tsk = "pool-*"), retries = 3)]
fn several_at_once(port: u16) {
    assert_ne!(port, 0);
}

fn main() {}
