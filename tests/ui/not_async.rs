#[lightsout::test]
fn not_async() {
    std::future::ready(()).await;
}

fn main() {}
