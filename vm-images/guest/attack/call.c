// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * call NAME|NUMBER|32:NUMBER... — enter system calls with arguments that no call can do
 * anything with (-1), and say how each went: "ok", or the name of the errno. With 32: by
 * int 0x80, as 32-bit programs do, on x86 alone.
 *
 *   call --first N NAME...       with N as the first argument
 *   call --during FILE NAME      over and over until FILE is there; prints how often it
 *                                was refused and how often it was not:
 *                                {"refused":N,"others":N}
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "files.h"

static const struct {
	const char *name;
	long number;
} names[] = {
#ifdef SYS_mount
	{ "mount", SYS_mount },
#endif
#ifdef SYS_umount2
	{ "umount2", SYS_umount2 },
#endif
#ifdef SYS_pivot_root
	{ "pivot_root", SYS_pivot_root },
#endif
#ifdef SYS_reboot
	{ "reboot", SYS_reboot },
#endif
#ifdef SYS_swapon
	{ "swapon", SYS_swapon },
#endif
#ifdef SYS_swapoff
	{ "swapoff", SYS_swapoff },
#endif
#ifdef SYS_init_module
	{ "init_module", SYS_init_module },
#endif
#ifdef SYS_delete_module
	{ "delete_module", SYS_delete_module },
#endif
#ifdef SYS_quotactl
	{ "quotactl", SYS_quotactl },
#endif
#ifdef SYS_settimeofday
	{ "settimeofday", SYS_settimeofday },
#endif
#ifdef SYS_adjtimex
	{ "adjtimex", SYS_adjtimex },
#endif
#ifdef SYS_syslog
	{ "syslog", SYS_syslog },
#endif
#ifdef SYS_acct
	{ "acct", SYS_acct },
#endif
#ifdef SYS_add_key
	{ "add_key", SYS_add_key },
#endif
#ifdef SYS_request_key
	{ "request_key", SYS_request_key },
#endif
#ifdef SYS_keyctl
	{ "keyctl", SYS_keyctl },
#endif
#ifdef SYS_kexec_load
	{ "kexec_load", SYS_kexec_load },
#endif
#ifdef SYS_mbind
	{ "mbind", SYS_mbind },
#endif
#ifdef SYS_get_mempolicy
	{ "get_mempolicy", SYS_get_mempolicy },
#endif
#ifdef SYS_ustat
	{ "ustat", SYS_ustat },
#endif
#ifdef SYS_sysfs
	{ "sysfs", SYS_sysfs },
#endif
#ifdef SYS_lsm_get_self_attr
	{ "lsm_get_self_attr", SYS_lsm_get_self_attr },
#endif
#ifdef SYS_lsm_set_self_attr
	{ "lsm_set_self_attr", SYS_lsm_set_self_attr },
#endif
#ifdef SYS_lsm_list_modules
	{ "lsm_list_modules", SYS_lsm_list_modules },
#endif
#ifdef SYS_set_mempolicy
	{ "set_mempolicy", SYS_set_mempolicy },
#endif
#ifdef SYS_migrate_pages
	{ "migrate_pages", SYS_migrate_pages },
#endif
#ifdef SYS_move_pages
	{ "move_pages", SYS_move_pages },
#endif
#ifdef SYS_perf_event_open
	{ "perf_event_open", SYS_perf_event_open },
#endif
#ifdef SYS_fanotify_init
	{ "fanotify_init", SYS_fanotify_init },
#endif
#ifdef SYS_open_by_handle_at
	{ "open_by_handle_at", SYS_open_by_handle_at },
#endif
#ifdef SYS_clock_adjtime
	{ "clock_adjtime", SYS_clock_adjtime },
#endif
#ifdef SYS_clock_settime
	{ "clock_settime", SYS_clock_settime },
#endif
#ifdef SYS_kcmp
	{ "kcmp", SYS_kcmp },
#endif
#ifdef SYS_finit_module
	{ "finit_module", SYS_finit_module },
#endif
#ifdef SYS_bpf
	{ "bpf", SYS_bpf },
#endif
#ifdef SYS_userfaultfd
	{ "userfaultfd", SYS_userfaultfd },
#endif
#ifdef SYS_io_uring_setup
	{ "io_uring_setup", SYS_io_uring_setup },
#endif
#ifdef SYS_io_uring_enter
	{ "io_uring_enter", SYS_io_uring_enter },
#endif
#ifdef SYS_io_uring_register
	{ "io_uring_register", SYS_io_uring_register },
#endif
#ifdef SYS_open_tree
	{ "open_tree", SYS_open_tree },
#endif
#ifdef SYS_move_mount
	{ "move_mount", SYS_move_mount },
#endif
#ifdef SYS_fsopen
	{ "fsopen", SYS_fsopen },
#endif
#ifdef SYS_fsconfig
	{ "fsconfig", SYS_fsconfig },
#endif
#ifdef SYS_fsmount
	{ "fsmount", SYS_fsmount },
#endif
#ifdef SYS_fspick
	{ "fspick", SYS_fspick },
#endif
#ifdef SYS_pidfd_getfd
	{ "pidfd_getfd", SYS_pidfd_getfd },
#endif
#ifdef SYS_process_madvise
	{ "process_madvise", SYS_process_madvise },
#endif
#ifdef SYS_mount_setattr
	{ "mount_setattr", SYS_mount_setattr },
#endif
#ifdef SYS_quotactl_fd
	{ "quotactl_fd", SYS_quotactl_fd },
#endif
#ifdef SYS_uselib
	{ "uselib", SYS_uselib },
#endif
#ifdef SYS_vhangup
	{ "vhangup", SYS_vhangup },
#endif
#ifdef SYS_iopl
	{ "iopl", SYS_iopl },
#endif
#ifdef SYS_ioperm
	{ "ioperm", SYS_ioperm },
#endif
#ifdef SYS_kexec_file_load
	{ "kexec_file_load", SYS_kexec_file_load },
#endif
#ifdef SYS_ptrace
	{ "ptrace", SYS_ptrace },
#endif
#ifdef SYS_process_vm_readv
	{ "process_vm_readv", SYS_process_vm_readv },
#endif
#ifdef SYS_process_vm_writev
	{ "process_vm_writev", SYS_process_vm_writev },
#endif
#ifdef SYS_getppid
	{ "getppid", SYS_getppid },
#endif
#ifdef SYS_openat
	{ "openat", SYS_openat },
#endif
#ifdef SYS_read
	{ "read", SYS_read },
#endif
#ifdef SYS_socket
	{ "socket", SYS_socket },
#endif
#ifdef SYS_getpid
	{ "getpid", SYS_getpid },
#endif
#ifdef SYS_getpgid
	{ "getpgid", SYS_getpgid },
#endif
#ifdef SYS_getsid
	{ "getsid", SYS_getsid },
#endif
	/* Newer than some headers. */
	{ "open_tree_attr", 467 },
	{ "listns", 470 },
	{ "set_mempolicy_home_node", 450 },
};

static long first = -1;

static long number_of(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(names[i].name, name))
			return names[i].number;
	return *name >= '0' && *name <= '9' ? atol(name) : -1;
}

static long enter32(long number)
{
#ifdef __x86_64__
	long ret;

	asm volatile("int $0x80" : "=a"(ret)
		     : "0"(number), "b"(first), "c"(-1L), "d"(-1L), "S"(-1L), "D"(-1L)
		     : "memory", "r8", "r9", "r10", "r11");
	if ((int)ret < 0) {
		errno = -(int)ret;
		return -1;
	}
	return ret;
#else
	(void)number;
	errno = ENOSYS;
	return -1;
#endif
}

static long enter(const char *what)
{
	long number;

	errno = 0;
	if (!strncmp(what, "32:", 3))
		return enter32(atol(what + 3));
	number = number_of(what);
	if (number < 0) {
		fprintf(stderr, "call: %s: unknown\n", what);
		exit(2);
	}
	return syscall(number, first, -1L, -1L, -1L, -1L, -1L);
}

static int enter_during(const char *file, const char *what)
{
	unsigned long refused = 0, others = 0;

	while (access(file, F_OK)) {
		if (enter(what) < 0 && errno == EPERM)
			refused++;
		else
			others++;
	}
	printf("{\"refused\":%lu,\"others\":%lu}\n", refused, others);
	return 0;
}

int main(int argc, char **argv)
{
	int i = 1;

	if (argc > 3 && !strcmp(argv[1], "--during"))
		return enter_during(argv[2], argv[3]);
	if (argc > 2 && !strcmp(argv[1], "--first")) {
		first = atol(argv[2]);
		i = 3;
	}
	for (; i < argc; i++) {
		printf("%s %s\n", argv[i], outcome(enter(argv[i])));
		fflush(stdout);
	}
	return 0;
}
