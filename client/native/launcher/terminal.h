/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Pseudo-terminals. Every function returns 0, or a negative errno. */
#ifndef TERMINAL_H
#define TERMINAL_H

#include <termios.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Opens both sides of a new one, closed by execve and nobody's controlling terminal. */
int terminal_open(int rows, int columns, int *master, int *slave);
int terminal_resize(int fd, int rows, int columns);
int terminal_size(int fd, int *rows, int *columns);

/* Nothing of what is typed or printed is changed any more; @before is how it was. */
int terminal_raw(int fd, struct termios *before);
int terminal_restore(int fd, const struct termios *before);

#ifdef __cplusplus
}
#endif

#endif
