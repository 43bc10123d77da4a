/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the module does to files, in the kernel's name and never in its caller's. */
#ifndef SWARM_ERRAND_H
#define SWARM_ERRAND_H

#include <linux/init.h>
#include <linux/types.h>

struct cred;
struct file;
struct path;

int __init swarm_errands_init(void);
void swarm_errands_exit(void);

const struct cred *swarm_kernel_creds(void);

int swarm_as_kernel(int (*run)(void *data), void *data);

int swarm_find_dir(const struct path *dir, const char *name, struct path *found);
ssize_t swarm_write(struct file *file, const char *text);
int swarm_write_file(const struct path *dir, const char *name, const char *text);
ssize_t swarm_read(struct file *file, char *text, size_t size);
struct file *swarm_open_file(const struct path *dir, const char *name, int flags);
ssize_t swarm_read_file(const struct path *dir, const char *name, char *text, size_t size);

#endif
