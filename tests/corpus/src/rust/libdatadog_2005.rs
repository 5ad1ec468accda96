//! libdatadog#2005: the last batch, which is not full, is never flushed.

use tokio::sync::{mpsc, oneshot};

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(LostWork, send_five_spans);

/// A batch is flushed when it has so many spans.
const FULL: usize = 4;

/// A span that was accepted, and where to say that it is exported.
type Span = oneshot::Sender<()>;

async fn export(form: Form, mut spans: mpsc::Receiver<Span>) {
    let mut batch = Vec::new();
    while let Some(span) = spans.recv().await {
        batch.push(span);
        if batch.len() == FULL {
            flush(&mut batch);
        }
    }
    if form == Form::Fixed {
        flush(&mut batch);
    }
}

fn flush(batch: &mut Vec<Span>) {
    for span in batch.drain(..) {
        let _ = span.send(());
    }
}

async fn send_five_spans(form: Form) {
    let (spans, accepted) = mpsc::channel(1);
    let exporter = tokio::spawn(export(form, accepted));
    for _ in 0..=FULL {
        let (span, exported) = oneshot::channel();
        spans.send(span).await.expect("the exporter runs");
        tokio::spawn(async move {
            // task-panic: the fifth span was accepted, and lost.
            exported.await.expect("what is accepted is exported");
        });
    }
    drop(spans);
    exporter.await.expect("it only exports");
}
