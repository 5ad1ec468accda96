//! moby#29733: a new handler marks all plugins as not activated, and nobody activates them again.

use tokio::sync::watch;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(MissingSignal, activate_and_handle);

#[derive(Clone)]
struct Plugin {
    is_active: watch::Sender<bool>,
}

impl Plugin {
    fn activate(&self) {
        self.is_active.send_replace(true);
    }

    async fn wait_active(self) {
        let mut is_active = self.is_active.subscribe();
        is_active.wait_for(|is_active| *is_active).await.expect("we keep the plugin");
    }
}

/// Adds a handler, to which active plugins have to be shown.
fn handle(form: Form, plugin: &Plugin) {
    plugin.is_active.send_replace(false);
    if form == Form::Fixed {
        plugin.activate();
    }
}

async fn activate_and_handle(form: Form) {
    let plugin = Plugin { is_active: watch::channel(false).0 };
    plugin.activate();
    plugin.clone().wait_active().await;
    handle(form, &plugin);
    // leaked-task: it waits for an activation that was once.
    // waits for `watch::channel(false)`, held by itself.
    tokio::spawn(plugin.wait_active());
}
