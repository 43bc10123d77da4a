/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The threads of a process, of which the first may have exited long before the others. */
#ifndef SWARM_THREADS_H
#define SWARM_THREADS_H

struct task_struct;

struct task_struct *swarm_thread_living(struct task_struct *leader, unsigned int *looks);
struct task_struct *swarm_thread_behind(struct task_struct *leader, struct task_struct *thread);

#endif
