// SPDX-License-Identifier: MIT OR Apache-2.0
#include <linux/array_size.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/stdarg.h>
#include <linux/string.h>

#include "refuse.h"

/**
 * swarm_refuse - describe why a request fails
 * @err: filled in; the offset, which only the parser knows, stays as it is
 * @errno_: negative errno
 * @field: the key at fault, "" for none
 * @fmt: what was wrong and what to do
 *
 * Return: @errno_.
 */
int swarm_refuse(struct swarm_policy_error *err, int errno_, const char *field,
		 const char *fmt, ...)
{
	va_list args;

	err->error = -errno_;
	strscpy(err->field, field);
	va_start(args, fmt);
	vscnprintf(err->message, sizeof(err->message), fmt, args);
	va_end(args);
	return errno_;
}

/**
 * swarm_end_of_path - what a message shows of a path: its end, where it is long
 * @to: set to it
 * @size: of @to
 * @path: the path
 *
 * It begins with a component, unless the last one alone is too long.
 */
void swarm_end_of_path(char *to, size_t size, const char *path)
{
	static const char cut[] = "...";
	size_t length = strlen(path);
	const char *slash;

	if (length < size) {
		memcpy(to, path, length + 1);
		return;
	}
	path += length - (size - sizeof(cut));
	slash = strchr(path, '/');
	snprintf(to, size, "%s%s", cut, slash ?: path);
}

/**
 * swarm_errno_name - the name of a negative errno that the interface may answer
 *
 * Or that a step of a birth may fail with, in an event.
 */
const char *swarm_errno_name(int errno_)
{
#define NAME(errno) { errno, #errno }
	static const struct {
		int number;
		const char *name;
	} names[] = {
		NAME(EPERM), NAME(ENOENT), NAME(ESRCH), NAME(EINTR), NAME(EIO), NAME(E2BIG),
		NAME(EAGAIN), NAME(ENOMEM), NAME(EACCES), NAME(EBUSY), NAME(ENODEV),
		NAME(EINVAL), NAME(ENFILE), NAME(ENOSPC), NAME(EOPNOTSUPP), NAME(EUSERS),
		NAME(EDQUOT), NAME(EBADF), NAME(EFAULT), NAME(EEXIST), NAME(EMFILE),
		NAME(ENOSYS), NAME(ECANCELED),
	};
#undef NAME
	int i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].number == -errno_)
			return names[i].name;
	return "EIO";
}
