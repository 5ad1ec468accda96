//! hugo#5379: rendering a page holds the lock of its content, and a shortcode in the page asks for the content.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(TakenAgain, render);

#[derive(Default)]
struct Page {
    content: Mutex<Option<String>>,
}

impl Page {
    /// Renders the content when it is first asked for.
    async fn content(&self, form: Form) -> String {
        let mut content = self.content.lock().await;
        if content.is_none() {
            let words = match form {
                Form::Buggy => self.word_count().await,
                Form::Fixed => words(&content),
            };
            *content = Some(format!("{words} words so far"));
        }
        content.clone().unwrap_or_default()
    }

    /// What a shortcode may ask of its page.
    async fn word_count(&self) -> usize {
        words(&*self.content.lock().await)
    }
}

fn words(content: &Option<String>) -> usize {
    content.iter().flat_map(|content| content.split_whitespace()).count()
}

async fn render(form: Form) {
    let page = Arc::new(Page::default());
    // leaked-task: its shortcode waits for the lock that its page holds.
    // waits for `Page::default()`, held by itself.
    tokio::spawn(async move { page.content(form).await });
}
