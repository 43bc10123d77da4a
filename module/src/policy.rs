// SPDX-License-Identifier: MIT OR Apache-2.0
//! The objects of the interface, parsed and validated.

use crate::calls::{self, CallRules, CALLS_DEFAULT};
use crate::device::{device_allowed, DeviceRule, Named, ACC_MKNOD, ACC_READ, ACC_WRITE, DEV_ANY, DEV_CHAR};
use crate::error::{PolicyError, Text, E2BIG, EINVAL};
use crate::json::{RawString, Reader, Result};
use crate::names;
use crate::namespace::{NS_ALL, NS_DEFAULT, NS_MNT, NS_NET, NS_PID, NS_USER, NS_UTS};
use crate::socket::{SocketEntry, Sockets};
use core::num::NonZeroU16;

/// The longest object, in bytes.
pub const OBJECT_MAX: usize = 4096;
/// The most device rules of a policy.
pub const DEVICES_MAX: usize = 16;
/// The most paths of `exec_paths`.
pub const EXEC_PATHS_MAX: usize = 8;
/// The longest name, in bytes.
pub const NAME_MAX: usize = 31;
/// The longest host name, in bytes.
pub const HOSTNAME_MAX: usize = 64;
/// Every capability.
pub const CAPS_ALL: u64 = (1 << names::CAPABILITIES.len()) - 1;
/// Ids stay below 2^53, so that any JSON reader holds them exactly.
pub const ID_MAX: u64 = (1 << 53) - 1;

const MEMORY_MIN: u64 = 65536;
const PIDS_MAX: u64 = 4_194_304;
/// No process has a higher one.
const DESCRIPTOR_MAX: u64 = 0x7fff_ffff;
/// The value that stands for no descriptor.
const NO_DESCRIPTOR: i32 = -1;
const RULES: usize = names::SYSCALLS.len();

/// The answer of a rule on a system call.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The call goes ahead.
    Allow = 0,
    /// The call fails with EPERM.
    Deny = 1,
    /// The process is killed.
    Kill = 2,
    /// The call goes ahead and an event tells of it.
    Audit = 3,
}

impl Action {
    /// By their numbers, as their names are.
    const ALL: [Self; names::ACTIONS.len()] = [Self::Allow, Self::Deny, Self::Kill, Self::Audit];
}

/// The way in which an agent sees mounts that the host makes later.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    /// Nothing.
    Private = 0,
    /// Mounts below a mount that was shared at its birth are seen.
    Slave = 1,
}

impl Propagation {
    /// By their numbers, as their names are.
    const ALL: [Self; names::PROPAGATIONS.len()] = [Self::Private, Self::Slave];
}

/// The network namespace that an agent with the net bit has.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// One of its own.
    Own = 0,
    /// An empty one that it shares with all agents of this kind.
    None = 1,
}

impl Network {
    /// By their numbers, as their names are.
    const ALL: [Self; names::NETWORKS.len()] = [Self::Own, Self::None];
}

const KEYS: [&[u8]; names::KEYS.len()] = names::bytes(names::KEYS);
const ATTACH_KEYS: [&[u8]; names::ATTACH_KEYS.len()] = names::bytes(names::ATTACH_KEYS);
const TARGET_KEYS: [&[u8]; names::TARGET_KEYS.len()] = names::bytes(names::TARGET_KEYS);
const UPDATE_KEYS: [&[u8]; names::UPDATE_KEYS.len()] = names::bytes(names::UPDATE_KEYS);
const ACTIONS: [&[u8]; names::ACTIONS.len()] = names::bytes(names::ACTIONS);
const CAPABILITIES: [&[u8]; names::CAPABILITIES.len()] = names::bytes(names::CAPABILITIES);
const NETWORKS: [&[u8]; names::NETWORKS.len()] = names::bytes(names::NETWORKS);
const PROPAGATIONS: [&[u8]; names::PROPAGATIONS.len()] = names::bytes(names::PROPAGATIONS);
const SYSCALLS: [&[u8]; RULES] = names::bytes(names::SYSCALLS);

/// The answers of the rules of `syscalls` unless told otherwise.
const ANSWERS: [Action; RULES] =
    [Action::Allow, Action::Allow, Action::Allow, Action::Deny, Action::Deny, Action::Deny];
/// The number of the rule on having the kernel load a module.
const AUTOLOAD: usize = 5;
const AUTOLOAD_BIT: u8 = 1 << AUTOLOAD;

/// chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service sys_chroot setfcap
const CAPS_DEFAULT: u64 = 0b1000_0000_0000_0100_0000_0101_1111_1011;

/// null zero full random urandom tty ptmx pts
const DEVICES: [(u32, u32); 8] =
    [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 2), (136, DEV_ANY)];

/// The devices that these rules speak of.
const DEVICES_NAMED: Named = {
    let mut named = Named::NONE;
    let mut index = 0;
    while index < DEVICES.len() {
        let (major, minor) = DEVICES[index];
        named = named.with(major, minor);
        index += 1;
    }
    named
};

/// The part of a request that agents with equal values share; `struct swarm_rules`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Bytes, 0: none.
    pub memory_limit: u64,
    /// Percent of one CPU, 0: none.
    pub cpu_quota: u32,
    /// 0: none.
    pub pids_limit: u32,
    /// `NS_*`.
    pub namespaces: u32,
    /// An [`Action`] for each of [`names::SYSCALLS`].
    pub syscalls: [u8; RULES],
    nr_devices: u8,
    privileged: u8,
    persist: u8,
    core: u8,
    pad: [u8; 2],
    devices: [DeviceRule; DEVICES_MAX],
    /// A [`Propagation`].
    pub propagation: u8,
    devpts: u8,
    /// An [`Action`] for a file outside `exec_paths`; never [`Action::Allow`].
    pub unlisted: u8,
    oom_group: u8,
    proc: u8,
    /// A [`Network`].
    pub network: u8,
    pad2: [u8; 2],
    /// The sockets that it may make.
    pub sockets: Sockets,
    /// The devices that `devices` speaks of.
    named: Named,
    /// An [`Action`] for each of [`crate::CALLS`].
    pub calls: CallRules,
    /// Bit n: `CAPABILITIES[n]` is kept.
    pub capabilities: u64,
    no_new_privs: u8,
    pad3: [u8; 7],
    /// NUL-padded; empty: of the agent's name.
    pub hostname: [u8; HOSTNAME_MAX],
}

impl Default for Rules {
    fn default() -> Self {
        let mut rules = Self {
            memory_limit: 0,
            cpu_quota: 0,
            pids_limit: 0,
            namespaces: 0,
            syscalls: [0; RULES],
            nr_devices: 0,
            privileged: 0,
            persist: 0,
            core: 0,
            pad: [0; 2],
            devices: [DeviceRule::new(0, 0, 0, 0); DEVICES_MAX],
            propagation: 0,
            devpts: 0,
            unlisted: 0,
            oom_group: 0,
            proc: 0,
            network: 0,
            pad2: [0; 2],
            sockets: Sockets::NONE,
            named: Named::NONE,
            calls: CallRules::NONE,
            capabilities: 0,
            no_new_privs: 0,
            pad3: [0; 7],
            hostname: [0; HOSTNAME_MAX],
        };
        rules.reset();
        rules
    }
}

impl Rules {
    /// The device rules.
    pub fn devices(&self) -> &[DeviceRule] {
        self.devices.get(..usize::from(self.nr_devices)).unwrap_or(&[])
    }

    /// May the agent do without a user namespace?
    pub fn privileged(&self) -> bool {
        self.privileged != 0
    }

    /// Is its network namespace the empty one that agents share?
    pub fn without_network(&self) -> bool {
        self.network == Network::None as u8
    }

    /// Does the agent stay when its last process exits?
    pub fn persist(&self) -> bool {
        self.persist != 0
    }

    /// Is a procfs of its own mounted at its birth?
    pub fn proc(&self) -> bool {
        self.proc != 0
    }

    /// Is an instance of devpts mounted at its birth?
    pub fn devpts(&self) -> bool {
        self.devpts != 0
    }

    /// Does memory beyond the limit end the whole agent?
    pub fn oom_group(&self) -> bool {
        self.oom_group != 0
    }

    /// May its processes dump core?
    pub fn core(&self) -> bool {
        self.core != 0
    }

    /// Does no execve of the agent gain privileges?
    pub fn no_new_privs(&self) -> bool {
        self.no_new_privs != 0
    }

    /// Sets what holds unless a request says otherwise, field by field, since a copy of it all costs more.
    fn reset(&mut self) {
        self.memory_limit = 0;
        self.cpu_quota = 0;
        self.pids_limit = 0;
        self.namespaces = NS_DEFAULT;
        for (slot, action) in self.syscalls.iter_mut().zip(ANSWERS) {
            *slot = action as u8;
        }
        self.nr_devices = DEVICES.len() as u8;
        self.privileged = 0;
        self.persist = 0;
        self.core = 0;
        self.pad = [0; 2];
        let (given, rest) = self.devices.split_at_mut(DEVICES.len());
        for (slot, (major, minor)) in given.iter_mut().zip(DEVICES) {
            *slot = DeviceRule::new(DEV_CHAR, major, minor, ACC_READ | ACC_WRITE | ACC_MKNOD);
        }
        for slot in rest {
            *slot = DeviceRule::new(0, 0, 0, 0);
        }
        self.propagation = Propagation::Private as u8;
        self.devpts = 1;
        self.unlisted = Action::Deny as u8;
        self.oom_group = 1;
        self.proc = 1;
        self.network = Network::Own as u8;
        self.pad2 = [0; 2];
        self.sockets = Sockets::USUAL;
        self.named = DEVICES_NAMED;
        self.calls = CallRules(CALLS_DEFAULT);
        self.capabilities = CAPS_DEFAULT;
        self.no_new_privs = 1;
        self.pad3 = [0; 7];
        self.hostname = [0; HOSTNAME_MAX];
    }

    /// Is this access to a device allowed?
    pub fn device_allowed(&self, kind: u8, major: u32, minor: u32, access: u8) -> bool {
        // Most of what is denied no rule speaks of.
        self.named.may_have(major, minor) && device_allowed(self.devices(), kind, major, minor, access)
    }

    fn clear_devices(&mut self) {
        self.nr_devices = 0;
        self.devices = [DeviceRule::new(0, 0, 0, 0); DEVICES_MAX];
        self.named = Named::NONE;
    }

    /// False where there are [`DEVICES_MAX`] already.
    fn push_device(&mut self, rule: DeviceRule) -> bool {
        let Some(slot) = self.devices.get_mut(usize::from(self.nr_devices)) else {
            return false;
        };
        *slot = rule;
        self.nr_devices = self.nr_devices.saturating_add(1);
        self.named = self.named.with(rule.major, rule.minor);
        true
    }
}

/// A decoded path of `exec_paths` in the buffer given to [`parse_request`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExecPath {
    /// The place where it begins.
    pub offset: u32,
    /// Its length in bytes.
    pub length: u32,
}

/// One object written to `create`; `struct swarm_request`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The rules that are enforced.
    pub rules: Rules,
    /// The process to adopt, 0: none.
    pub pid: i32,
    /// The same by a descriptor of the writer's, -1: none.
    pub pidfd: i32,
    spawn: u8,
    nr_exec_paths: u8,
    after_exec: u8,
    calls_named: u8,
    pad: [u8; 4],
    exec_paths: [ExecPath; EXEC_PATHS_MAX],
    /// NUL-padded; empty: none.
    pub name: Text<{ NAME_MAX + 1 }>,
    /// The calls of `rules.calls` that are named, if any: both bits of each.
    named_calls: CallRules,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            rules: Rules::default(),
            pid: 0,
            pidfd: NO_DESCRIPTOR,
            spawn: 0,
            nr_exec_paths: 0,
            after_exec: 0,
            calls_named: 0,
            pad: [0; 4],
            exec_paths: [ExecPath { offset: 0, length: 0 }; EXEC_PATHS_MAX],
            name: Text::new(),
            named_calls: CallRules::NONE,
        }
    }
}

impl Request {
    fn reset(&mut self) {
        self.rules.reset();
        self.pid = 0;
        self.pidfd = NO_DESCRIPTOR;
        self.spawn = 0;
        self.nr_exec_paths = 0;
        self.after_exec = 0;
        self.calls_named = 0;
        self.pad = [0; 4];
        // exec_paths and named_calls are of no meaning beyond what their counts say.
        self.name = Text::new();
    }

    fn names(&self, call: usize) -> bool {
        self.calls_named != 0 && self.named_calls.get(call) != 0
    }

    fn name_call(&mut self, call: usize, action: Action) {
        if self.calls_named == 0 {
            self.calls_named = 1;
            self.named_calls = CallRules::NONE;
        }
        self.named_calls.set(call, 3);
        self.rules.calls.set(call, action as u8);
    }

    /// Takes over the rules on calls that it names.
    fn replace_calls(&self, calls: &mut CallRules) {
        if self.calls_named != 0 {
            calls.replace(&self.rules.calls, &self.named_calls);
        }
    }

    /// Does the writing thread's next fork become the first process?
    pub fn spawn(&self) -> bool {
        self.spawn != 0
    }

    /// Do the rules count from the adopted process's next execve on?
    pub fn after_exec(&self) -> bool {
        self.after_exec != 0
    }

    /// Is a running process to be adopted?
    pub fn adopts(&self) -> bool {
        self.pid != 0 || self.pidfd != NO_DESCRIPTOR
    }

    /// The decoded paths.
    pub fn exec_paths(&self) -> &[ExecPath] {
        self.exec_paths.get(..usize::from(self.nr_exec_paths)).unwrap_or(&[])
    }
}

/// One object written to `attach`; `struct swarm_attach`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attach {
    /// The agent.
    pub id: u64,
    /// The process that joins it, 0: see `pidfd`.
    pub pid: i32,
    /// The same by a descriptor of the writer's, -1: see `pid`.
    pub pidfd: i32,
    after_exec: u8,
    enters: u8,
    pad: [u8; 6],
}

impl Attach {
    /// Do the rules count from the process's next execve on?
    pub fn after_exec(&self) -> bool {
        self.after_exec != 0
    }

    /// Has the process yet to enter the agent's namespaces, where its rules count?
    pub fn enters(&self) -> bool {
        self.enters != 0
    }
}

fn boolean(reader: &mut Reader<'_>) -> Result<u8> {
    reader.boolean().map(u8::from)
}

/// An integer in a range; the message names both ends and the unit.
fn uint(reader: &mut Reader<'_>, min: u64, max: u64, unit: &str) -> Result<u64> {
    let message = |error: &mut PolicyError| {
        error.message.push_str("expected an integer from ").push_u64(min).push_str(" to ").push_u64(max);
        error.message.push_str(unit);
    };
    let (value, offset) = reader.uint(message)?;
    if (min..=max).contains(&value) {
        return Ok(value);
    }
    let mut error = PolicyError::new(EINVAL, offset, "");
    message(&mut error);
    Err(error)
}

fn process(reader: &mut Reader<'_>) -> Result<i32> {
    uint(reader, 1, PIDS_MAX, " (a process id)").map(|pid| i32::try_from(pid).unwrap_or(i32::MAX))
}

fn descriptor(reader: &mut Reader<'_>) -> Result<i32> {
    uint(reader, 0, DESCRIPTOR_MAX, " (a descriptor of the writer's)")
        .map(|fd| i32::try_from(fd).unwrap_or(i32::MAX))
}

fn at(string: &RawString<'_>, message: &str) -> PolicyError {
    PolicyError::new(EINVAL, string.offset, message)
}

fn memory_limit(reader: &mut Reader<'_>) -> Result<u64> {
    let start = *reader;
    match uint(reader, 0, u64::MAX, " (bytes)")? {
        1..MEMORY_MIN => {
            let mut again = start;
            again.skip_space();
            again_fail(&again, "expected 0 for no limit, or at least 65536 (bytes)")
        }
        value => Ok(value),
    }
}

fn again_fail<T>(reader: &Reader<'_>, message: &str) -> Result<T> {
    Err(PolicyError::new(EINVAL, reader.offset(), message))
}

/// The elements of an array, or the members of an object, up to `close`.
fn each<'a>(
    reader: &mut Reader<'a>,
    close: u8,
    message: &str,
    mut element: impl FnMut(&mut Reader<'a>) -> Result<()>,
) -> Result<()> {
    if reader.take(close) {
        return Ok(());
    }
    loop {
        element(reader)?;
        if reader.take(close) {
            return Ok(());
        }
        reader.expect(b',', message)?;
    }
}

fn devices(reader: &mut Reader<'_>, rules: &mut Rules) -> Result<()> {
    reader.expect(b'[', "expected an array of device rules")?;
    rules.clear_devices();
    each(reader, b']', "expected , or ] behind a device rule", |reader| {
        let string = reader.string("expected a device rule such as 'c 1:3 rwm'")?;
        let rule = DeviceRule::parse(string.raw)
            .ok_or_else(|| at(&string, "expected a device rule such as 'c 1:3 rwm': c, b or a; major:minor or *; some of rwm"))?;
        if rules.push_device(rule) {
            Ok(())
        } else {
            Err(at(&string, "at most 16 device rules are allowed; * may stand for many devices"))
        }
    })
}

/// The number of a name; without escapes, since none needs any.
fn number(names: &[&[u8]], string: &RawString<'_>) -> Option<usize> {
    names.iter().position(|name| string.is_plain(name))
}

fn action(reader: &mut Reader<'_>) -> Result<Action> {
    const MESSAGE: &str = "expected 'allow', 'deny', 'kill' or 'audit'";
    let string = reader.string(MESSAGE)?;
    number(&ACTIONS, &string)
        .and_then(|number| Action::ALL.get(number).copied())
        .ok_or_else(|| at(&string, MESSAGE))
}

/// The subject of a rule of `syscalls`.
enum Rule {
    /// An index of [`names::SYSCALLS`].
    Group(usize),
    /// An index of [`crate::CALLS`].
    Call(usize),
}

fn rule_named(key: &RawString<'_>) -> Result<Rule> {
    let is = |name: &[u8]| key.is(name);
    if let Some(index) = SYSCALLS.iter().position(|name| is(name)) {
        return Ok(Rule::Group(index));
    }
    if let Some(call) = calls::number(is) {
        return Ok(Rule::Call(call));
    }
    if calls::never_returns(is) {
        return Err(at(key, "exit, exit_group and sigreturn never return, so that no rule can refuse them"));
    }
    Err(at(key, "unknown rule; name a system call as 64-bit Linux does (man 2 syscalls), or fork, thread, execve, unshare, setns, autoload"))
}

/// Sets the rules that are named; a bit for each of [`names::SYSCALLS`] among them.
fn syscalls(reader: &mut Reader<'_>, request: &mut Request) -> Result<u8> {
    reader.expect(b'{', "expected an object such as {'execve':'deny'}")?;
    let mut seen = 0u8;
    each(reader, b'}', "expected , or } behind a rule", |reader| {
        let key = reader.string("expected the name of a rule")?;
        let rule = rule_named(&key)?;
        let bit = match rule {
            Rule::Group(index) => 1u8.wrapping_shl(u32::try_from(index).unwrap_or(0)),
            Rule::Call(_) => 0,
        };
        let again = match rule {
            Rule::Group(_) => seen & bit != 0,
            Rule::Call(call) => request.names(call),
        };
        if again {
            return Err(at(&key, "the rule is given twice"));
        }
        seen |= bit;
        reader.expect(b':', "expected : behind the name of a rule")?;
        let action = action(reader)?;
        match rule {
            Rule::Group(index) => {
                if let Some(slot) = request.rules.syscalls.get_mut(index) {
                    *slot = action as u8;
                }
            }
            Rule::Call(call) => {
                request.name_call(call, action);
            }
        }
        Ok(())
    })?;
    Ok(seen)
}

fn sockets(reader: &mut Reader<'_>) -> Result<Sockets> {
    const ARRAY: &str = "expected an array such as ['unix','inet','netlink/route'], or 'all'";
    const ENTRY: &str = "expected a family such as 'inet', by name or number, or one with a protocol such as 'netlink/route'";
    reader.skip_space();
    let mut ahead = *reader;
    if let Ok(string) = ahead.string(ARRAY) {
        if !string.is_plain(b"all") {
            return Err(at(&string, ARRAY));
        }
        *reader = ahead;
        return Ok(Sockets::ALL);
    }
    reader.expect(b'[', ARRAY)?;
    let mut sockets = Sockets::NONE;
    each(reader, b']', "expected , or ] behind a family", |reader| {
        let string = reader.string(ENTRY)?;
        let entry = SocketEntry::parse(string.raw).ok_or_else(|| at(&string, ENTRY))?;
        if sockets.push(entry) {
            Ok(())
        } else {
            Err(at(&string, "at most 8 protocols are allowed; a family without one stands for all of its protocols"))
        }
    })?;
    Ok(sockets)
}

fn cpu_quota(reader: &mut Reader<'_>, cpus: u32) -> Result<u32> {
    let max = u64::from(cpus).saturating_mul(100);
    let quota = uint(reader, 0, max, " (percent of one CPU; 100 for each CPU online)")?;
    Ok(u32::try_from(quota).unwrap_or(u32::MAX))
}

fn pids_limit(reader: &mut Reader<'_>) -> Result<u32> {
    let limit = uint(reader, 0, PIDS_MAX, " (processes and threads)")?;
    Ok(u32::try_from(limit).unwrap_or(u32::MAX))
}

fn exec_paths(reader: &mut Reader<'_>, request: &mut Request, buffer: &mut [u8]) -> Result<()> {
    reader.expect(b'[', "expected an array of absolute paths")?;
    let mut used = 0usize;
    each(reader, b']', "expected , or ] behind a path", |reader| {
        let string = reader.string("expected an absolute path")?;
        let start = used;
        let mut fits = true;
        let mut nul = false;
        string.decode(|byte| {
            nul |= byte == 0;
            match buffer.get_mut(used) {
                Some(slot) => *slot = byte,
                None => fits = false,
            }
            used = used.saturating_add(1);
        });
        if !fits || nul || buffer.get(start) != Some(&b'/') || used == start {
            return Err(at(&string, "expected an absolute path; one that ends in / means the tree under it"));
        }
        let path = ExecPath {
            offset: u32::try_from(start).unwrap_or(0),
            length: u32::try_from(used.saturating_sub(start)).unwrap_or(0),
        };
        match request.exec_paths.get_mut(usize::from(request.nr_exec_paths)) {
            Some(slot) => *slot = path,
            None => return Err(at(&string, "at most 8 paths are allowed; one that ends in / stands for a tree")),
        }
        request.nr_exec_paths = request.nr_exec_paths.saturating_add(1);
        Ok(())
    })
}

fn unlisted(reader: &mut Reader<'_>) -> Result<Action> {
    const MESSAGE: &str = "expected 'deny', 'kill' or 'audit'";
    let mut at_value = *reader;
    at_value.skip_space();
    match action(reader) {
        Ok(Action::Allow) | Err(_) => again_fail(&at_value, MESSAGE),
        answer => answer,
    }
}

/// Capabilities by name, or all of them.
fn capabilities(reader: &mut Reader<'_>) -> Result<u64> {
    const MESSAGE: &str = "expected 'all' or an array of capabilities such as ['chown','kill']";
    reader.skip_space();
    if reader.peek() == Some(b'"') {
        let string = reader.string(MESSAGE)?;
        return if string.is_plain(b"all") { Ok(CAPS_ALL) } else { Err(at(&string, MESSAGE)) };
    }
    reader.expect(b'[', MESSAGE)?;
    let mut kept = 0u64;
    each(reader, b']', "expected , or ] behind a capability", |reader| {
        let string = reader.string("expected the name of a capability")?;
        let bit = number(&CAPABILITIES, &string)
            .and_then(|number| u32::try_from(number).ok())
            .map(|number| 1u64.wrapping_shl(number))
            .ok_or_else(|| at(&string, "unknown capability; they are those of capabilities(7), in lower case and without cap_"))?;
        if kept & bit != 0 {
            return Err(at(&string, "the capability is given twice"));
        }
        kept |= bit;
        Ok(())
    })?;
    Ok(kept)
}

/// Labels of letters, digits and hyphens, as DNS has them.
fn hostname(reader: &mut Reader<'_>, name: &mut [u8; HOSTNAME_MAX]) -> Result<()> {
    const MESSAGE: &str = "expected a host name: 1 to 64 of A-Z a-z 0-9 . -, of which each part begins and ends with a letter or digit";
    let string = reader.string(MESSAGE)?;
    let label = |part: &[u8]| {
        part.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
            && part.first().is_some_and(u8::is_ascii_alphanumeric)
            && part.last().is_some_and(u8::is_ascii_alphanumeric)
    };
    if string.raw.len() > HOSTNAME_MAX || !string.raw.split(|byte| *byte == b'.').all(label) {
        return Err(at(&string, MESSAGE));
    }
    for (slot, byte) in name.iter_mut().zip(string.raw) {
        *slot = *byte;
    }
    Ok(())
}

fn propagation(reader: &mut Reader<'_>) -> Result<Propagation> {
    const MESSAGE: &str = "expected 'private' or 'slave'";
    let string = reader.string(MESSAGE)?;
    number(&PROPAGATIONS, &string)
        .and_then(|number| Propagation::ALL.get(number).copied())
        .ok_or_else(|| at(&string, MESSAGE))
}

fn network(reader: &mut Reader<'_>) -> Result<Network> {
    const MESSAGE: &str = "expected 'own' or 'none'";
    let string = reader.string(MESSAGE)?;
    number(&NETWORKS, &string)
        .and_then(|number| Network::ALL.get(number).copied())
        .ok_or_else(|| at(&string, MESSAGE))
}

fn name(reader: &mut Reader<'_>) -> Result<Text<{ NAME_MAX + 1 }>> {
    const MESSAGE: &str = "expected 1 to 31 of A-Z a-z 0-9 . _ -";
    let string = reader.string(MESSAGE)?;
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    if string.raw.is_empty() || string.raw.len() > NAME_MAX || !string.raw.iter().all(plain) {
        return Err(at(&string, MESSAGE));
    }
    let mut text = Text::new();
    text.push_bytes(string.raw);
    Ok(text)
}

/// The place where a key's value begins, once it was met; objects are short.
///
/// Never 0, which is where the object begins; so it takes two bytes.
type Offset = Option<NonZeroU16>;

/// 0 where the key was not met.
fn at_byte(offset: Offset) -> usize {
    offset.map_or(0, |offset| usize::from(offset.get()))
}

fn offset_of(at: usize) -> Offset {
    NonZeroU16::new(u16::try_from(at).unwrap_or(u16::MAX))
}

/// Reads `{"key": value, ...}` to the end; `value` reads the value of `keys[index]`.
fn object(
    bytes: &[u8],
    keys: &[&[u8]],
    offsets: &mut [Offset],
    mut value: impl FnMut(&mut Reader<'_>, usize) -> Result<()>,
) -> Result<()> {
    let mut reader = Reader::new(bytes);
    if bytes.len() > OBJECT_MAX {
        return Err(PolicyError::new(E2BIG, OBJECT_MAX, "an object may have 4096 bytes at most"));
    }
    reader.expect(b'{', "expected an object: {")?;
    each(&mut reader, b'}', "expected , or } behind a value", |reader| {
        let key = reader.string("expected a key in double quotes")?;
        let index = keys
            .iter()
            .position(|name| key.is(name))
            .ok_or_else(|| at(&key, "unknown key").of(key.raw))?;
        let field = keys.get(index).copied().unwrap_or(b"");
        if let Some(slot) = offsets.get_mut(index) {
            if slot.is_some() {
                return Err(at(&key, "the key is given twice").of(field));
            }
            *slot = offset_of(key.offset);
        }
        reader
            .expect(b':', "expected : behind the key")
            .and_then(|()| {
                reader.skip_space();
                if let Some(slot) = offsets.get_mut(index) {
                    *slot = offset_of(reader.offset());
                }
                value(reader, index)
            })
            .map_err(|error| error.of(field))
    })?;
    reader.end()
}

/// Parses and validates one object of `create`.
///
/// `cpus` bounds `cpu_quota` at 100 times that many percent. Decoded paths of
/// `exec_paths` go to `paths`, for which [`OBJECT_MAX`] bytes always suffice.
///
/// # Errors
/// Says which key is at fault, at which byte, and what was expected.
///
/// ```
/// use swarm_policy::parse_request;
/// let mut paths = [0; 4096];
/// let request = parse_request(br#"{"memory_limit":268435456,"spawn":true}"#, 2, &mut paths).unwrap();
/// assert_eq!(request.rules.memory_limit, 268435456);
/// assert!(request.spawn());
///
/// let error = parse_request(br#"{"memory_limit":0,"cpu_quota":900}"#, 2, &mut paths).unwrap_err();
/// assert_eq!((error.field.as_str(), error.offset), ("cpu_quota", 30));
/// ```
pub fn parse_request(bytes: &[u8], cpus: u32, paths: &mut [u8]) -> Result<Request> {
    let mut request = Request::default();
    parse_request_into(bytes, cpus, paths, &mut request)?;
    Ok(request)
}

/// As [`parse_request`], with the request where it is to be, since it is large: whatever
/// was there is overwritten, also where this fails.
///
/// # Errors
/// As [`parse_request`].
pub fn parse_request_into(bytes: &[u8], cpus: u32, paths: &mut [u8], request: &mut Request) -> Result<()> {
    request.reset();
    let mut offsets = [None; KEYS.len()];
    let mut named = 0;
    object(bytes, &KEYS, &mut offsets, |reader, index| {
        let rules = &mut request.rules;
        match index {
            0 => rules.memory_limit = memory_limit(reader)?,
            1 => rules.cpu_quota = cpu_quota(reader, cpus)?,
            2 => rules.pids_limit = pids_limit(reader)?,
            3 => {
                let flags = uint(reader, 0, u64::from(NS_ALL), " (bits: 1 pid 2 net 4 mnt 8 uts 16 ipc 32 user 64 cgroup 128 time)")?;
                rules.namespaces = u32::try_from(flags).unwrap_or(NS_ALL);
            }
            4 => devices(reader, rules)?,
            5 => named = syscalls(reader, request)?,
            6 => exec_paths(reader, request, paths)?,
            7 => request.name = name(reader)?,
            8 => request.spawn = boolean(reader)?,
            9 => request.pid = process(reader)?,
            10 => rules.persist = boolean(reader)?,
            11 => rules.privileged = boolean(reader)?,
            12 => rules.propagation = propagation(reader)? as u8,
            13 => rules.devpts = boolean(reader)?,
            14 => rules.unlisted = unlisted(reader)? as u8,
            15 => request.pidfd = descriptor(reader)?,
            16 => request.after_exec = boolean(reader)?,
            17 => rules.oom_group = boolean(reader)?,
            18 => rules.sockets = sockets(reader)?,
            19 => rules.core = boolean(reader)?,
            20 => rules.proc = boolean(reader)?,
            21 => rules.capabilities = capabilities(reader)?,
            22 => rules.no_new_privs = boolean(reader)?,
            23 => hostname(reader, &mut rules.hostname)?,
            _ => rules.network = network(reader)? as u8,
        }
        Ok(())
    })?;
    loosen(&mut request.rules, &offsets, named);
    check(request, &offsets)
}

/// Loosens the rules of a privileged agent unless told otherwise; `named` has a bit for each rule of `syscalls` that is given.
fn loosen(rules: &mut Rules, offsets: &[Offset; KEYS.len()], named: u8) {
    let given = |index: usize| offsets.get(index).copied().flatten().is_some();
    if !rules.privileged() {
        return;
    }
    if let (Some(slot), true) = (rules.syscalls.get_mut(AUTOLOAD), named & AUTOLOAD_BIT == 0) {
        *slot = Action::Allow as u8;
    }
    if !given(18) {
        rules.sockets = Sockets::ALL;
    }
    if !given(19) {
        rules.core = 1;
    }
    if !given(21) {
        rules.capabilities = CAPS_ALL;
    }
    if !given(22) {
        rules.no_new_privs = 0;
    }
}

/// The namespaces without which an agent can have no procfs of its own.
const PROC_NEEDS: u32 = NS_PID | NS_MNT | NS_USER;

/// Checks what no single value shows.
fn check(request: &mut Request, offsets: &[Offset; KEYS.len()]) -> Result<()> {
    let given = |index: usize| offsets.get(index).copied().flatten().is_some();
    let offset = |index: usize| at_byte(offsets.get(index).copied().flatten());
    if request.pid != 0 && request.pidfd != NO_DESCRIPTOR {
        return Err(PolicyError::new(EINVAL, offset(15), ONE_PROCESS).of(b"pidfd"));
    }
    if request.spawn() && request.adopts() {
        let message = "spawn and pid or pidfd exclude each other: a process is born or adopted";
        let (key, field) = if request.pid != 0 { (9, &b"pid"[..]) } else { (15, &b"pidfd"[..]) };
        return Err(PolicyError::new(EINVAL, offset(key), message).of(field));
    }
    if request.after_exec() && !request.adopts() {
        let message = "after_exec is about a process that is adopted: add pid or pidfd";
        return Err(PolicyError::new(EINVAL, offset(16), message).of(b"after_exec"));
    }
    if request.rules.namespaces & NS_USER == 0 && !request.rules.privileged() {
        let message = "without the user bit (32) the agent is as powerful as its launcher; add it, or 'privileged':true";
        return Err(PolicyError::new(EINVAL, offset(3), message).of(b"namespace_flags"));
    }
    if given(12) && request.rules.namespaces & NS_MNT == 0 {
        let message = "without the mnt bit (4) an agent has no mounts of its own; add it to namespace_flags";
        return Err(PolicyError::new(EINVAL, offset(12), message).of(b"propagation"));
    }
    if request.rules.namespaces & (NS_MNT | NS_USER) != NS_MNT | NS_USER {
        if given(13) && request.rules.devpts() {
            let message = "a devpts of its own needs the mnt and user bits (4 and 32) of namespace_flags";
            return Err(PolicyError::new(EINVAL, offset(13), message).of(b"devpts"));
        }
        request.rules.devpts = 0;
    }
    if request.rules.privileged() {
        // What it names, and nothing is denied by default.
        let mut calls = CallRules::NONE;
        request.replace_calls(&mut calls);
        request.rules.calls = calls;
    }
    if request.rules.namespaces & PROC_NEEDS != PROC_NEEDS {
        if given(20) && request.rules.proc() {
            let message = "a procfs of its own needs the pid, mnt and user bits (1, 4 and 32) of namespace_flags";
            return Err(PolicyError::new(EINVAL, offset(20), message).of(b"proc"));
        }
        request.rules.proc = 0;
    } else if !given(20) && request.rules.privileged() {
        request.rules.proc = 0;
    }
    if given(23) && request.rules.namespaces & NS_UTS == 0 {
        let message = "without the uts bit (8) an agent has the host's name; add it to namespace_flags";
        return Err(PolicyError::new(EINVAL, offset(23), message).of(b"hostname"));
    }
    check_network(request, offsets)
}

/// Checks what `network` needs, and narrows the sockets to what it leaves.
fn check_network(request: &mut Request, offsets: &[Offset; KEYS.len()]) -> Result<()> {
    let network = offsets.get(24).copied().flatten();
    if network.is_none() {
        return Ok(());
    }
    let refused = |message| Err(PolicyError::new(EINVAL, at_byte(network), message).of(b"network"));
    let adopts = request.adopts();
    let rules = &mut request.rules;
    if rules.namespaces & NS_NET == 0 {
        return refused("without the net bit (2) an agent has the host's network; add it to namespace_flags");
    }
    if !rules.without_network() {
        return Ok(());
    }
    if rules.namespaces & NS_USER == 0 {
        return refused("'none' needs the user bit (32), without which the agent has power over a namespace that others share");
    }
    if adopts {
        return refused("'none' is for agents that are born: a process that is adopted has a network namespace already");
    }
    match offsets.get(18).copied().flatten() {
        None => rules.sockets = Sockets::UNIX,
        sockets if !rules.sockets.unix_only() => {
            let message = "with 'network':'none' an agent may have unix sockets only; leave sockets out, or give ['unix'] or []";
            return Err(PolicyError::new(EINVAL, at_byte(sockets), message).of(b"sockets"));
        }
        _ => {}
    }
    Ok(())
}

/// One object written to `update`; `struct swarm_update`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Update {
    /// The agent.
    pub id: u64,
    /// Bit n: `UPDATE_KEYS[n]` is given.
    keys: u16,
    /// Bit n: `SYSCALLS[n]` is named.
    syscalls: u8,
    frozen: u8,
    pad: [u8; 4],
    /// The values of the keys that are given; `rules` and `exec_paths` of it have a meaning.
    pub request: Request,
}

impl Default for Update {
    fn default() -> Self {
        Self { id: 0, keys: 0, syscalls: 0, frozen: 0, pad: [0; 4], request: Request::default() }
    }
}

impl Update {
    /// Is this key of [`names::UPDATE_KEYS`] given?
    pub fn has(&self, key: usize) -> bool {
        u32::try_from(key).is_ok_and(|key| u32::from(self.keys).checked_shr(key).is_some_and(|bits| bits & 1 != 0))
    }

    /// Are the agent's processes to be stopped, if that key is given?
    pub fn frozen(&self) -> bool {
        self.frozen != 0
    }

    /// Changes the rules as the update says; what it does not name stays as it is.
    ///
    /// Of `syscalls` that is each rule that it does not name; `devices` are replaced as a whole.
    pub fn apply(&self, rules: &mut Rules) {
        let new = &self.request.rules;
        if self.has(1) {
            rules.memory_limit = new.memory_limit;
        }
        if self.has(2) {
            rules.cpu_quota = new.cpu_quota;
        }
        if self.has(3) {
            rules.pids_limit = new.pids_limit;
        }
        if self.has(4) {
            rules.nr_devices = new.nr_devices;
            rules.devices = new.devices;
            rules.named = new.named;
        }
        let slots = rules.syscalls.iter_mut().zip(new.syscalls);
        for (index, (slot, action)) in slots.enumerate() {
            if usize::from(self.syscalls) & 1usize.wrapping_shl(u32::try_from(index).unwrap_or(0)) != 0 {
                *slot = action;
            }
        }
        self.request.replace_calls(&mut rules.calls);
        if self.has(7) {
            rules.unlisted = new.unlisted;
        }
        if self.has(8) {
            rules.oom_group = new.oom_group;
        }
        if self.has(10) {
            rules.sockets = new.sockets;
        }
    }
}

/// Parses and validates one object of `update`, `{"id":7,"pids_limit":100}`.
///
/// # Errors
/// As [`parse_request`].
///
/// ```
/// use swarm_policy::{parse_request, parse_update};
/// let mut paths = [0; 4096];
/// let mut rules = parse_request(br#"{"pids_limit":5,"syscalls":{"fork":"deny"}}"#, 2, &mut paths).unwrap().rules;
/// let update = parse_update(br#"{"id":7,"pids_limit":100,"syscalls":{"execve":"kill"}}"#, 2, &mut paths).unwrap();
/// update.apply(&mut rules);
/// assert_eq!(rules.pids_limit, 100);
/// assert_eq!(rules.syscalls, [1, 0, 2, 1, 1, 1]);
/// ```
pub fn parse_update(bytes: &[u8], cpus: u32, paths: &mut [u8]) -> Result<Update> {
    let mut update = Update::default();
    parse_update_into(bytes, cpus, paths, &mut update)?;
    Ok(update)
}

/// As [`parse_update`], with the update where it is to be.
///
/// # Errors
/// As [`parse_request`].
pub fn parse_update_into(bytes: &[u8], cpus: u32, paths: &mut [u8], update: &mut Update) -> Result<()> {
    update.id = 0;
    update.keys = 0;
    update.syscalls = 0;
    update.frozen = 0;
    update.pad = [0; 4];
    update.request.reset();
    let mut offsets = [None; UPDATE_KEYS.len()];
    object(bytes, &UPDATE_KEYS, &mut offsets, |reader, index| {
        let request = &mut update.request;
        match index {
            0 => update.id = agent_id(reader)?,
            1 => request.rules.memory_limit = memory_limit(reader)?,
            2 => request.rules.cpu_quota = cpu_quota(reader, cpus)?,
            3 => request.rules.pids_limit = pids_limit(reader)?,
            4 => devices(reader, &mut request.rules)?,
            5 => update.syscalls = syscalls(reader, request)?,
            6 => exec_paths(reader, request, paths)?,
            7 => request.rules.unlisted = unlisted(reader)? as u8,
            8 => request.rules.oom_group = boolean(reader)?,
            9 => update.frozen = boolean(reader)?,
            _ => request.rules.sockets = sockets(reader)?,
        }
        Ok(())
    })?;
    for (index, offset) in offsets.iter().enumerate() {
        if offset.is_some() {
            update.keys |= 1u16.wrapping_shl(u32::try_from(index).unwrap_or(0));
        }
    }
    if update.id == 0 {
        return Err(PolicyError::new(EINVAL, 0, "the key is missing").of(b"id"));
    }
    if update.keys == 1 {
        return Err(PolicyError::new(EINVAL, 0, "nothing is to be changed: name what is, such as 'pids_limit'"));
    }
    Ok(())
}

const ONE_PROCESS: &str = "pid and pidfd exclude each other: one process is meant";

/// Parses and validates one object of `attach`, `{"id":7,"pid":1234}` or `{"id":7,"pidfd":3}`.
///
/// # Errors
/// As [`parse_request`].
///
/// ```
/// let attach = swarm_policy::parse_attach(br#"{"id":7,"pid":1234}"#).unwrap();
/// assert_eq!((attach.id, attach.pid, attach.pidfd), (7, 1234, -1));
/// ```
pub fn parse_attach(bytes: &[u8]) -> Result<Attach> {
    let mut attach = Attach { id: 0, pid: 0, pidfd: NO_DESCRIPTOR, after_exec: 0, enters: 0, pad: [0; 6] };
    let mut offsets = [None; ATTACH_KEYS.len()];
    object(bytes, &ATTACH_KEYS, &mut offsets, |reader, index| {
        match index {
            0 => attach.id = agent_id(reader)?,
            1 => attach.pid = process(reader)?,
            2 => attach.pidfd = descriptor(reader)?,
            3 => attach.after_exec = boolean(reader)?,
            _ => attach.enters = boolean(reader)?,
        }
        Ok(())
    })?;
    let [id, pid, pidfd, ..] = offsets;
    let missing = |key: &'static [u8]| PolicyError::new(EINVAL, 0, "the key is missing; id and pid or pidfd are needed").of(key);
    match (id, pid, pidfd) {
        (None, _, _) => Err(missing(b"id")),
        (_, None, None) => Err(missing(b"pid")),
        (_, Some(_), pidfd @ Some(_)) => Err(PolicyError::new(EINVAL, at_byte(pidfd), ONE_PROCESS).of(b"pidfd")),
        _ => Ok(attach),
    }
}

fn agent_id(reader: &mut Reader<'_>) -> Result<u64> {
    uint(reader, 1, ID_MAX, " (an agent's id)")
}

/// Parses and validates an object that names an agent and nothing else, `{"id":7}`.
///
/// # Errors
/// As [`parse_request`].
///
/// ```
/// assert_eq!(swarm_policy::parse_target(br#"{"id":7}"#), Ok(7));
/// ```
pub fn parse_target(bytes: &[u8]) -> Result<u64> {
    let mut id = 0;
    let mut offsets = [None; TARGET_KEYS.len()];
    object(bytes, &TARGET_KEYS, &mut offsets, |reader, _| {
        id = agent_id(reader)?;
        Ok(())
    })?;
    if offsets == [None] {
        return Err(PolicyError::new(EINVAL, 0, "the key is missing").of(b"id"));
    }
    Ok(id)
}

/// Reads one line, a decimal id, and says how many bytes it took; a blank line is id 0.
///
/// # Errors
/// The line is no number from 1 to 2^53 - 1.
///
/// ```
/// assert_eq!(swarm_policy::parse_id(b"42\n43\n"), Ok((42, 3)));
/// assert_eq!(swarm_policy::parse_id(b"\n"), Ok((0, 1)));
/// ```
pub fn parse_id(bytes: &[u8]) -> Result<(u64, usize)> {
    let length = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
    let taken = length.saturating_add(1).min(bytes.len());
    let mut reader = Reader::new(bytes.get(..length).unwrap_or(&[]));
    if reader.at_end() {
        return Ok((0, taken));
    }
    let id = uint(&mut reader, 1, ID_MAX, " (an agent's id), one a line")?;
    reader.end().map_err(|mut error| {
        error.message = Text::new();
        error.message.push_str("expected one id a line");
        error
    })?;
    Ok((id, taken))
}
