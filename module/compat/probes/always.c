// SPDX-License-Identifier: MIT OR Apache-2.0
/* Does compiling work at all? Otherwise no other answer counts. */
#include <linux/module.h>
