#[lightsout::test(delays = 1)]
#[should_panic]
async fn panics_under_some_plan() {}

fn main() {}
