// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * confine PROGRAM [ARGUMENT...] — executes PROGRAM in a Landlock domain that handles the
 * removal of directories, and so, as every domain that handles access to files, denies
 * all changes of mounts.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "files.h"

int main(int argc, char **argv)
{
	const struct landlock_ruleset_attr attr = {
		.handled_access_fs = LANDLOCK_ACCESS_FS_REMOVE_DIR,
	};
	int rules = syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);

	if (argc < 2)
		return 2;
	if (rules < 0 || syscall(SYS_landlock_restrict_self, rules, 0))
		die("landlock");
	execv(argv[1], argv + 1);
	fprintf(stderr, "%s: %s\n", argv[1], strerrorname_np(errno));
	return 127;
}
