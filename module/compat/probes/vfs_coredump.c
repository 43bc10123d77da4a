// SPDX-License-Identifier: MIT OR Apache-2.0
/* Is the function that dumps core vfs_coredump (6.17)? Before it there was do_coredump. */
#include <linux/coredump.h>

void *probe(void);
void *probe(void)
{
	return vfs_coredump;
}
