// SPDX-License-Identifier: MIT OR Apache-2.0
//! The C interface that `policy.h` and `names.h` declare.
//!
//! Pointers come from the module's own code: each function says what they must
//! be good for. Nothing is kept behind a call.

use core::ffi::c_char;
use core::{ptr, slice};

use crate::calls::CALLS;
use crate::device::DeviceRule;
use crate::error::PolicyError;
use crate::frame::{Frame, Framer};
use crate::names::{self, Name};
use crate::namespace::clone_flags;
use crate::socket::{protocol_name, protocol_of, Sockets};
use crate::policy::{
    parse_attach, parse_id, parse_request_into, parse_target, parse_update_into, Attach, Request, Rules, Update,
};

// The layouts of policy.h, which has the same assertions.
const _: () = assert!(size_of::<DeviceRule>() == 12);
const _: () = assert!(size_of::<Sockets>() == 48);
const _: () = assert!(size_of::<Rules>() == 472);
const _: () = assert!(size_of::<Request>() == 680);
const _: () = assert!(size_of::<Update>() == 696);
const _: () = assert!(size_of::<PolicyError>() == 232);
const _: () = assert!(size_of::<Attach>() == 24);
const _: () = assert!(size_of::<Framer>() == 8);

/// Stores an answer, or the error that took its place.
///
/// # Safety
/// Both pointers must be valid for writing.
unsafe fn store<T>(answer: Result<T, PolicyError>, out: *mut T, err: *mut PolicyError) -> i32 {
    match answer {
        Ok(value) => {
            // SAFETY: promised by the caller.
            unsafe { out.write(value) };
            0
        }
        Err(error) => {
            // SAFETY: promised by the caller.
            unsafe { err.write(error) };
            error.error.wrapping_neg()
        }
    }
}

/// # Safety
/// `framer` must be valid for reading and writing, `buf` for reading `len` bytes,
/// `start`, `taken` and `err` for writing.
#[no_mangle]
pub unsafe extern "C" fn swarm_frame_next(
    framer: *mut Framer,
    buf: *const u8,
    len: usize,
    start: *mut usize,
    taken: *mut usize,
    err: *mut PolicyError,
) -> i32 {
    // SAFETY: promised by the caller.
    let (framer, bytes) = unsafe { (&mut *framer, slice::from_raw_parts(buf, len)) };
    let step = framer.next(bytes);
    // SAFETY: promised by the caller.
    unsafe {
        start.write(step.start);
        taken.write(step.taken);
    }
    match step.frame {
        Frame::More => 0,
        Frame::Object => 1,
        Frame::Error(error) => {
            // SAFETY: promised by the caller.
            unsafe { err.write(error) };
            2
        }
    }
}

/// # Safety
/// `buf` must be valid for reading `len` bytes, `paths` for writing `paths_len`,
/// `out` and `err` for writing.
#[no_mangle]
pub unsafe extern "C" fn swarm_request_parse(
    buf: *const u8,
    len: usize,
    nr_cpus: u32,
    out: *mut Request,
    paths: *mut u8,
    paths_len: usize,
    err: *mut PolicyError,
) -> i32 {
    // SAFETY: promised by the caller.
    let (bytes, paths) =
        unsafe { (slice::from_raw_parts(buf, len), slice::from_raw_parts_mut(paths, paths_len)) };
    // SAFETY: promised by the caller; a request is plain numbers, so whatever is there is one.
    let request = unsafe { &mut *out };
    match parse_request_into(bytes, nr_cpus, paths, request) {
        Ok(()) => 0,
        Err(error) => {
            // SAFETY: promised by the caller.
            unsafe { err.write(error) };
            error.error.wrapping_neg()
        }
    }
}

/// # Safety
/// As of [`swarm_request_parse`].
#[no_mangle]
pub unsafe extern "C" fn swarm_update_parse(
    buf: *const u8,
    len: usize,
    nr_cpus: u32,
    out: *mut Update,
    paths: *mut u8,
    paths_len: usize,
    err: *mut PolicyError,
) -> i32 {
    // SAFETY: promised by the caller.
    let (bytes, paths) =
        unsafe { (slice::from_raw_parts(buf, len), slice::from_raw_parts_mut(paths, paths_len)) };
    // SAFETY: promised by the caller; an update is plain numbers, so whatever is there is one.
    let update = unsafe { &mut *out };
    match parse_update_into(bytes, nr_cpus, paths, update) {
        Ok(()) => 0,
        Err(error) => {
            // SAFETY: promised by the caller.
            unsafe { err.write(error) };
            error.error.wrapping_neg()
        }
    }
}

/// # Safety
/// `update` must be valid for reading, `rules` for reading and writing.
#[no_mangle]
pub unsafe extern "C" fn swarm_update_apply(update: *const Update, rules: *mut Rules) {
    // SAFETY: promised by the caller.
    let (update, rules) = unsafe { (&*update, &mut *rules) };
    update.apply(rules);
}

/// # Safety
/// `buf` must be valid for reading `len` bytes, `out` and `err` for writing.
#[no_mangle]
pub unsafe extern "C" fn swarm_attach_parse(
    buf: *const u8,
    len: usize,
    out: *mut Attach,
    err: *mut PolicyError,
) -> i32 {
    // SAFETY: promised by the caller.
    unsafe { store(parse_attach(slice::from_raw_parts(buf, len)), out, err) }
}

/// # Safety
/// `buf` must be valid for reading `len` bytes, `id` and `err` for writing.
#[no_mangle]
pub unsafe extern "C" fn swarm_target_parse(
    buf: *const u8,
    len: usize,
    id: *mut u64,
    err: *mut PolicyError,
) -> i32 {
    // SAFETY: promised by the caller.
    unsafe { store(parse_target(slice::from_raw_parts(buf, len)), id, err) }
}

/// # Safety
/// `buf` must be valid for reading `len` bytes, `id`, `taken` and `err` for writing.
#[no_mangle]
pub unsafe extern "C" fn swarm_id_parse(
    buf: *const u8,
    len: usize,
    id: *mut u64,
    taken: *mut usize,
    err: *mut PolicyError,
) -> i32 {
    // SAFETY: promised by the caller.
    let answer = parse_id(unsafe { slice::from_raw_parts(buf, len) }).map(|(value, length)| {
        // SAFETY: promised by the caller.
        unsafe { taken.write(length) };
        value
    });
    // SAFETY: promised by the caller.
    unsafe { store(answer, id, err) }
}

/// # Safety
/// `rules` must be valid for reading.
#[no_mangle]
pub unsafe extern "C" fn swarm_device_allowed(
    rules: *const Rules,
    kind: u32,
    major: u32,
    minor: u32,
    access: u32,
) -> i32 {
    // SAFETY: promised by the caller.
    let rules = unsafe { &*rules };
    // Single bytes, DEVCG_* of the kernel; nothing else is a device or an access that a rule allows.
    let (Ok(kind), Ok(access)) = (u8::try_from(kind), u8::try_from(access)) else {
        return 0;
    };
    i32::from(rules.device_allowed(kind, major, minor, access))
}

/// # Safety
/// `rules` must be valid for reading.
#[no_mangle]
pub unsafe extern "C" fn swarm_socket_allowed(rules: *const Rules, family: u32, kind: u32, protocol: u32) -> i32 {
    // SAFETY: promised by the caller.
    let rules = unsafe { &*rules };
    i32::from(rules.sockets.allow(family, kind, protocol))
}

/// Do the rules allow unix sockets alone, or none?
///
/// # Safety
/// `rules` must be valid for reading.
#[no_mangle]
pub unsafe extern "C" fn swarm_sockets_unix_only(rules: *const Rules) -> i32 {
    // SAFETY: promised by the caller.
    let rules = unsafe { &*rules };
    i32::from(rules.sockets.unix_only())
}

/// The protocol of such a socket, where 0 stands for a type's usual one.
#[no_mangle]
pub extern "C" fn swarm_socket_protocol(family: u32, kind: u32, protocol: u32) -> u32 {
    protocol_of(family, kind, protocol)
}

/// The kernel's flags for bits of `namespace_flags`.
#[no_mangle]
pub extern "C" fn swarm_clone_flags(namespaces: u32) -> u64 {
    clone_flags(namespaces)
}

/// A name of a list as C has it, or null where the list has none of this number.
fn text(names: &[Name], number: u32) -> *const c_char {
    names.get(number as usize).map_or(ptr::null(), |name| name.as_ptr())
}

macro_rules! name_functions {
    ($($(#[$attribute:meta])* $function:ident: $names:ident,)*) => {$(
        $(#[$attribute])*
        #[no_mangle]
        pub extern "C" fn $function(number: u32) -> *const c_char {
            text(&names::$names, number)
        }
    )*};
}

name_functions! {
    /// Returns a name of [`names::KEYS`]; the module itself has no use for it.
    #[cfg(not(kernel_core))]
    swarm_key_name: KEYS,
    /// Returns a name of [`names::ATTACH_KEYS`]; the module itself has no use for it.
    #[cfg(not(kernel_core))]
    swarm_attach_key_name: ATTACH_KEYS,
    /// Returns a name of [`names::TARGET_KEYS`]; the module itself has no use for it.
    #[cfg(not(kernel_core))]
    swarm_target_key_name: TARGET_KEYS,
    /// Returns a name of [`names::ACTIONS`].
    swarm_action_name: ACTIONS,
    /// Returns a name of [`names::CAPABILITIES`].
    swarm_capability_name: CAPABILITIES,
    /// Returns a name of [`names::PROPAGATIONS`].
    swarm_propagation_name: PROPAGATIONS,
    /// Returns a name of [`names::NETWORKS`].
    swarm_network_name: NETWORKS,
    /// Returns a name of [`names::KINDS`].
    swarm_kind_name: KINDS,
    /// Returns a name of [`names::OUTCOMES`].
    swarm_outcome_name: OUTCOMES,
    /// Returns a name of [`names::ORIGINS`].
    swarm_origin_name: ORIGINS,
    /// Returns a name of [`names::ENDS`].
    swarm_end_name: ENDS,
    /// Returns a name of [`names::STATES`].
    swarm_state_name: STATES,
    /// Returns a name of [`names::EVENTS`].
    swarm_event_name: EVENTS,
    /// Returns a name of [`names::FREEZES`].
    swarm_freeze_name: FREEZES,
    /// Returns a name of [`names::UPDATE_KEYS`].
    swarm_update_key_name: UPDATE_KEYS,
    /// Returns a name of [`names::FAMILIES`].
    swarm_family_name: FAMILIES,
    /// Returns a name of [`names::SOCKET_TYPES`].
    swarm_socket_type_name: SOCKET_TYPES,
}

/// The name of a protocol of a family of sockets, or null where it has none here.
#[no_mangle]
pub extern "C" fn swarm_protocol_name(family: u32, protocol: u32) -> *const c_char {
    protocol_name(family, protocol).map_or(ptr::null(), |name| name.as_ptr())
}

/// The name of one bit of `namespace_flags`, or null where it is none.
#[no_mangle]
pub extern "C" fn swarm_namespace_name(bit: u32) -> *const c_char {
    text(&names::NAMESPACES, bit.trailing_zeros())
}

/// The name of a system call, or null where there is none of this number.
#[no_mangle]
pub extern "C" fn swarm_call_name(number: u32) -> *const c_char {
    CALLS.get(number as usize).map_or(ptr::null(), |call| call.name.as_ptr())
}

/// The kernel's functions that do the work of a system call, or null likewise.
#[no_mangle]
pub extern "C" fn swarm_call_functions(number: u32) -> *const c_char {
    CALLS.get(number as usize).map_or(ptr::null(), |call| call.functions.as_ptr())
}

/// Returns the treatment of a system call by default; see `policy.h`.
#[no_mangle]
pub extern "C" fn swarm_call_default(number: u32, privileged: u32) -> u32 {
    match CALLS.get(number as usize) {
        Some(call) if privileged == 0 => call.default as u32,
        _ => 0,
    }
}
