// SPDX-License-Identifier: MIT OR Apache-2.0
#include "child.h"

#include <sys/wait.h>

#include "files.h"

int status_of(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	return status;
}

int exit_code_of(pid_t pid)
{
	int status = status_of(pid);

	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
