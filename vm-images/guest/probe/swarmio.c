// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * swarmio [-w] FILE [PIECE]
 *
 * Writes all of standard input to FILE in one write, or in pieces of PIECE bytes,
 * says "written N" or the errno's name for each write on standard error, and
 * copies what can be read back to standard output; with -w it opens FILE for writing
 * only, so there is nothing to be read. Exits 1 if a write failed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"

static char input[16 << 20];

int main(int argc, char **argv)
{
	size_t length = 0, piece, at;
	int fd, failed = 0, mode = O_RDWR;
	ssize_t n;

	if (argc > 1 && !strcmp(argv[1], "-w")) {
		mode = O_WRONLY;
		argv++;
		argc--;
	}
	if (argc < 2)
		return 2;
	while ((n = read(0, input + length, sizeof(input) - length)) > 0)
		length += n;
	piece = argc > 2 ? strtoul(argv[2], NULL, 0) : length;

	fd = open(argv[1], mode | O_CLOEXEC);
	if (fd < 0 && errno == EACCES)
		fd = open(argv[1], O_WRONLY | O_CLOEXEC);
	if (fd < 0) {
		fprintf(stderr, "%s\n", outcome(fd));
		return 1;
	}
	for (at = 0; at < length; at += piece) {
		n = write(fd, input + at, length - at < piece ? length - at : piece);
		if (n < 0) {
			fprintf(stderr, "%s\n", outcome(n));
			failed = 1;
		} else {
			fprintf(stderr, "written %zd\n", n);
		}
	}
	while ((n = read(fd, input, sizeof(input))) > 0)
		fwrite(input, 1, n, stdout);
	return failed;
}
