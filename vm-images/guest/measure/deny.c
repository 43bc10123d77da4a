// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * deny BY ROLE ROUNDS — what calls cost under something that denies, in a guest
 * whose time-stamp counter counts instructions. A line of JSON for each call: the least,
 * the median and the most of so many rounds, from before the system call to behind it,
 * and what it answered.
 *
 * BY is what denies:
 *   none           nothing, or an agent's policy
 *   seccomp        a filter of this process
 *   lsm            BPF programs on two LSM hooks, that look this process up in a hash
 *   cgroup         a BPF program for the devices of a cgroup
 *   apparmor       a profile, bench-allow or bench-deny, that is loaded already
 *   FILE           a module with a file that 0 or 1 is written to
 * ROLE is what this process is to it:
 *   outside        it is there, for others
 *   allow          it may do everything below but open /dev/kmsg
 *   deny           nor may it execute anything
 *
 * Nothing is executed after it is in force, so that nothing else is denied.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "counting.h"
#include "files.h"

#ifdef __x86_64__
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#else
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#endif

#define EMPTY "/srv/empty"

enum role { OUTSIDE, ALLOW, DENY };

/* Devices that everyone may use, as SwarmGuard's default: null zero full random urandom tty ptmx. */
static const unsigned int devices[][2] = {
	{ 1, 3 }, { 1, 5 }, { 1, 7 }, { 1, 8 }, { 1, 9 }, { 5, 0 }, { 5, 2 },
};

#define NR_DEVICES (sizeof(devices) / sizeof(*devices))

/* seccomp: a filter sees numbers, neither the path of what is executed nor which device is opened. */
static void seccomp(enum role role)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, role == DENY ? SYS_execve : SYS_unshare, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, role == DENY ? SYS_execveat : SYS_setns, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	};
	struct sock_fprog program = { .len = sizeof(filter) / sizeof(*filter), .filter = filter };

	if (role == OUTSIDE)
		return;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program))
		die("seccomp");
}

static int bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static int hash_map(unsigned int entries)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_HASH,
		.key_size = 4,
		.value_size = 4,
		.max_entries = entries,
	};
	int fd = bpf(BPF_MAP_CREATE, &attr);

	if (fd < 0)
		die("a map");
	return fd;
}

static void put(int map, unsigned int key, unsigned int value)
{
	union bpf_attr attr = {
		.map_fd = map,
		.key = (unsigned long)&key,
		.value = (unsigned long)&value,
	};

	if (bpf(BPF_MAP_UPDATE_ELEM, &attr))
		die("an entry of a map");
}

/* As the kernel keeps device numbers in an inode. */
static int device_map(void)
{
	int map = hash_map(16);
	unsigned int i;

	for (i = 0; i < NR_DEVICES; i++)
		put(map, devices[i][0] << 20 | devices[i][1], 1);
	return map;
}

#define INSN(c, d, s, o, i) \
	((struct bpf_insn){ .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) })
#define MOV(d, s) INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define MOV_IMM(d, i) INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define ALU_IMM(op, d, i) INSN(BPF_ALU64 | (op) | BPF_K, d, 0, 0, i)
#define LOAD(size, d, s, o) INSN(BPF_LDX | (size) | BPF_MEM, d, s, o, 0)
#define STORE(size, d, s, o) INSN(BPF_STX | (size) | BPF_MEM, d, s, o, 0)
#define JUMP_IMM(op, d, i, o) INSN(BPF_JMP | (op) | BPF_K, d, 0, o, i)
#define CALL(f) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, f)
#define EXIT() INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
#define MAP(d, fd) \
	INSN(BPF_LD | BPF_DW | BPF_IMM, d, BPF_PSEUDO_MAP_FD, 0, fd), INSN(0, 0, 0, 0, 0)
/* r0: the value in a map of the key that lies on the stack, or NULL. */
#define LOOK_UP(map) \
	MAP(BPF_REG_1, map), MOV(BPF_REG_2, BPF_REG_10), ALU_IMM(BPF_ADD, BPF_REG_2, -4), \
	CALL(BPF_FUNC_map_lookup_elem)
/* r0: what the policy says of this process, or NULL. */
#define LOOK_UP_PROCESS(map) \
	CALL(BPF_FUNC_get_current_pid_tgid), ALU_IMM(BPF_RSH, BPF_REG_0, 32), \
	STORE(BPF_W, BPF_REG_10, BPF_REG_0, -4), LOOK_UP(map)

static int load(int type, int hook, int function, const struct bpf_insn *insns, size_t bytes)
{
	static char log[65536];
	union bpf_attr attr = {
		.prog_type = type,
		.expected_attach_type = hook,
		.attach_btf_id = function,
		.insns = (unsigned long)insns,
		.insn_cnt = bytes / sizeof(*insns),
		.license = (unsigned long)"Dual MIT/GPL",
		.log_buf = (unsigned long)log,
		.log_size = sizeof(log),
		.log_level = 1,
	};
	int fd = bpf(BPF_PROG_LOAD, &attr);

	if (fd < 0) {
		fputs(log, stderr);
		die("a program");
	}
	return fd;
}

/* Stays until this process ends. */
static void attach(int program, int target, int hook)
{
	union bpf_attr attr = {
		.link_create = { .prog_fd = program, .target_fd = target, .attach_type = hook },
	};

	if (bpf(BPF_LINK_CREATE, &attr) < 0)
		die("attaching a program");
}

/* The kernel's own description of its types. */
static struct btf_header *btf;

static void read_btf(void)
{
	size_t size = 0, room = 64 << 20;
	int fd = open_or_die("/sys/kernel/btf/vmlinux", O_RDONLY);
	ssize_t n;

	btf = malloc(room);
	if (!btf)
		die("memory");
	while ((n = read(fd, (char *)btf + size, room - size)) > 0)
		size += n;
	close(fd);
}

static size_t size_of(const struct btf_type *type)
{
	unsigned int nr = BTF_INFO_VLEN(type->info);

	switch (BTF_INFO_KIND(type->info)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		return sizeof(*type) + 4;
	case BTF_KIND_ARRAY:
		return sizeof(*type) + sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return sizeof(*type) + nr * sizeof(struct btf_member);
	case BTF_KIND_ENUM:
		return sizeof(*type) + nr * sizeof(struct btf_enum);
	case BTF_KIND_ENUM64:
		return sizeof(*type) + nr * sizeof(struct btf_enum64);
	case BTF_KIND_FUNC_PROTO:
		return sizeof(*type) + nr * sizeof(struct btf_param);
	case BTF_KIND_DATASEC:
		return sizeof(*type) + nr * sizeof(struct btf_var_secinfo);
	default:
		return sizeof(*type);
	}
}

/* The number of a type, by its kind and name. */
static int find(unsigned int kind, const char *name, const struct btf_type **found)
{
	const char *text = (char *)btf + btf->hdr_len + btf->str_off;
	const char *at = (char *)btf + btf->hdr_len + btf->type_off, *end = at + btf->type_len;
	int id;

	for (id = 1; at < end; id++) {
		const struct btf_type *type = (const void *)at;

		if (BTF_INFO_KIND(type->info) == kind && !strcmp(text + type->name_off, name)) {
			*found = type;
			return id;
		}
		at += size_of(type);
	}
	errno = ENOENT;
	die("no %s", name);
}

static int offset_of(const char *structure, const char *name)
{
	const char *text = (char *)btf + btf->hdr_len + btf->str_off;
	const struct btf_member *member;
	const struct btf_type *type;
	unsigned int i;

	find(BTF_KIND_STRUCT, structure, &type);
	member = (const void *)(type + 1);
	for (i = 0; i < BTF_INFO_VLEN(type->info); i++)
		if (!strcmp(text + member[i].name_off, name))
			return BTF_MEMBER_BIT_OFFSET(member[i].offset) / 8;
	errno = ENOENT;
	die("no %s", name);
}

static void attach_lsm(const char *function, const struct bpf_insn *insns, size_t bytes)
{
	const struct btf_type *type;
	int id = find(BTF_KIND_FUNC, function, &type);

	attach(load(BPF_PROG_TYPE_LSM, BPF_LSM_MAC, id, insns, bytes), 0, BPF_LSM_MAC);
}

static void lsm(enum role role)
{
	int processes, known;

	read_btf();
	processes = hash_map(200000);
	known = device_map();
	/* 1 is another, so that there is something to look through. */
	put(processes, role == OUTSIDE ? 1 : getpid(), role == DENY);

	const struct bpf_insn exec[] = {
		LOOK_UP_PROCESS(processes),
		JUMP_IMM(BPF_JEQ, BPF_REG_0, 0, 4),
		LOAD(BPF_W, BPF_REG_0, BPF_REG_0, 0),
		JUMP_IMM(BPF_JEQ, BPF_REG_0, 0, 2),
		MOV_IMM(BPF_REG_0, -EPERM),
		EXIT(),
		MOV_IMM(BPF_REG_0, 0),
		EXIT(),
	};
	const struct bpf_insn open[] = {
		LOAD(BPF_DW, BPF_REG_6, BPF_REG_1, 0),
		LOOK_UP_PROCESS(processes),
		JUMP_IMM(BPF_JEQ, BPF_REG_0, 0, 12),
		LOAD(BPF_DW, BPF_REG_6, BPF_REG_6, offset_of("file", "f_inode")),
		LOAD(BPF_W, BPF_REG_6, BPF_REG_6, offset_of("inode", "i_rdev")),
		JUMP_IMM(BPF_JEQ, BPF_REG_6, 0, 9),
		STORE(BPF_W, BPF_REG_10, BPF_REG_6, -4),
		LOOK_UP(known),
		JUMP_IMM(BPF_JNE, BPF_REG_0, 0, 2),
		MOV_IMM(BPF_REG_0, -EPERM),
		EXIT(),
		MOV_IMM(BPF_REG_0, 0),
		EXIT(),
	};

	attach_lsm("bpf_lsm_bprm_check_security", exec, sizeof(exec));
	attach_lsm("bpf_lsm_file_open", open, sizeof(open));
}

static void cgroup(enum role role)
{
	const char *path = "/sys/fs/cgroup/bench-peer";
	int known = device_map(), fd;

	const struct bpf_insn device[] = {
		LOAD(BPF_W, BPF_REG_2, BPF_REG_1, offsetof(struct bpf_cgroup_dev_ctx, major)),
		LOAD(BPF_W, BPF_REG_3, BPF_REG_1, offsetof(struct bpf_cgroup_dev_ctx, minor)),
		ALU_IMM(BPF_LSH, BPF_REG_2, 20),
		INSN(BPF_ALU64 | BPF_OR | BPF_X, BPF_REG_2, BPF_REG_3, 0, 0),
		STORE(BPF_W, BPF_REG_10, BPF_REG_2, -4),
		LOOK_UP(known),
		JUMP_IMM(BPF_JEQ, BPF_REG_0, 0, 1),
		MOV_IMM(BPF_REG_0, 1),
		EXIT(),
	};

	if (mkdir(path, 0755) && errno != EEXIST)
		die("%s", path);
	fd = open(path, O_DIRECTORY);
	attach(load(BPF_PROG_TYPE_CGROUP_DEVICE, BPF_CGROUP_DEVICE, 0, device, sizeof(device)), fd,
	       BPF_CGROUP_DEVICE);
	if (role != OUTSIDE)
		write_file("/sys/fs/cgroup/bench-peer/cgroup.procs", "0");
}

static void put_in_force(const char *by, enum role role)
{
	const char *profile = role == DENY ? "changeprofile bench-deny" : "changeprofile bench-allow";

	if (!strcmp(by, "seccomp"))
		seccomp(role);
	else if (!strcmp(by, "lsm"))
		lsm(role);
	else if (!strcmp(by, "cgroup"))
		cgroup(role);
	else if (!strcmp(by, "none") || role == OUTSIDE)
		return;
	else if (!strcmp(by, "apparmor"))
		write_file("/proc/self/attr/apparmor/current", profile);
	else
		write_file(by, role == DENY ? "1" : "0");
}

static u64 opened(const char *path)
{
	u64 start = now(), end;
	int fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY), error = errno;

	end = now();
	if (fd >= 0)
		close(fd);
	errno = fd >= 0 ? 0 : error;
	return end - start;
}

static u64 executed(void)
{
	char *argv[] = { EMPTY, NULL }, *envp[] = { NULL };
	u64 start = now();

	syscall(SYS_execve, EMPTY, argv, envp);
	return now() - start;
}

static u64 nothing(void)
{
	u64 start = now();

	errno = 0;
	syscall(SYS_getppid);
	return now() - start;
}

static const char *const calls[] = { "getppid", "file", "null", "kmsg", "exec" };

static u64 once(int call)
{
	switch (call) {
	case 0:
		return nothing();
	case 1:
		return opened(EMPTY);
	case 2:
		return opened("/dev/null");
	case 3:
		return opened("/dev/kmsg");
	default:
		return executed();
	}
}

static u64 rounds[ROUNDS_MAX];

static void measure(int call, int nr)
{
	const char *answer;
	int i;

	/* What is only slow the first time. */
	for (i = 0; i < 5; i++)
		once(call);
	answer = errno ? strerrorname_np(errno) : "ok";
	for (i = 0; i < nr; i++)
		rounds[i] = once(call);
	report(calls[call], rounds, nr, answer);
}

int main(int argc, char **argv)
{
	int nr = argc == 4 ? atoi(argv[3]) : 0, call;
	enum role role;

	if (nr < 1 || nr > ROUNDS_MAX) {
		fputs("usage: deny BY outside|allow|deny ROUNDS\n", stderr);
		return 2;
	}
	role = !strcmp(argv[2], "deny") ? DENY : !strcmp(argv[2], "allow") ? ALLOW : OUTSIDE;
	put_in_force(argv[1], role);
	for (call = 0; call < 5; call++)
		measure(call, nr);
	return 0;
}
