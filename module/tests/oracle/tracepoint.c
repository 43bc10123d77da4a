// SPDX-License-Identifier: MIT OR Apache-2.0
/* The same differences between kernels, in another module. */
#include "../../compat/tracepoint.c"
