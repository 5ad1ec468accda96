//! Ctrl-C from outside: a SIGINT that this process has not sent itself, as tests of signals do.
//!
//! tokio's listener does not tell the two apart. So here is a handler that looks at the sender, and hands every signal on to whatever
//! handled it before; whoever comes later hands on to this one, as signal-hook-registry does.
#![cfg_attr(target_os = "linux", expect(unsafe_code, reason = "who sent a signal is told to handlers only"))]

pub(crate) use system::{exit, listen};

#[cfg(target_os = "linux")]
mod system {
    use std::mem::{MaybeUninit, transmute};
    use std::ptr;
    use std::sync::OnceLock;

    use libc::{c_int, c_void, siginfo_t};

    /// A handler that is told who sent the signal.
    type Informed = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);
    /// One that is not.
    type Plain = extern "C" fn(c_int);

    /// What is called, and what stood there before; unset before the first call of `listen`.
    static HEARD: OnceLock<(fn(bool), libc::sigaction)> = OnceLock::new();

    /// Calls `heard` at each Ctrl-C from now on, inside a signal handler: it may touch atomics, and end the process. It is told whether
    /// the signal would have ended the process.
    pub(crate) fn listen(heard: fn(bool)) {
        let mut before = MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: without a new action the old one is written to `before`; zeros are a whole one too.
        let before = unsafe {
            libc::sigaction(libc::SIGINT, ptr::null(), before.as_mut_ptr());
            before.assume_init()
        };
        if HEARD.set((heard, before)).is_err() {
            return;
        }
        let handler: Informed = handle;
        // SAFETY: zeros are a whole action, and the handler has the form that its flags say. A refusal leaves all as it was.
        unsafe {
            let mut action = MaybeUninit::<libc::sigaction>::zeroed().assume_init();
            action.sa_sigaction = handler as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
            libc::sigaction(libc::SIGINT, &raw const action, ptr::null_mut());
        }
    }

    /// Ends the process at once, which a signal handler may do.
    pub(crate) fn exit(code: i32) -> ! {
        // SAFETY: it does not return, and runs nothing of this process.
        unsafe { libc::_exit(code) }
    }

    extern "C" fn handle(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
        let Some((heard, before)) = HEARD.get() else { return };
        // SAFETY: the system hands over a valid description of the signal; the sender is 0 where it was the terminal.
        let is_own = unsafe { (*info).si_pid() == libc::getpid() };
        if !is_own {
            heard(before.sa_sigaction == libc::SIG_DFL);
        }
        match before.sa_sigaction {
            libc::SIG_DFL | libc::SIG_IGN => {}
            next if before.sa_flags & libc::SA_SIGINFO != 0 => {
                // SAFETY: its flags say that it has this form.
                let next = unsafe { transmute::<*const (), Informed>(ptr::with_exposed_provenance(next)) };
                next(signal, info, context);
            }
            next => {
                // SAFETY: its flags say that it has this form.
                let next = unsafe { transmute::<*const (), Plain>(ptr::with_exposed_provenance(next)) };
                next(signal);
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    /// Hears nothing here: Ctrl-C ends the process at once.
    pub(crate) fn listen(_: fn(bool)) {}

    pub(crate) fn exit(code: i32) -> ! {
        std::process::exit(code)
    }
}
