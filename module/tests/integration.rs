// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests against the loaded module, through nothing but /proc/swarm:
//! `cargo test --features integration -- --ignored --test-threads=1`, as root.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The module is one: a test at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes to `create` and returns what is read back on the same descriptor.
fn create(objects: &str) -> (std::io::Result<usize>, String) {
    let mut file = OpenOptions::new().read(true).write(true).open("/proc/swarm/create").expect("create");
    let written = file.write(objects.as_bytes());
    let mut answers = String::new();
    file.read_to_string(&mut answers).expect("read back");
    (written, answers)
}

fn id_of(answer: &str) -> u64 {
    let digits = answer.trim().strip_prefix("{\"id\":").and_then(|rest| rest.strip_suffix('}'));
    digits.unwrap_or_else(|| panic!("no id in {answer}")).parse().expect("id")
}

/// `<errno.h>`: the agent that a thread was armed for has been destroyed.
const ECANCELED: i32 = 125;

fn destroy(id: u64) {
    fs::write("/proc/swarm/destroy", format!("{id}\n")).expect("destroy");
}

fn status(name: &str) -> u64 {
    let text = fs::read_to_string("/proc/swarm/status").expect("status");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().expect("number")
}

/// Runs a shell line as the first process of an agent.
fn agent(object: &str, line: &str) -> Output {
    let (written, answer) = create(object);
    assert_eq!(written.expect("create"), object.len(), "{answer}");
    Command::new("/bin/sh").args(["-c", line]).output().expect("agent")
}

fn text(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("UTF-8").trim()
}

#[test]
#[ignore = "needs root and the loaded module"]
fn an_agent_is_created_listed_and_destroyed() {
    let _alone = alone();
    let active = status("Active agents");
    let (written, answer) = create("{\"memory_limit\":268435456,\"cpu_quota\":25,\"namespace_flags\":63}\n");
    assert!(written.is_ok(), "{answer}");
    let id = id_of(&answer);
    assert_eq!(status("Active agents"), active + 1);
    let line = format!("ID: {id}, PID: 0, Memory: 256MB, CPU: 25%, Namespaces: 0x3F");
    let agents = fs::read_to_string("/proc/swarm/agents").expect("agents");
    assert!(agents.lines().any(|each| each == line), "{agents}");
    destroy(id);
    assert_eq!(status("Active agents"), active);
}

#[test]
#[ignore = "needs root and the loaded module"]
fn a_refusal_names_the_field_and_the_byte() {
    let _alone = alone();
    let created = status("Total created");
    let (written, answer) = create("{\"memory_limit\":0,\"pids_limit\":4194305}\n");
    assert_eq!(written.unwrap_err().raw_os_error(), Some(22));
    assert!(answer.starts_with("{\"error\":\"EINVAL\",\"field\":\"pids_limit\",\"offset\":31,"), "{answer}");
    assert_eq!(status("Total created"), created);
}

#[test]
#[ignore = "needs root and the loaded module"]
fn the_next_process_is_born_inside() {
    let _alone = alone();
    let output = agent("{\"spawn\":true}", "echo $$ $(id -u)");
    assert_eq!(text(&output), "1 0");
    assert_eq!(status("Active agents"), 0);
}

#[test]
#[ignore = "needs root and the loaded module"]
fn a_denied_execve_is_counted() {
    let _alone = alone();
    let violations = status("Policy violations");
    let output = agent("{\"spawn\":true,\"syscalls\":{\"execve\":\"deny\"}}", "exec /bin/true");
    assert!(!output.status.success());
    assert!(status("Policy violations") > violations);
}

#[test]
#[ignore = "needs root and the loaded module"]
fn an_armed_thread_cannot_be_armed_again() {
    let _alone = alone();
    let (_, answer) = create("{\"spawn\":true}\n{\"spawn\":true}\n");
    let mut lines = answer.lines();
    let id = id_of(lines.next().expect("first answer"));
    assert!(lines.next().expect("second answer").starts_with("{\"error\":\"EBUSY\",\"field\":\"spawn\""));
    destroy(id);
    // The fork that was meant for the agent fails; the next process is nobody's agent.
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "echo $$"]).arg0("sh");
    let canceled = shell.output().expect_err("a fork for an agent that is gone");
    assert_eq!(canceled.raw_os_error(), Some(ECANCELED));
    assert_ne!(text(&shell.output().expect("shell")), "1");
}
