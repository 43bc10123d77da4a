// SPDX-License-Identifier: MIT OR Apache-2.0
#include <linux/seq_buf.h>

#include "json.h"

/**
 * swarm_json_string - put a string into JSON, with its quotes
 * @text: any bytes, up to the first NUL
 * @size: and at most so many
 *
 * A process chooses its own name: what is not printable ASCII, and with it any
 * UTF-8 that was cut, becomes \u00XX, a code for each byte.
 */
void swarm_json_string(struct seq_buf *out, const char *text, size_t size)
{
	size_t i;

	seq_buf_putc(out, '"');
	for (i = 0; i < size && text[i]; i++) {
		unsigned char byte = text[i];

		if (byte < 0x20 || byte > 0x7e || byte == '"' || byte == '\\')
			seq_buf_printf(out, "\\u%04x", byte);
		else
			seq_buf_putc(out, byte);
	}
	seq_buf_putc(out, '"');
}
