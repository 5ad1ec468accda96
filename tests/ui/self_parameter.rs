struct Server;

impl Server {
    #[lightsout::test]
    async fn self_parameter(&self) {}
}

fn main() {}
