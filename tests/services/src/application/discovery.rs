//! A discovery service: an object store in which each application puts where it can be reached, and which others watch.

use std::io;

use tokio::sync::Mutex;

use crate::watcher::Store;

/// An application's entry there.
#[derive(Debug)]
pub(super) struct Discovery {
    address: String,
    name: String,
    /// `None` unless it was tried to register.
    store: Mutex<Option<Store>>,
}

impl Discovery {
    pub(super) fn new(address: String, name: String) -> Self {
        Self { address, name, store: Mutex::new(None) }
    }

    /// Says where the application can be reached. When this fails or is dropped it may have been said all the same.
    pub(super) async fn register(&self, endpoints: &[String]) -> io::Result<()> {
        let mut store = self.store.lock().await;
        let store = store.insert(Store::connect(&self.address).await?);
        store.put(&self.name, &endpoints.join(",")).await
    }

    /// Says that the application is gone, unless it was never tried to say that it is there.
    pub(super) async fn deregister(&self) -> io::Result<()> {
        match &*self.store.lock().await {
            Some(store) => store.put(&self.name, "gone").await,
            None => Ok(()),
        }
    }

    /// Leaves the discovery service.
    pub(super) async fn close(&self) {
        if let Some(store) = self.store.lock().await.take() {
            store.close().await;
        }
    }
}
