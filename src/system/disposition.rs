//! What a signal would do to this process, and raising one.
#![cfg_attr(unix, expect(unsafe_code, reason = "no safe interface asks for a disposition without setting one"))]

use crate::disturb::signal::Signal;

/// What a signal does to the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// What the system does where nobody says otherwise: it ends the process.
    Default,
    Ignored,
    /// A handler runs.
    Handled,
}

pub(crate) use system::{of, raise};

#[cfg(unix)]
mod system {
    use std::mem::MaybeUninit;
    use std::ptr;

    use super::{Disposition, Signal};
    use nix::sys::signal::Signal as Number;

    fn number(signal: Signal) -> Number {
        match signal {
            Signal::Term => Number::SIGTERM,
            Signal::Int => Number::SIGINT,
            Signal::Hup => Number::SIGHUP,
            Signal::Quit => Number::SIGQUIT,
            Signal::Usr1 => Number::SIGUSR1,
            Signal::Usr2 => Number::SIGUSR2,
        }
    }

    pub(crate) fn of(signal: Signal) -> Disposition {
        let mut action = MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: without a new action the old one is written to `action`; zeros are a whole one too.
        let handler = unsafe {
            libc::sigaction(number(signal) as libc::c_int, ptr::null(), action.as_mut_ptr());
            action.assume_init().sa_sigaction
        };
        match handler {
            libc::SIG_DFL => Disposition::Default,
            libc::SIG_IGN => Disposition::Ignored,
            _ => Disposition::Handled,
        }
    }

    /// Raises it on the calling thread.
    pub(crate) fn raise(signal: Signal) {
        nix::sys::signal::raise(number(signal)).expect("lightsout bug: these signals exist");
    }
}

#[cfg(not(unix))]
mod system {
    use super::{Disposition, Signal};

    pub(crate) fn of(_: Signal) -> Disposition {
        Disposition::Default
    }

    pub(crate) fn raise(signal: Signal) {
        panic!("this system has no {signal}");
    }
}
