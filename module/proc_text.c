// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Files of a short text that is made when it is read, for whoever reads it.
 *
 * A reader that takes the text in pieces gets one text, as seq_file keeps it. What it
 * keeps is for those who see the same: it is made anew for anybody else, who may have
 * the descriptor from another process.
 */
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "proc_text.h"
#include "viewer.h"

/**
 * struct text - an open file
 * @lock: of everything here, and of what seq_file keeps
 * @opener: what whoever opened the file may see
 * @scope: for whom the text that is kept was made
 * @show: makes it
 */
struct text {
	struct mutex lock;	/* of everything here */
	u64 opener;
	u64 scope;
	void (*show)(struct seq_file *seq, u64 scope);
};

static int text_show(struct seq_file *seq, void *unused)
{
	const struct text *text = seq->private;

	text->show(seq, text->scope);
	return 0;
}

/**
 * swarm_text_open - open such a file
 * @show: makes the text that a reader with a scope sees
 *
 * Return: 0 or -ENOMEM.
 */
int swarm_text_open(struct file *file, void (*show)(struct seq_file *seq, u64 scope))
{
	struct text *text = kzalloc(sizeof(*text), GFP_KERNEL_ACCOUNT);
	int err;

	if (!text)
		return -ENOMEM;
	mutex_init(&text->lock);
	text->opener = swarm_viewer_scope();
	text->scope = text->opener;
	text->show = show;
	err = single_open(file, text_show, text);
	if (err)
		kfree(text);
	return err;
}

ssize_t swarm_text_read(struct file *file, char __user *buf, size_t length, loff_t *pos)
{
	struct seq_file *seq = file->private_data;
	struct text *text = seq->private;
	u64 scope;
	ssize_t ret;

	/*
	 * Whoever reads into memory that a file system of his own provides stays in here as
	 * long as he likes. Unloading would wait for that: it is refused instead.
	 */
	if (!try_module_get(THIS_MODULE))
		return -EIO;
	if (mutex_lock_killable(&text->lock)) {
		ret = -EINTR;
		goto out;
	}
	scope = swarm_scope(text->opener);
	if (scope != text->scope) {
		text->scope = scope;
		/* A position that nobody is at: the text is made anew, up to @pos. */
		seq->read_pos = -1;
	}
	ret = seq_read(file, buf, length, pos);
	mutex_unlock(&text->lock);
out:
	module_put(THIS_MODULE);
	return ret;
}

int swarm_text_release(struct inode *inode, struct file *file)
{
	struct seq_file *seq = file->private_data;

	kfree(seq->private);
	return single_release(inode, file);
}
