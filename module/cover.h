/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SWARM_COVER_H
#define SWARM_COVER_H

/* The compiler puts a call of it at the beginning of each block. */
void __sanitizer_cov_trace_pc(void);

#endif
