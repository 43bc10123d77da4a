// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * outside WHAT [ARGUMENT...] — what stands outside a container that "escape" runs
 * in, as bait or as witness.
 *
 *   victim [SECRET]          stays; prints the address of a string, and its pid
 *   peek PID ADDRESS         prints that string
 *   holders                  the processes that "escape --hold" has left waiting
 *   separate                 succeeds if they differ in a namespace
 *   holds TEXT               succeeds if one has a descriptor whose name has TEXT in it
 *   listen NAME FILE         accepts one connection on a path, @abstract or vsock:PORT,
 *                            puts what comes into FILE; prints its pid once it listens
 *   pass SOCKET FILE         passes FILE, open for writing, to who connects
 *   with-key NAME SECRET COMMAND...   with a key in a session keyring of its own
 *   user-key NAME SECRET     adds a key to the user's keyring
 *   handle FILE              prints its file handle
 *   terminal FILE COMMAND... runs COMMAND at a new terminal; FILE gets the number of
 *                            characters that were typed into it meanwhile
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/vm_sockets.h>
#include <pthread.h>
#include <pty.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define GATE "/srv/escape/gate"

static char text[16] = "untouched";

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static int peek(const char *pid, const char *address)
{
	char path[64], seen[sizeof(text)] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/mem", pid);
	fd = open(path, O_RDONLY);
	if (fd < 0 || pread(fd, seen, sizeof(seen) - 1, strtoul(address, NULL, 16)) < 0)
		return fail(path);
	puts(seen);
	return 0;
}

/* Calls each() for every descriptor of every process, with the link's name; stops where it answers. */
static int walk(int (*each)(const char *pid, const char *fd, const char *arg), const char *arg)
{
	DIR *processes = opendir("/proc");
	struct dirent *process, *fd;
	char path[600];

	while (processes && (process = readdir(processes))) {
		DIR *fds;
		int found = 0;

		if (*process->d_name < '0' || *process->d_name > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/fd", process->d_name);
		fds = opendir(path);
		while (fds && !found && (fd = readdir(fds))) {
			snprintf(path, sizeof(path), "/proc/%s/fd/%s", process->d_name, fd->d_name);
			found = each(process->d_name, path, arg);
		}
		if (fds)
			closedir(fds);
	}
	if (processes)
		closedir(processes);
	return 0;
}

static struct stat gate;
static char holders[64][16];
static int nr_holders;

static int is_holder(const char *pid, const char *fd, const char *arg)
{
	struct stat st;

	(void)arg;
	if (stat(fd, &st) || st.st_ino != gate.st_ino || st.st_dev != gate.st_dev ||
	    nr_holders == 64)
		return 0;
	/* Who keeps the gate has it open for writing too: the link's mode tells. */
	if (lstat(fd, &st) || st.st_mode & 0200)
		return 0;
	strncpy(holders[nr_holders++], pid, 15);
	return 1;
}

static int find_holders(void)
{
	if (stat(GATE, &gate))
		return fail(GATE);
	return walk(is_holder, NULL);
}

static int separate(void)
{
	static const char *const kinds[] = { "mnt", "cgroup", "uts",  "ipc", "user", "pid",
					     "net", "time",   "pid_for_children",
					     "time_for_children" };
	unsigned int kind;
	int i, differ = 1;

	for (kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++) {
		char first[64] = "", other[64], path[64];

		for (i = 0; i < nr_holders; i++) {
			ssize_t n;

			snprintf(path, sizeof(path), "/proc/%.15s/ns/%s", holders[i],
				 kinds[kind]);
			n = readlink(path, other, sizeof(other) - 1);
			other[n < 0 ? 0 : n] = 0;
			if (!i)
				strcpy(first, other);
			if (strcmp(first, other)) {
				puts(kinds[kind]);
				differ = 0;
				break;
			}
		}
	}
	return differ;
}

static int found_text;

static int has_text(const char *pid, const char *fd, const char *arg)
{
	char name[256];
	ssize_t n = readlink(fd, name, sizeof(name) - 1);
	int i;

	name[n < 0 ? 0 : n] = 0;
	for (i = 0; i < nr_holders; i++) {
		if (!strcmp(holders[i], pid) && strstr(name, arg))
			found_text = 1;
	}
	return 0;
}

static int listener(const char *name)
{
	union {
		struct sockaddr any;
		struct sockaddr_un un;
		struct sockaddr_vm vm;
	} address = {};
	socklen_t length = sizeof(address.vm);
	int fd;

	if (!strncmp(name, "vsock:", 6)) {
		address.vm.svm_family = AF_VSOCK;
		address.vm.svm_cid = VMADDR_CID_ANY;
		address.vm.svm_port = atoi(name + 6);
	} else {
		address.un.sun_family = AF_UNIX;
		strncpy(address.un.sun_path, name, sizeof(address.un.sun_path) - 1);
		length = offsetof(struct sockaddr_un, sun_path) + strlen(name);
		if (*name == '@')
			address.un.sun_path[0] = 0;
		else
			length++;
		unlink(name);
	}
	fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, &address.any, length) || listen(fd, 1))
		return -1;
	if (*name == '/')
		chmod(name, 0666);
	return fd;
}

/* Goes on in the background; the caller knows that it listens. */
static void detach(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid > 0) {
		printf("%d\n", pid);
		exit(0);
	}
	setsid();
	freopen("/dev/null", "r+", stdin);
	freopen("/dev/null", "r+", stdout);
	freopen("/dev/null", "r+", stderr);
}

static void victim(void)
{
	int kmsg = open("/srv/escape/kmsg", O_WRONLY);

	/* A descriptor that is worth stealing. */
	if (kmsg >= 0)
		dup2(kmsg, 9);
	printf("%lx ", (unsigned long)text);
	detach();
	for (;;)
		pause();
}

static int listen_to(const char *name, const char *path)
{
	int fd = listener(name), out, peer;
	char bytes[256];
	ssize_t n;

	if (fd < 0)
		return fail(name);
	detach();
	peer = accept(fd, NULL, NULL);
	n = peer < 0 ? -1 : read(peer, bytes, sizeof(bytes));
	out = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	return out < 0 || n < 0 || write(out, bytes, n) < 0;
}

static int pass(const char *name, const char *path)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .header = { .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
				  .cmsg_len = CMSG_LEN(sizeof(int)) } };
	char byte = 'x';
	struct iovec data = { &byte, 1 };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	int fd = listener(name), given = open(path, O_WRONLY | O_NOCTTY), peer;

	if (fd < 0 || given < 0)
		return fail(path);
	*(int *)CMSG_DATA(&control.header) = given;
	detach();
	peer = accept(fd, NULL, NULL);
	return peer < 0 || sendmsg(peer, &message, 0) < 0 || read(peer, &byte, 1) < 0;
}

static long add_key(int keyring, const char *name, const char *secret)
{
	return syscall(SYS_add_key, "user", name, secret, strlen(secret), keyring);
}

static int handle(const char *path)
{
	union {
		struct file_handle handle;
		char bytes[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} u = { .handle.handle_bytes = MAX_HANDLE_SZ };
	int mount;
	unsigned int i;

	if (name_to_handle_at(AT_FDCWD, path, &u.handle, &mount, 0))
		return fail(path);
	printf("%d:", u.handle.handle_type);
	for (i = 0; i < u.handle.handle_bytes; i++)
		printf("%02x", u.handle.f_handle[i]);
	puts("");
	return 0;
}

static int terminal(const char *path, char **argv)
{
	int master, slave, typed = -1;
	FILE *file;
	pid_t pid;

	if (openpty(&master, &slave, NULL, NULL, NULL))
		return fail("openpty");
	pid = fork();
	if (!pid) {
		setsid();
		ioctl(slave, TIOCSCTTY, 0);
		dup2(slave, 0);
		execvp(argv[0], argv);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
	ioctl(slave, FIONREAD, &typed);
	file = fopen(path, "w");
	if (!file)
		return fail(path);
	fprintf(file, "%d\n", typed);
	return fclose(file);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int i;

	if (!strcmp(what, "holders")) {
		find_holders();
		for (i = 0; i < nr_holders; i++)
			puts(holders[i]);
		return !nr_holders;
	}
	if (!strcmp(what, "separate")) {
		find_holders();
		return separate();
	}
	if (!strcmp(what, "victim"))
		victim();
	if (!strcmp(what, "peek") && argc > 3)
		return peek(argv[2], argv[3]);
	if (!strcmp(what, "holds") && argc > 2) {
		find_holders();
		walk(has_text, argv[2]);
		return !found_text;
	}
	if (!strcmp(what, "listen") && argc > 3)
		return listen_to(argv[2], argv[3]);
	if (!strcmp(what, "pass") && argc > 3)
		return pass(argv[2], argv[3]);
	if (!strcmp(what, "handle") && argc > 2)
		return handle(argv[2]);
	if (!strcmp(what, "user-key") && argc > 3)
		return add_key(KEY_SPEC_USER_KEYRING, argv[2], argv[3]) < 0 ? fail("add_key") : 0;
	if (!strcmp(what, "with-key") && argc > 4) {
		if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 ||
		    add_key(KEY_SPEC_SESSION_KEYRING, argv[2], argv[3]) < 0)
			return fail("key");
		execvp(argv[4], argv + 4);
		return fail(argv[4]);
	}
	if (!strcmp(what, "terminal") && argc > 3)
		return terminal(argv[2], argv + 3);
	fprintf(stderr, "outside: %s: unknown or without its arguments\n", what);
	return 2;
}
