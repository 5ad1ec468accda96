//! What is found where the tests have an allocator of their own.

use std::alloc::{GlobalAlloc, Layout, System};
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};

use lightsout::{Check, Kind, Recorder};
use tokio::sync::oneshot;

/// Counts what it hands to the system's allocator.
struct Counting {
    allocated: AtomicUsize,
}

// SAFETY: everything is handed on as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.allocated.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Recorder<Counting> = Recorder(Counting { allocated: AtomicUsize::new(0) });

#[test]
fn leaked_task_is_told_with_its_place() {
    let before = ALLOCATOR.0.allocated.load(Ordering::Relaxed);
    let report = Check::new("leaked").start_paused(true).run(|| async {
        tokio::spawn(pending::<()>());
    });
    let [finding] = report.findings() else { panic!("{report}") };
    assert_eq!(finding.kind(), Kind::LeakedTask);
    assert_eq!((&*finding.sites()[0].file, finding.sites()[0].line), ("tests/composed.rs", line!() - 4), "{report}");
    assert!(ALLOCATOR.0.allocated.load(Ordering::Relaxed) > before);
}

#[test]
fn open_channels_are_counted() {
    Check::new("open")
        .run(|| async {
            let kept = [oneshot::channel::<u8>(), oneshot::channel()];
            assert_eq!(lightsout::census().channels.len(), kept.len());
        })
        .assert_clean();
}
