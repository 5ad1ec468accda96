#[lightsout::test]
#[tokio::test(flavor = "multi_thread")]
async fn second_test_attribute_of_tokio() {}

fn main() {}
