/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Programs that do one of several things: NAME WORD ARGUMENT... */
#ifndef DISPATCH_H
#define DISPATCH_H

struct word {
	const char *name;
	/* How many arguments it takes at least. */
	int arguments;
	/* Is given them, ended by NULL; returns the program's exit status. */
	int (*run)(char **arguments);
	/* What they are, for who gives too few. */
	const char *usage;
};

/*
 * Runs what the command line's first word stands for. @words end with an empty one. If
 * it is none of them or has too few arguments, says what there is and returns 2.
 */
int dispatch(char **argv, const struct word *words);

#endif
