//! The attribute macro of lightsout; use it through the `lightsout` crate.
