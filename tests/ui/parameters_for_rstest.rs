#[lightsout::test]
#[rstest::rstest]
#[case(1)]
async fn parameters_for_rstest(#[case] port: u16) {
    assert_ne!(port, 0);
}

fn main() {}
