// SPDX-License-Identifier: MIT OR Apache-2.0
#define _GNU_SOURCE
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

int terminal_resize(int fd, int rows, int columns)
{
	const struct winsize size = { .ws_row = rows, .ws_col = columns };

	return ioctl(fd, TIOCSWINSZ, &size) ? -errno : 0;
}

int terminal_size(int fd, int *rows, int *columns)
{
	struct winsize size;

	if (ioctl(fd, TIOCGWINSZ, &size))
		return -errno;
	*rows = size.ws_row;
	*columns = size.ws_col;
	return 0;
}

int terminal_open(int rows, int columns, int *master, int *slave)
{
	int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	int other, error, locked = 0;

	if (fd < 0)
		return -errno;
	if (!ioctl(fd, TIOCSPTLCK, &locked)) {
		/* By the master, so that no path is followed to the slave. */
		other = ioctl(fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
		if (other >= 0 && !terminal_resize(other, rows, columns)) {
			*master = fd;
			*slave = other;
			return 0;
		}
	}
	error = errno;
	close(fd);
	return -error;
}

int terminal_raw(int fd, struct termios *before)
{
	struct termios raw;

	if (tcgetattr(fd, before))
		return -errno;
	raw = *before;
	cfmakeraw(&raw);
	return tcsetattr(fd, TCSADRAIN, &raw) ? -errno : 0;
}

int terminal_restore(int fd, const struct termios *before)
{
	return tcsetattr(fd, TCSADRAIN, before) ? -errno : 0;
}
