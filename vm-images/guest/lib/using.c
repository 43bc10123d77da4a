// SPDX-License-Identifier: MIT OR Apache-2.0
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "files.h"
#include "using.h"

int use_up(int (*take)(long nr), void (*release)(void), char **arguments)
{
	/* Most of what is counted is a descriptor; an agent keeps what limit it has. */
	const struct rlimit files = { 65536, 65536 };
	long most = atol(arguments[0]), nr, ret = 0;
	char byte;

	setrlimit(RLIMIT_NOFILE, &files);
	for (nr = 0; nr < most; nr++) {
		ret = take(nr);
		if (ret < 0)
			break;
	}
	printf("{\"got\":%ld,\"end\":\"%s\"}\n", nr, outcome(ret));
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
	if (release)
		release();
	return 0;
}
