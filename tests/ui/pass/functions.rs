//! The functions, and the attributes that they may have.

#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]

#[lightsout::test]
async fn a_result() -> Result<(), std::num::ParseIntError> {
    let port = "80".parse::<u16>()?;
    assert_eq!(port, 80);
    Ok(())
}

#[lightsout::test]
async fn a_boxed_error() -> Result<(), Box<dyn std::error::Error>> {
    tokio::spawn(async {}).await?;
    if tokio::task::try_id().is_some() {
        return Err("the body is not a task".into());
    }
    Ok(())
}

/// Is kept.
#[lightsout::test]
#[ignore = "is not to run"]
async fn ignored() {}

#[lightsout::test]
#[cfg(test)]
#[expect(unused_variables, reason = "lint levels reach the body")]
async fn lint_levels() {
    #![expect(unused_mut, reason = "also from inside")]
    let mut nothing = 0;
}

#[lightsout::test]
#[should_panic]
async fn panics_anyhow() {
    panic!("closed twice");
}

#[should_panic = "twice"]
#[lightsout::test]
async fn panics_with() {
    panic!("closed twice");
}

#[lightsout::test]
#[cfg_attr(test, should_panic(expected = "twice"))]
async fn panics_under_a_condition() {
    panic!("closed twice");
}

#[lightsout::test]
pub(crate) async fn r#match() {}

#[cfg(not(test))]
fn main() {}
