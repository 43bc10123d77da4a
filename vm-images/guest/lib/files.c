// SPDX-License-Identifier: MIT OR Apache-2.0
#define _GNU_SOURCE
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void die(const char *format, ...)
{
	int err = errno;
	va_list args;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, ": %s\n", strerrorname_np(err));
	exit(1);
}

const char *outcome(long ret)
{
	return ret < 0 ? strerrorname_np(errno) : "ok";
}

int open_or_die(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		die("%s", path);
	return fd;
}

size_t read_file(const char *path, char *text, size_t size)
{
	int fd = open_or_die(path, O_RDONLY);
	size_t length = 0;
	ssize_t n;

	while ((n = read(fd, text + length, size - 1 - length)) > 0)
		length += n;
	if (n < 0)
		die("%s", path);
	close(fd);
	text[length] = '\0';
	return length;
}

void write_file(const char *path, const char *text)
{
	int fd = open_or_die(path, O_WRONLY);

	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die("%s", path);
	close(fd);
}

unsigned long long number_in(const char *path, const char *word)
{
	static char text[65536];
	const char *at;

	read_file(path, text, sizeof(text));
	at = strstr(text, word);
	if (!at)
		die("%s has no %s", path, word);
	return strtoull(at + strlen(word), NULL, 10);
}
