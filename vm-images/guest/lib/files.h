/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Small files, and what a program says when something fails. */
#ifndef FILES_H
#define FILES_H

#include <stddef.h>

/* Says "PROGRAM: WHAT: ERRNO" on standard error and exits with 1. */
void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...);

/* How a call went: "ok", or the errno's name if @ret is negative. */
const char *outcome(long ret);

/* Adds O_CLOEXEC to @flags. */
int open_or_die(const char *path, int flags);

/* Reads at most @size - 1 bytes of a file and ends them with a 0; returns their number. */
size_t read_file(const char *path, char *text, size_t size);

/* Writes @text to a file in one write; nothing is created. */
void write_file(const char *path, const char *text);

/* The number behind @word in a file. */
unsigned long long number_in(const char *path, const char *word);

#endif
