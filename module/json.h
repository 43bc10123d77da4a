/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Strings that others chose, in JSON. */
#ifndef SWARM_JSON_H
#define SWARM_JSON_H

#include <linux/types.h>

struct seq_buf;

void swarm_json_string(struct seq_buf *out, const char *text, size_t size);

#endif
