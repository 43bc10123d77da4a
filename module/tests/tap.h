/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The frame of a test program: checks, tests in a row, the Test Anything Protocol. */
#ifndef SWARM_TESTS_TAP_H
#define SWARM_TESTS_TAP_H

#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

/* A test that hangs fails, after so many seconds; a panic of the core hangs. */
#define TIME_LIMIT		120
/* So many checks that fail are told, for each test. */
#define TOLD			10

struct test {
	const char *name;
	void (*run)(void);
};

/* Checks of the running test that failed; threads count too. */
static atomic_uint failed;

/* Says what does not hold; from any thread. */
__attribute__((format(printf, 2, 3)))
static bool expect(bool holds, const char *format, ...)
{
	char line[300], *byte;
	va_list args;

	if (holds)
		return true;
	if (atomic_fetch_add(&failed, 1) < TOLD) {
		va_start(args, format);
		vsnprintf(line, sizeof(line), format, args);
		va_end(args);
		for (byte = line; *byte; byte++)
			if (*byte < ' ' || *byte > '~')
				*byte = '.';
		printf("#   %s\n", line);
	}
	return false;
}

static void give_up(const char *why)
{
	printf("Bail out! %s\n", why);
	exit(1);
}

static void too_long(int signal)
{
	static const char text[] = "Bail out! a test does not end\n";
	ssize_t written = write(STDOUT_FILENO, text, sizeof(text) - 1);

	(void)signal;
	(void)written;
	_exit(1);
}

/* Runs tests in a row; returns the exit status of the program. */
static int run_tests(const struct test *tests, size_t count)
{
	int status = 0;
	size_t i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGALRM, too_long);
	printf("1..%zu\n", count);
	for (i = 0; i < count; i++) {
		atomic_store(&failed, 0);
		alarm(TIME_LIMIT);
		tests[i].run();
		if (atomic_load(&failed))
			status = 1;
		printf("%sok %zu - %s\n", atomic_load(&failed) ? "not " : "", i + 1,
		       tests[i].name);
	}
	return status;
}

#endif
