//! moby#33293: an error is sent to a channel before its receiver is returned to the one who would take it.

use tokio::sync::mpsc;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(BlockedSend, wait_for_a_container);

/// Says what becomes of a container: first that it was found, then how it ended.
async fn container_wait(form: Form) -> mpsc::Receiver<&'static str> {
    let (tell, told) = mpsc::channel(1);
    tell.send("found").await.expect("its receiver is here");
    match form {
        // hang: there is room for one, and nobody has the receiver yet.
        Form::Buggy => tell.send("no such container").await.expect("its receiver is here"),
        Form::Fixed => drop(tokio::spawn(async move { tell.send("no such container").await })),
    }
    told
}

async fn wait_for_a_container(form: Form) {
    let mut told = container_wait(form).await;
    assert_eq!(told.recv().await, Some("found"));
    assert_eq!(told.recv().await, Some("no such container"));
}
