// SPDX-License-Identifier: MIT OR Apache-2.0
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
 * swarm_errno_name - the name of a negative errno that the interface may answer
 */
const char *swarm_errno_name(int errno_)
{
	switch (-errno_) {
	case EPERM:
		return "EPERM";
	case ESRCH:
		return "ESRCH";
	case EINTR:
		return "EINTR";
	case E2BIG:
		return "E2BIG";
	case EAGAIN:
		return "EAGAIN";
	case ENOMEM:
		return "ENOMEM";
	case EBUSY:
		return "EBUSY";
	case EINVAL:
		return "EINVAL";
	case ENOSPC:
		return "ENOSPC";
	case EOPNOTSUPP:
		return "EOPNOTSUPP";
	default:
		return "EIO";
	}
}
