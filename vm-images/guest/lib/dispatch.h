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

/*
 * The same for a program with several command lines, or one that does more with a word than
 * run it. @line begins with the word, and is ended by NULL. Returns NULL if the word is none
 * of @words or has too few arguments.
 */
const struct word *find_word(char **line, const struct word *words);

/* Says on standard error what there is; returns 2. */
int say_usage(const struct word *words);

/*
 * Gives @each the lines of a command line that are separated by "--", in turn, until it
 * returns something else than 0, which this returns then.
 */
int each_line(char **arguments, int (*each)(char **line));

#endif
