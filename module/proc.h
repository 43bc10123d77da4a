/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* /proc/swarm */
#ifndef SWARM_PROC_H
#define SWARM_PROC_H

#include <linux/init.h>
#include <linux/proc_fs.h>
#include <linux/types.h>

struct file;

extern const struct proc_ops swarm_proc_agents_ops;
extern const struct proc_ops swarm_proc_create_ops;
extern const struct proc_ops swarm_proc_spawn_ops;
extern const struct proc_ops swarm_proc_update_ops;
extern const struct proc_ops swarm_proc_attach_ops;
extern const struct proc_ops swarm_proc_destroy_ops;
extern const struct proc_ops swarm_proc_events_ops;
extern const struct proc_ops swarm_proc_inspect_ops;
extern const struct proc_ops swarm_proc_metrics_ops;

bool swarm_proc_ready(void);
int swarm_may_control(const struct file *file);
int swarm_may_order(const struct file *file);
int swarm_may_ask(const struct file *file);

int __init swarm_proc_init(void);
void swarm_proc_exit(void);

#endif
