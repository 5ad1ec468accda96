//! moby#4951: the lock over all devices is given away for a while and taken back, with a device's own lock held.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(LockOrder, delete_twice);

#[derive(Default)]
struct Devices {
    /// How many were deleted; taken before the lock of a device.
    all: Mutex<u32>,
    device: Mutex<()>,
}

impl Devices {
    async fn delete(&self, form: Form) {
        let all = self.all.lock().await;
        let device = self.device.lock().await;
        // The kernel takes its time to remove a device, and the others may go on meanwhile.
        drop(all);
        tokio::task::yield_now().await;
        if form == Form::Fixed {
            drop(device);
        }
        *self.all.lock().await += 1;
    }
}

async fn delete_twice(form: Form) {
    let devices = Arc::new(Devices::default());
    for _ in 0..2 {
        let devices = devices.clone();
        // leaked-task: one has the device and waits for all, the other one the other way round.
        // waits for `Devices::default()`, held by task 1.
        tokio::spawn(async move { devices.delete(form).await });
    }
}
