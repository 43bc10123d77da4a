// SPDX-License-Identifier: MIT OR Apache-2.0
//! The policy core of SwarmGuard: it parses what users write and decides what
//! agents may do. The same source is linked into the kernel module, the C tests
//! and the Node addon.
//!
//! No standard library, no allocation, no panics: a panic that survives
//! optimisation is an undefined symbol and fails the module's build.
//!
//! ```
//! use swarm_policy::{device_allowed, parse_request, ACC_READ, DEV_CHAR};
//! let mut paths = [0; 4096];
//! let request = parse_request(br#"{"devices":["c 1:3 r"]}"#, 1, &mut paths).unwrap();
//! assert!(device_allowed(request.rules.devices(), DEV_CHAR, 1, 3, ACC_READ));
//! ```
#![cfg_attr(not(test), no_std)]
#![deny(unsafe_op_in_unsafe_fn, missing_docs)]

mod calls;
mod device;
mod error;
mod ffi;
mod frame;
mod json;
mod names;
mod namespace;
mod policy;
mod socket;

pub use calls::{Call, CallRules, CALLS, CALLS_DEFAULT, CALL_WORDS};
pub use device::*;
pub use error::*;
pub use frame::{Frame, Framer, Step};
pub use names::*;
pub use namespace::*;
pub use policy::*;
pub use socket::*;

/// Only for building on its own, as a static library for the C tests: the
/// module's build fails before a panic could get this far.
#[cfg(all(not(test), feature = "standalone"))]
extern "C" {
    /// The abort of the C library that whoever links the static library has.
    fn abort() -> !;
}

#[cfg(all(not(test), feature = "standalone"))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: it takes nothing and never returns.
    unsafe { abort() }
}
