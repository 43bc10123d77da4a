/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Scenarios: who does what. Each is checked exhaustively, in itself. ROLEn is what thread n
 * does first; then each thread forks, executes, waits or exits, in any order. SCRIPT_A and
 * SCRIPT_B are what two administrators write to /proc/swarm.
 */

#define nobody_does(me)		skip

/* How many threads there are in all, those that are forked included. */
#ifndef TASKS
#define TASKS		3
#endif

#if defined(FORK)
/* A launcher is armed, forks, and its children fork; the agent is destroyed meanwhile. */
#define AGENTS		1
#define ROLE0(t)	create_and_arm(0, t)
#define SCRIPT_A(me)	order_destroy(me, 0)
#define FAILS		1
#define BIRTHS_FAIL	1

#elif defined(ADOPT)
/* Two agents are created of running processes, which fork and exit meanwhile. */
#define AGENTS		2
#define SCRIPT_A(me)	create_and_adopt(0); order_destroy(me, 0)
#define SCRIPT_B(me)	create_and_adopt(1)

#elif defined(ATTACH)
/* A running process is attached to an agent that is destroyed. */
#define INITIAL		2
#define AGENTS		1
#define ROLE0(t)	create_and_arm(0, t)
#define SCRIPT_A(me)	order_attach(me, 0)
#define SCRIPT_B(me)	order_destroy(me, 0)

#elif defined(REARM)
/* A launcher is armed for an agent, and adopted by another one. */
#define AGENTS		2
#define ROLE0(t)	create_and_arm(0, t)
#define SCRIPT_A(me)	create_and_adopt(1)
#define SCRIPT_B(me)	order_destroy(me, 0)
#define FAILS		1

#elif defined(THREADS)
/* A process of two threads, of which one is armed, is adopted; the module is unloaded. */
#define INITIAL		2
#define TWO_THREADS
#define AGENTS		2
#define ROLE1(t)	create_and_arm(1, t)
#define SCRIPT_A(me)	create_and_adopt(0)
#define FAILS		1
#define UNLOADS

#elif defined(JOIN)
/* Two threads are armed for an agent that persists: for its first process, or for one more. */
#define INITIAL		2
#define AGENTS		1
#define PERSISTENT
#define ROLE0(t)	order_spawn(0, t)
#define ROLE1(t)	order_spawn(0, t)
#define SCRIPT_A(me)	create(0); order_destroy(me, 0)

#elif defined(FREEZE)
/* An agent that persists is stopped, let run and destroyed. */
#define AGENTS		1
#define FREEZES
#define PERSISTENT
#define ROLE0(t)	order_spawn(0, t)
#define SCRIPT_A(me)	create(0); order_freeze(me, 0, 1); \
			if :: order_freeze(me, 0, 0) :: skip fi
#define SCRIPT_B(me)	order_destroy(me, 0)

#elif defined(THREE)
/* Three agents: two threads are armed, and any process is adopted. */
#define INITIAL		2
#define AGENTS		3
#define ROLE0(t)	create_and_arm(0, t)
#define ROLE1(t)	create_and_arm(2, t)
#define SCRIPT_A(me)	create_and_adopt(1)

#elif defined(UNLOAD)
/* The module is unloaded while agents come and go. */
#define AGENTS		2
#define ROLE0(t)	create_and_arm(0, t)
#define SCRIPT_A(me)	create(1); order_destroy(me, 0)
#define UNLOADS
#define READS
#endif

#ifndef INITIAL
#define INITIAL		1
#endif
#ifndef SPARE
#define SPARE		2
#endif
#ifndef ROLE0
#define ROLE0(t)	skip
#endif
#ifndef ROLE1
#define ROLE1(t)	skip
#endif
#ifndef SCRIPT_A
#define SCRIPT_A(me)	nobody_does(me)
#endif
#ifndef SCRIPT_B
#define SCRIPT_B(me)	nobody_does(me)
#endif
#ifndef FAILS
#define FAILS		0
#endif
#ifndef BIRTHS_FAIL
#define BIRTHS_FAIL	0
#endif
#ifndef EMPTY_POOL
#define EMPTY_POOL	0
#endif
#ifdef TWO_THREADS
#define MATE(t)		((t) < 2 -> 1 - (t) : (t))
#else
#define MATE(t)		(t)
#endif
#ifdef PERSISTENT
#define PERSISTS(a)	true
#else
#define PERSISTS(a)	false
#endif
/* Every second agent has a cgroup, so that its end is told later. */
#define HAS_CGROUP(a)	((a) % 2 == 0)
#define LIVES_ON(t)	true
