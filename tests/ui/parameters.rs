#[lightsout::test]
async fn parameters(port: u16, _host: &str) {
    assert_ne!(port, 0);
}

fn main() {}
