/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Files of a short text that is made when it is read, for whoever reads it. Seeking
 * is no_seek_end_llseek(), which makes no text.
 */
#ifndef SWARM_PROC_TEXT_H
#define SWARM_PROC_TEXT_H

#include <linux/types.h>

struct file;
struct inode;
struct seq_file;

int swarm_text_open(struct file *file, void (*show)(struct seq_file *seq, u64 scope));
ssize_t swarm_text_read(struct file *file, char __user *buf, size_t length, loff_t *pos);
int swarm_text_release(struct inode *inode, struct file *file);

#endif
