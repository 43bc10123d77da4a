// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * hold BYTES THREADS
 *
 * Touches BYTES of memory, has so many threads, prints "held" and waits for a signal.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "files.h"

static void *wait_for_good(void *unused)
{
	for (;;)
		pause();
	return unused;
}

int main(int argc, char **argv)
{
	size_t bytes;
	pthread_t thread;
	int threads;
	char *memory;

	if (argc != 3)
		return 2;
	bytes = strtoul(argv[1], NULL, 0);
	threads = atoi(argv[2]);
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		die("mmap");
	memset(memory, 1, bytes);
	while (--threads > 0)
		if (pthread_create(&thread, NULL, wait_for_good, NULL))
			die("pthread_create");
	puts("held");
	fflush(stdout);
	wait_for_good(NULL);
	return 0;
}
