// SPDX-License-Identifier: MIT OR Apache-2.0
#include "swarm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BEFORE_ID	"{\"id\":"

int swarm_give(int fd, const char *order, char *answer, size_t size)
{
	int err = write(fd, order, strlen(order)) < 0 ? errno : 0;

	if (answer) {
		ssize_t n = read(fd, answer, size - 1);

		if (n < 0 && !err)
			err = errno;
		answer[n > 0 ? n : 0] = '\0';
	}
	errno = err;
	return err ? -1 : 0;
}

int swarm_order(const char *name, const char *order, char *answer, size_t size)
{
	char path[64];
	int fd, ret, err;

	if (answer)
		*answer = '\0';
	snprintf(path, sizeof(path), "/proc/swarm/%s", name);
	fd = open(path, (answer ? O_RDWR : O_WRONLY) | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ret = swarm_give(fd, order, answer, size);
	err = errno;
	close(fd);
	errno = err;
	return ret;
}

unsigned long long swarm_id(const char *answer)
{
	size_t before = strlen(BEFORE_ID);

	return strncmp(answer, BEFORE_ID, before) ? 0 : strtoull(answer + before, NULL, 10);
}

const char *swarm_next_id(const char *answers, unsigned long long *id)
{
	const char *at = strstr(answers, BEFORE_ID);
	char *end;

	if (!at)
		return NULL;
	*id = strtoull(at + strlen(BEFORE_ID), &end, 10);
	return end;
}

int swarm_destroy(int fd, unsigned long long id)
{
	char line[24];
	int length = snprintf(line, sizeof(line), "%llu\n", id);

	return write(fd, line, length) == length ? 0 : -1;
}
