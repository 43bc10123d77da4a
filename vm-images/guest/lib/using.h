/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Programs that use something up: NAME NUMBER MOST */
#ifndef USING_H
#define USING_H

/*
 * Calls @take with the number of those that there are already, until it returns less than
 * 0 or there are as many as the first argument says. Prints how many there are and which
 * error ended it ("ok" if none did), {"got":N,"end":ERRNO}, and keeps them until standard
 * input ends. Calls @release then, if it is not NULL.
 */
int use_up(int (*take)(long nr), void (*release)(void), char **arguments);

#endif
