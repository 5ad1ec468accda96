#[tokio::test]
#[lightsout::test]
async fn second_test_attribute_above() {}

fn main() {}
