// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * abstract WHAT — names of unix sockets that are in no file system:
 *
 *   bind KIND NAME	bind a socket to an abstract name: "ok", or the name of the errno
 *   serve KIND		have the kernel name a socket, as connect does for one that passes
 *			credentials; print the name in hexadecimal digits, and serve it for a
 *			minute: connections are accepted, messages taken
 *   reach KIND NAME	each way to a socket with a name in hexadecimal digits, a line for
 *			each: the way, and "ok" or the name of the errno
 *   up			bring the loopback device up: likewise
 *
 * KIND is stream, dgram or seqpacket.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"
#include "dispatch.h"
#include "files.h"

static int type_of(const char *kind)
{
	return !strcmp(kind, "stream") ? SOCK_STREAM :
	       !strcmp(kind, "dgram") ? SOCK_DGRAM : SOCK_SEQPACKET;
}

static int socket_of(const char *kind)
{
	int fd = socket(AF_UNIX, type_of(kind), 0);

	if (fd < 0)
		die("socket");
	return fd;
}

static int bind_it(char **arguments)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(arguments[1]);

	memcpy(address.sun_path + 1, arguments[1], length);
	puts(outcome(bind(socket_of(arguments[0]), (struct sockaddr *)&address,
			  offsetof(struct sockaddr_un, sun_path) + 1 + length)));
	return 0;
}

/* Fails, since nobody is there, and names the socket before. */
static void have_it_named(int fd)
{
	struct sockaddr_un nowhere = { .sun_family = AF_UNIX, .sun_path = "/nowhere" };
	int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)))
		die("SO_PASSCRED");
	if (!connect(fd, (struct sockaddr *)&nowhere, sizeof(nowhere)))
		die("somebody is at %s", nowhere.sun_path);
}

static void print_name(int fd)
{
	struct sockaddr_un address;
	socklen_t length = sizeof(address), i;

	if (getsockname(fd, (struct sockaddr *)&address, &length))
		die("getsockname");
	for (i = offsetof(struct sockaddr_un, sun_path); i < length; i++)
		printf("%02x", (unsigned char)((char *)&address)[i]);
	printf("\n");
	fflush(stdout);
}

static int serve(char **arguments)
{
	int fd = socket_of(arguments[0]);
	long until = now_us() + 60000000;
	char byte;

	have_it_named(fd);
	print_name(fd);
	if (strcmp(arguments[0], "dgram") && listen(fd, 8))
		die("listen");
	while (now_us() < until) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };

		if (poll(&ready, 1, 1000) != 1)
			continue;
		if (strcmp(arguments[0], "dgram"))
			close(accept(fd, NULL, NULL));
		else
			recv(fd, &byte, 1, 0);
	}
	return 0;
}

static ssize_t send_descriptor(int fd, struct sockaddr_un *to, socklen_t length)
{
	char byte = 0, control[CMSG_SPACE(sizeof(int))] = {};
	struct iovec data = { &byte, 1 };
	struct msghdr message = {
		.msg_name = to, .msg_namelen = length, .msg_iov = &data, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	*header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
				    .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	return sendmsg(fd, &message, 0);
}

static int reach(char **arguments)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	socklen_t length = offsetof(struct sockaddr_un, sun_path) + strlen(arguments[1]) / 2;
	struct sockaddr *address = (struct sockaddr *)&to;
	unsigned int byte;
	size_t i;

	for (i = 0; sscanf(arguments[1] + 2 * i, "%2x", &byte) == 1; i++)
		to.sun_path[i] = byte;
	printf("connect %s\n", outcome(connect(socket_of(arguments[0]), address, length)));
	if (strcmp(arguments[0], "dgram"))
		return 0;
	printf("sendto %s\n", outcome(sendto(socket_of("dgram"), "", 1, 0, address, length)));
	printf("descriptor %s\n", outcome(send_descriptor(socket_of("dgram"), &to, length)));
	return 0;
}

static int up(char **arguments)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };

	(void)arguments;
	puts(outcome(ioctl(socket_of("dgram"), SIOCSIFFLAGS, &request)));
	return 0;
}

static const struct word words[] = {
	{ "bind", 2, bind_it, "KIND NAME" },
	{ "serve", 1, serve, "KIND" },
	{ "reach", 2, reach, "KIND NAME" },
	{ "up", 0, up, "" },
	{}
};

int main(int argc, char **argv)
{
	(void)argc;
	return dispatch(argv, words);
}
