// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * outside WHAT [ARGUMENT...] — what stands outside a container that "escape" runs
 * in, as bait or as witness.
 *
 *   victim [SECRET]          stays; prints the address of a string, and its pid:
 *                            {"address":"HEX","pid":N}
 *   peek PID ADDRESS         prints that string
 *   holders                  the processes that "escape --hold" has left waiting
 *   separate                 succeeds if they differ in a namespace
 *   holds TEXT               succeeds if one has a descriptor whose name has TEXT in it
 *   listen NAME FILE         accepts one connection on a path, @abstract or vsock:PORT,
 *                            puts what comes into FILE; prints its pid once it
 *                            listens: {"pid":N}
 *   pass SOCKET FILE         passes FILE, open for writing, to who connects
 *   with-key NAME SECRET COMMAND...   with a key in a session keyring of its own
 *   user-key NAME SECRET     adds a key to the user's keyring
 *   handle FILE              prints its file handle
 *   terminal FILE COMMAND... runs COMMAND at a new terminal; FILE gets the number of
 *                            characters that were typed into it meanwhile
 *   typist TEXT COMMAND...   runs COMMAND at a new terminal, into which TEXT was typed
 *   master FILE              opens a terminal, and puts into FILE what is written to
 *                            it; prints its number in /dev/pts as the address:
 *                            {"address":"N","pid":N}
 */
#define _GNU_SOURCE
#include <dirent.h>
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

#include "dispatch.h"
#include "files.h"

#define GATE "/srv/escape/gate"

static char text[16] = "untouched";

static int peek(char **arguments)
{
	char path[64], seen[sizeof(text)] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/mem", arguments[0]);
	fd = open_or_die(path, O_RDONLY);
	if (pread(fd, seen, sizeof(seen) - 1, strtoul(arguments[1], NULL, 16)) < 0)
		die("%s", path);
	puts(seen);
	return 0;
}

/* Calls each() for every descriptor of every process, with the link's name; stops where it answers. */
static void walk(int (*each)(const char *pid, const char *fd, const char *arg), const char *arg)
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

static void find_holders(void)
{
	if (stat(GATE, &gate))
		die("%s", GATE);
	walk(is_holder, NULL);
}

static int say_holders(char **unused)
{
	int i;

	(void)unused;
	find_holders();
	for (i = 0; i < nr_holders; i++)
		puts(holders[i]);
	return !nr_holders;
}

static int separate(char **unused)
{
	static const char *const kinds[] = { "mnt", "cgroup", "uts",  "ipc", "user", "pid",
					     "net", "time",   "pid_for_children",
					     "time_for_children" };
	unsigned int kind;
	int i, differ = 1;

	(void)unused;
	find_holders();
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

static int holds(char **arguments)
{
	find_holders();
	walk(has_text, arguments[0]);
	return !found_text;
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
		die("%s", name);
	if (*name == '/')
		chmod(name, 0666);
	return fd;
}

/*
 * Goes on in the background and prints its pid, by which the caller knows that it listens;
 * with an address, if it has one.
 */
static void detach(const char *address)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid > 0) {
		if (address)
			printf("{\"address\":\"%s\",\"pid\":%d}\n", address, pid);
		else
			printf("{\"pid\":%d}\n", pid);
		exit(0);
	}
	setsid();
	freopen("/dev/null", "r+", stdin);
	freopen("/dev/null", "r+", stdout);
	freopen("/dev/null", "r+", stderr);
}

static int victim(char **unused)
{
	int kmsg = open("/srv/escape/kmsg", O_WRONLY);
	char address[24];

	(void)unused;
	/* A descriptor that is worth stealing. */
	if (kmsg >= 0)
		dup2(kmsg, 9);
	snprintf(address, sizeof(address), "%lx", (unsigned long)text);
	detach(address);
	for (;;)
		pause();
	return 0;
}

static int listen_to(char **arguments)
{
	int fd = listener(arguments[0]), out, peer;
	char bytes[256];
	ssize_t n;

	detach(NULL);
	peer = accept(fd, NULL, NULL);
	n = peer < 0 ? -1 : read(peer, bytes, sizeof(bytes));
	out = open(arguments[1], O_WRONLY | O_CREAT | O_TRUNC, 0644);
	return out < 0 || n < 0 || write(out, bytes, n) < 0;
}

static int pass(char **arguments)
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
	int fd = listener(arguments[0]), peer;

	*(int *)CMSG_DATA(&control.header) = open_or_die(arguments[1], O_WRONLY | O_NOCTTY);
	detach(NULL);
	peer = accept(fd, NULL, NULL);
	return peer < 0 || sendmsg(peer, &message, 0) < 0 || read(peer, &byte, 1) < 0;
}

static void add_key(int keyring, const char *name, const char *secret)
{
	if (syscall(SYS_add_key, "user", name, secret, strlen(secret), keyring) < 0)
		die("add_key");
}

static int user_key(char **arguments)
{
	add_key(KEY_SPEC_USER_KEYRING, arguments[0], arguments[1]);
	return 0;
}

static int with_key(char **arguments)
{
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0)
		die("keyctl");
	add_key(KEY_SPEC_SESSION_KEYRING, arguments[0], arguments[1]);
	execvp(arguments[2], arguments + 2);
	die("%s", arguments[2]);
}

static int handle(char **arguments)
{
	union {
		struct file_handle handle;
		char bytes[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} u = { .handle.handle_bytes = MAX_HANDLE_SZ };
	int mount;
	unsigned int i;

	if (name_to_handle_at(AT_FDCWD, arguments[0], &u.handle, &mount, 0))
		die("%s", arguments[0]);
	printf("%d:", u.handle.handle_type);
	for (i = 0; i < u.handle.handle_bytes; i++)
		printf("%02x", u.handle.f_handle[i]);
	puts("");
	return 0;
}

/* Runs a command at a new terminal, where @text was typed before. Returns its slave. */
static int at_terminal(const char *text, char **command)
{
	int master, slave;
	pid_t pid;

	if (openpty(&master, &slave, NULL, NULL, NULL))
		die("openpty");
	if (write(master, text, strlen(text)) < 0)
		die("write");
	pid = fork();
	if (!pid) {
		setsid();
		ioctl(slave, TIOCSCTTY, 0);
		dup2(slave, 0);
		close(slave);
		close(master);
		execvp(command[0], command);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
	return slave;
}

static int typist(char **arguments)
{
	char line[64];

	snprintf(line, sizeof(line), "%s\n", arguments[0]);
	at_terminal(line, arguments + 1);
	return 0;
}

static int master(char **arguments)
{
	int file = open_or_die(arguments[0], O_WRONLY), end = posix_openpt(O_RDWR | O_NOCTTY), slave;
	char number[16], bytes[256];
	ssize_t n;

	if (end < 0 || grantpt(end) || unlockpt(end))
		die("ptmx");
	slave = open_or_die(ptsname(end), O_RDWR | O_NOCTTY);
	snprintf(number, sizeof(number), "%s", strrchr(ptsname(end), '/') + 1);
	detach(number);
	while ((n = read(end, bytes, sizeof(bytes))) > 0) {
		if (write(file, bytes, n) < 0)
			break;
	}
	return slave < 0;
}

static int terminal(char **arguments)
{
	int slave = at_terminal("", arguments + 1), typed = -1;
	FILE *file;

	ioctl(slave, FIONREAD, &typed);
	file = fopen(arguments[0], "w");
	if (!file)
		die("%s", arguments[0]);
	fprintf(file, "%d\n", typed);
	return fclose(file);
}

static const struct word words[] = {
	{ "victim", 0, victim, "[SECRET]" },
	{ "peek", 2, peek, "PID ADDRESS" },
	{ "holders", 0, say_holders, NULL },
	{ "separate", 0, separate, NULL },
	{ "holds", 1, holds, "TEXT" },
	{ "listen", 2, listen_to, "NAME FILE" },
	{ "pass", 2, pass, "SOCKET FILE" },
	{ "with-key", 3, with_key, "NAME SECRET COMMAND..." },
	{ "user-key", 2, user_key, "NAME SECRET" },
	{ "handle", 1, handle, "FILE" },
	{ "terminal", 2, terminal, "FILE COMMAND..." },
	{ "typist", 2, typist, "TEXT COMMAND..." },
	{ "master", 1, master, "FILE" },
	{}
};

int main(int argc, char **argv)
{
	(void)argc;
	return dispatch(argv, words);
}
