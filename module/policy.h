/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The C interface of the policy core (src/, written in Rust).
 *
 * The core parses and validates; it neither allocates, sleeps nor panics, so
 * every function here may be called from any context. The layouts are checked on
 * both sides: by static_assert at the end of this file, by const assertions in
 * src/ffi.rs.
 */
#ifndef SWARM_POLICY_H
#define SWARM_POLICY_H

#ifdef __KERNEL__
#include <linux/build_bug.h>
#include <linux/types.h>
#else
#include <assert.h>
#include <stddef.h>
#include <linux/types.h>
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __s32 s32;
typedef __u64 u64;
#endif

#include "names.h"

/* The longest object that "create" accepts, in bytes. */
#define SWARM_OBJECT_MAX	4096
#define SWARM_DEVICES_MAX	16
#define SWARM_EXEC_PATHS_MAX	8
#define SWARM_SOCKETS_MAX	8
/* The longest name, without the NUL that ends it. */
#define SWARM_NAME_MAX		31
/* Rules on single system calls: 32 in a word. */
#define SWARM_CALL_WORDS	12
#define SWARM_CALLS_MAX		(32 * SWARM_CALL_WORDS)

/* The longest host name; one that long has no NUL. */
#define SWARM_HOSTNAME_MAX	64

/* Every capability that has a name here: none is taken away. */
#define SWARM_CAPS_ALL		((1ULL << 41) - 1)

/* Bits of namespace_flags: the interface's own, not the kernel's CLONE_NEW*. */
#define SWARM_NS_PID		0x01
#define SWARM_NS_NET		0x02
#define SWARM_NS_MNT		0x04
#define SWARM_NS_UTS		0x08
#define SWARM_NS_IPC		0x10
#define SWARM_NS_USER		0x20
#define SWARM_NS_CGROUP		0x40
#define SWARM_NS_TIME		0x80
#define SWARM_NS_ALL		0xff
#define SWARM_NS_DEFAULT	0x7f

/* Device types and accesses: the values of the kernel's DEVCG_*. */
#define SWARM_DEV_BLOCK		1
#define SWARM_DEV_CHAR		2
#define SWARM_DEV_ALL		3	/* type "a" */
#define SWARM_ACC_MKNOD		1
#define SWARM_ACC_READ		2
#define SWARM_ACC_WRITE		4
/* Major or minor "*". */
#define SWARM_DEV_ANY		0xffffffffu

struct swarm_device_rule {
	u32 major;
	u32 minor;
	u8 type;
	u8 access;
	u8 pad[2];
};

/* One protocol of one family of sockets. */
struct swarm_socket_rule {
	u16 family;
	u16 protocol;
};

/* The sockets that may be made. */
struct swarm_sockets {
	u64 families;			/* bits: AF_*, as a whole */
	struct swarm_socket_rule rules[SWARM_SOCKETS_MAX];
	u8 nr_rules;
	u8 all;				/* 0 or 1: any */
	u8 pad[6];
};

/*
 * The part of a request that agents with equal values share. All of it is
 * initialised, padding included: two policies are equal when their bytes are.
 */
struct swarm_rules {
	u64 memory_limit;		/* bytes, 0: none */
	u32 cpu_quota;			/* percent of one CPU, 0: none */
	u32 pids_limit;			/* 0: none */
	u32 namespaces;			/* SWARM_NS_* */
	u8 syscalls[SWARM_NR_SYSCALLS];	/* enum swarm_action */
	u8 nr_devices;
	u8 privileged;			/* 0 or 1 */
	u8 persist;			/* 0 or 1 */
	u8 core;			/* 0 or 1 */
	u8 pad[2];
	struct swarm_device_rule devices[SWARM_DEVICES_MAX];
	u8 propagation;			/* enum swarm_propagation */
	u8 devpts;			/* 0 or 1; 1 only with the mnt and user bits */
	u8 unlisted;			/* enum swarm_action, never SWARM_ALLOW */
	u8 oom_group;			/* 0 or 1 */
	u8 proc;			/* 0 or 1; 1 only with the pid, mnt and user bits */
	u8 network;			/* enum swarm_network; none only with net and user bits */
	u8 pad2[2];
	struct swarm_sockets sockets;
	u64 named[2];			/* what devices[] speaks of, the core's own */
	u64 calls[SWARM_CALL_WORDS];	/* an enum swarm_action of two bits for each call */
	u64 capabilities;		/* bits by their numbers; SWARM_CAPS_ALL: all */
	u8 no_new_privs;		/* 0 or 1 */
	u8 pad3[7];
	char hostname[SWARM_HOSTNAME_MAX];	/* NUL-padded; empty: of the agent's name */
};

/* A path of exec_paths, decoded, in the buffer given to swarm_request_parse. */
struct swarm_exec_path {
	u32 offset;
	u32 length;
};

/* One object written to "create". */
struct swarm_request {
	struct swarm_rules rules;
	s32 pid;			/* 0: none */
	s32 pidfd;			/* a descriptor of the writer's; -1: none */
	u8 spawn;			/* 0 or 1 */
	u8 nr_exec_paths;
	u8 after_exec;			/* 0 or 1; 1 only with pid or pidfd */
	u8 calls_named;			/* 0 or 1: any of rules.calls is */
	u8 pad[4];
	struct swarm_exec_path exec_paths[SWARM_EXEC_PATHS_MAX];	/* nr_exec_paths of them */
	char name[SWARM_NAME_MAX + 1];	/* NUL-padded, empty: none */
	u64 named_calls[SWARM_CALL_WORDS];	/* which are, if any: the core's own */
};

/* One object written to "update". */
struct swarm_update {
	u64 id;
	u16 keys;			/* bits: enum swarm_update_key */
	u8 syscalls;			/* bits: enum swarm_syscall, the rules that are named */
	u8 frozen;			/* 0 or 1 */
	u8 pad[4];
	struct swarm_request request;	/* the values: of which rules and exec_paths count */
};

/* Why an object was refused; texts are NUL-terminated, what the core writes is printable ASCII. */
struct swarm_policy_error {
	s32 error;			/* positive errno: EINVAL (22) or E2BIG (7) */
	u32 offset;			/* bytes from the start of the object */
	char field[32];			/* the key, empty where no key is at fault */
	char message[192];		/* what was wrong and what to do */
};

/* An object written to "attach": {"id":7,"pid":1234}, or {"id":7,"pidfd":3}. */
struct swarm_attach {
	u64 id;
	s32 pid;		/* 0: none */
	s32 pidfd;		/* a descriptor of the writer's; -1: none */
	u8 after_exec;		/* 0 or 1 */
	u8 enters;		/* 0 or 1 */
	u8 pad[6];
};

/*
 * Finds the next object in a stream of objects that may be cut anywhere.
 * Zero-initialise before the first byte, but for @lines.
 */
struct swarm_framer {
	u32 length;		/* bytes of the current object so far */
	u16 depth;		/* of braces and brackets */
	u8 state;		/* the core's own */
	u8 lines;		/* not 0: what begins no object is a line, taken as one */
};

enum swarm_frame {
	SWARM_FRAME_MORE = 0,	/* all bytes taken; the object goes on, or there is none yet */
	SWARM_FRAME_OBJECT = 1,	/* an object ends with the last byte taken */
	SWARM_FRAME_ERROR = 2,	/* no object can begin or go on here; *err says why */
};

/**
 * swarm_frame_next - take bytes up to the end of the next object
 * @framer: the state between calls
 * @buf: bytes to look at
 * @len: number of bytes
 * @start: set to the index in @buf of the first byte that belongs to the object
 *	   (0 where it began in an earlier call)
 * @taken: set to the number of bytes taken; they are not to be passed again
 * @err: filled when the answer is SWARM_FRAME_ERROR
 *
 * White space between objects is taken silently. After an error the framer has
 * skipped to a place where the next object can begin: the rest of the line for
 * bytes that begin no object, a raw control byte in a string and nesting deeper
 * than the interface uses; the end of the object for one that is too long (E2BIG).
 *
 * With @framer->lines a line may stand for an object, which ends with its newline but is
 * without it; it may have 64 bytes. @framer->length says whether any of an object or a
 * line waits for its end.
 *
 * Return: enum swarm_frame.
 */
s32 swarm_frame_next(struct swarm_framer *framer, const u8 *buf, size_t len,
		     size_t *start, size_t *taken, struct swarm_policy_error *err);

/**
 * swarm_request_parse - parse and validate one object of "create"
 * @buf: the object, from its opening to its closing brace
 * @len: its length in bytes
 * @nr_cpus: number of CPUs, which bounds cpu_quota at 100 times that
 * @out: the request; of no meaning after an error
 * @paths: receives the decoded exec_paths one behind the other
 * @paths_len: size of @paths; SWARM_OBJECT_MAX always suffices
 * @err: filled after an error
 *
 * Return: 0, or a negative errno, which is also -@err->error.
 */
s32 swarm_request_parse(const u8 *buf, size_t len, u32 nr_cpus, struct swarm_request *out,
			u8 *paths, size_t paths_len, struct swarm_policy_error *err);

/**
 * swarm_update_parse - parse and validate one object of "update"
 *
 * As swarm_request_parse().
 */
s32 swarm_update_parse(const u8 *buf, size_t len, u32 nr_cpus, struct swarm_update *out,
		       u8 *paths, size_t paths_len, struct swarm_policy_error *err);

/**
 * swarm_update_apply - change rules as an update says; what it does not name stays
 */
void swarm_update_apply(const struct swarm_update *update, struct swarm_rules *rules);

/**
 * swarm_attach_parse - parse and validate one object of "attach"
 * Return: 0, or a negative errno.
 */
s32 swarm_attach_parse(const u8 *buf, size_t len, struct swarm_attach *out,
		       struct swarm_policy_error *err);

/**
 * swarm_target_parse - parse an object that names an agent and nothing else: {"id":7}
 * Return: 0, or a negative errno.
 */
s32 swarm_target_parse(const u8 *buf, size_t len, u64 *id, struct swarm_policy_error *err);

/**
 * swarm_id_parse - parse one line of "destroy" or "inspect": a decimal id
 * @taken: set to the number of bytes of the line, its newline included
 * Blank lines yield id 0. Ids lie in 1 to 2^53 - 1.
 * Return: 0, or a negative errno.
 */
s32 swarm_id_parse(const u8 *buf, size_t len, u64 *id, size_t *taken,
		   struct swarm_policy_error *err);

/**
 * swarm_device_allowed - do the rules allow this access to a device?
 * @type: SWARM_DEV_BLOCK or SWARM_DEV_CHAR
 * @access: SWARM_ACC_* or-ed; every bit must be allowed, by one rule or by several
 * Return: 1 or 0.
 */
s32 swarm_device_allowed(const struct swarm_rules *rules, u32 type, u32 major, u32 minor,
			 u32 access);

/**
 * swarm_socket_allowed - do the rules allow this socket?
 * @family: as socket(2) takes it
 * @type: likewise, without flags
 * @protocol: likewise
 * Return: 1 or 0.
 */
s32 swarm_socket_allowed(const struct swarm_rules *rules, u32 family, u32 type, u32 protocol);

/**
 * swarm_sockets_unix_only - do the rules allow unix sockets alone, or none?
 * Return: 1 or 0.
 */
s32 swarm_sockets_unix_only(const struct swarm_rules *rules);

/**
 * swarm_socket_protocol - the protocol of such a socket, where 0 stands for a type's usual one
 */
u32 swarm_socket_protocol(u32 family, u32 type, u32 protocol);

/**
 * swarm_clone_flags - the kernel's CLONE_NEW* bits for bits of namespace_flags
 */
u64 swarm_clone_flags(u32 namespaces);

/* What rules say about a system call, by its number. */
static inline enum swarm_action swarm_call_rule(const struct swarm_rules *rules, u32 call)
{
	return (enum swarm_action)((rules->calls[call / 32] >> (call % 32 * 2)) & 3);
}

static_assert(sizeof(struct swarm_device_rule) == 12);
static_assert(sizeof(struct swarm_sockets) == 48);
static_assert(sizeof(struct swarm_rules) == 472);
static_assert(sizeof(struct swarm_request) == 680);
static_assert(sizeof(struct swarm_update) == 696);
static_assert(sizeof(struct swarm_policy_error) == 232);
static_assert(sizeof(struct swarm_attach) == 24);
static_assert(sizeof(struct swarm_framer) == 8);

#endif
