/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The life of agents, entries and the module, for SPIN. README.md says how to read this, and
 * which function each step stands for.
 *
 * One atomic or d_step block is one critical section of the code, or one access that takes no
 * lock. Whatever the code does in two sections is two blocks here.
 */

#define NOBODY	255

/* enum swarm_state. "frozen" is RUNNING with a flag (proc_inspect.c). */
#define NONE		0
#define REGISTERED	1
#define ARMED		2
#define RUNNING		3
#define DYING		4
#define GONE		5

/* Where an entry is. LISTED: a member that has left the table and not its agent yet. */
#define FREE		0
#define OWNED		1
#define RESERVED	2
#define TABLE		3
#define LISTED		4
#define WAITING		5

/* SWARM_MEMBER_* */
#define SPAWNED		1
#define NEWBORN		2
#define JOINING		4
#define EXITED		8

/* A thread. NEW: inside copy_process(), so others find it by its number. */
#define UNBORN		0
#define NEW		1
#define ALIVE		2
#define DEAD		3

/* What is to be done for an agent whose last use has gone. */
#define NOTHING		0
#define TO_TELL		1
#define TO_REAP		2

/* delete_module(2) */
#define LIVE		0
#define GOING		1
#define UNLOADED	2

#include "scenarios.pml"

#define ENTRIES		(TASKS + SPARE)

typedef agent_t {
	byte state;
	byte uses;
	byte members;
	byte joined;
	byte work;
	byte memory;		/* FREE: not made yet, or freed; OWNED; WAITING: for a grace period */
	byte readers;		/* whom the grace period waits for */
	bit made;
	bit listed;
	bit retired;
	bit pinned;
	bit frozen;
	bit chilled;		/* its cgroup is frozen */
	bit orders;		/* its mutex */
};

typedef entry_t {
	byte where;
	byte agent;
	byte key;		/* a thread while it is reserved, then a process */
	byte flags;
	byte nr;
	byte readers;
};

typedef thread_t {
	byte state;
	byte process;
	bit killed;
	bit first_work;
};

agent_t agents[AGENTS];
entry_t entries[ENTRIES];
thread_t threads[TASKS];
byte live[TASKS];		/* signal->live, by process */

byte module = LIVE;
byte refs;
bit files = 1;			/* /proc/swarm is there */
byte handlers;			/* calls inside its files */
bit hooks = 1;
byte hooked;			/* threads in hooks, stubs and task work: what RCU tasks waits for */
bit tracing = 1;
byte traced;			/* threads in callbacks of tracepoints */
byte working;			/* what workers are at */
byte reading;			/* who is in an RCU read-side section */
bit create_lock;
bit adoptions;
byte frozen_total;		/* swarm_totals.frozen */
byte empty_pool = EMPTY_POOL;	/* how often the pool may be found empty */

/* The entry that waits for another thread of its process: one at most, as one process has two. */
byte leaving = NOBODY;
byte fails = FAILS;		/* how many forks may fail */
byte births_fail = BIRTHS_FAIL;

/* Its agent's cgroup is frozen, and so is the thread, whenever it is in user space. */
#define stops(e, t)	(entries[e].where == TABLE && entries[e].key == threads[t].process && \
			 agents[entries[e].agent].chilled)
#define joins(e, t)	(entries[e].where == TABLE && entries[e].key == threads[t].process && \
			 (entries[e].flags & JOINING))
#define of_entries(is, t) \
	(is(0, t) || is(1, t) || is(2, t) || (ENTRIES > 3 && is(ENTRIES - 1, t)) || \
	 (ENTRIES > 4 && is(3, t)) || (ENTRIES > 5 && is(4, t)) || (ENTRIES > 6 && is(5, t)))
#ifdef FREEZES
#define stopped(t)	(of_entries(stops, t))
#else
#define stopped(t)	false
#endif
#define slots_left	(threads[TASKS - 1].state == UNBORN)

/* Have the other threads of the process gone through exit_notify()? */
#define others_let_go(t)	(MATE(t) == t || threads[MATE(t)].state == DEAD)
#define all_dead(pr)		(threads[pr].state == DEAD && threads[MATE(pr)].state == DEAD)

#define is_idle(a)	(a >= AGENTS || agents[a % AGENTS].work == NOTHING)
#define no_work		(is_idle(0) && is_idle(1) && is_idle(2))
#define calls_back(e)	(entries[(e) % ENTRIES].where == WAITING)
#define frees(a)	(agents[(a) % AGENTS].memory == WAITING)
#define no_callbacks	(!calls_back(0) && !calls_back(1) && !calls_back(2) && !calls_back(3) && \
			 !calls_back(4) && !calls_back(5) && !frees(0) && !frees(1) && !frees(2))

/* The properties. A property is evaluated into a variable of its name, so that SPIN tells which one failed. */
hidden byte child_enrolled, one_entry, entry_is_there, agent_is_there, no_entry_of_the_dead;
hidden byte the_dying_end, unloading_ends, nothing_runs, nothing_left, module_is_there;
hidden byte counts_agree, all_is_quiet, witness;
#define must(property, condition)	property = (condition); assert(property)

hidden byte i_;
hidden byte j_;

#define bit_of(n)	(1 << (n))

/*
 * What only unloading looks at is left out where nobody unloads. Each step that runs code of
 * the module asserts first that its text and data are there.
 */
#ifdef UNLOADS
#define code()			must(module_is_there, module != UNLOADED)
#define in_hook_or_stub(t)	d_step { inside = hooks; hooked = hooked | (hooks << (t)) }
#define out_of_hook(t)		d_step { code(); hooked = hooked & ~bit_of(t) }
#define in_callback(t)		d_step { inside = tracing; traced = traced | (tracing << (t)) }
#define out_of_callback(t)	d_step { code(); traced = traced & ~bit_of(t) }
#define in_task_work(t)		d_step { code(); hooked = hooked | bit_of(t) }
#define out_of_task_work(t)	out_of_hook(t)
#define enter_file()		d_step { inside = files; handlers = handlers + files }
#define leave_file()		d_step { code(); handlers-- }
#define get_module()		refs++
#define drop_module()		refs--
#define put_module()		d_step { code(); must(counts_agree, refs > 0); unpin = 0; refs-- }
#define module_is_live		(module == LIVE)
#else
#define code()			skip
#define in_hook_or_stub(t)	inside = 1
#define out_of_hook(t)		skip
#define in_callback(t)		inside = 1
#define out_of_callback(t)	skip
#define in_task_work(t)		skip
#define out_of_task_work(t)	skip
#define enter_file()		inside = 1
#define leave_file()		skip
#define get_module()		skip
#define drop_module()		skip
#define put_module()		unpin = 0
#define module_is_live		true
#endif

/* RCU. Whatever waits is freed at the first moment at which that is allowed. */

inline wipe_entry(e) {
	entries[e].where = FREE; entries[e].agent = NOBODY; entries[e].key = NOBODY;
	entries[e].flags = 0; entries[e].nr = 0; entries[e].readers = 0
}

inline rcu_lock(me) {
	d_step { reading = reading | bit_of(me) }
}

/* rcu_read_unlock(), with the callbacks release() and free_agent(). */
inline rcu_unlock_step(me) {
	reading = reading & ~bit_of(me);
	for (i_ : 0 .. ENTRIES - 1) {
		if
		:: entries[i_].where == WAITING ->
			entries[i_].readers = entries[i_].readers & ~bit_of(me);
			if
			:: entries[i_].readers == 0 -> wipe_entry(i_)
			:: else
			fi
		:: else
		fi
	}
	for (i_ : 0 .. AGENTS - 1) {
		if
		:: agents[i_].memory == WAITING ->
			agents[i_].readers = agents[i_].readers & ~bit_of(me);
			if
			:: agents[i_].readers == 0 -> agents[i_].memory = FREE
			:: else
			fi
		:: else
		fi
	}
	i_ = 0
}

inline rcu_unlock(me) {
	d_step { rcu_unlock_step(me) }
}

/* swarm_member_free() */
inline free_entry(e) {
	d_step {
		code();
#ifdef NO_GRACE_PERIOD
		wipe_entry(e);
#else
		entries[e].where = WAITING;
		entries[e].readers = reading;
		if
		:: reading == 0 -> wipe_entry(e)
		:: else
		fi
#endif
	}
}

/* call_rcu(&agent->rcu, free_agent) */
inline free_agent_step(a) {
	agents[a].memory = WAITING;
	agents[a].readers = reading;
	if
	:: reading == 0 -> agents[a].memory = FREE
	:: else
	fi
}

/* Entries */

/* swarm_member_alloc(): NOBODY where memory is short. */
inline alloc_entry_step(e) {
	e = NOBODY;
	for (i_ : 0 .. ENTRIES - 1) {
		if
		:: e == NOBODY && entries[i_].where == FREE ->
			e = i_; entries[i_].where = OWNED
		:: else
		fi
	}
	i_ = 0
}

/* swarm_member_find(), in a step */
inline find_entry_step(p, e) {
	e = NOBODY;
	for (i_ : 0 .. ENTRIES - 1) {
		if
		:: entries[i_].where == TABLE && entries[i_].key == p -> e = i_
		:: else
		fi
	}
	i_ = 0
}

/* swarm_reserved_find() and swarm_reserved_take(), in a step */
inline find_reserved_step(t, e) {
	e = NOBODY;
	for (i_ : 0 .. ENTRIES - 1) {
		if
		:: entries[i_].where == RESERVED && entries[i_].key == t -> e = i_
		:: else
		fi
	}
	i_ = 0
}

/* swarm_reserved_add() */
inline reserve_step(e, t) {
	must(entry_is_there, entries[e].where == OWNED);
	entries[e].where = RESERVED;
	entries[e].key = t
}

/* swarm_agent_list(), with the agent's lock held */
inline list_step(a, e) {
	must(agent_is_there, agents[a].memory == OWNED);
	entries[e].nr = agents[a].joined;
	agents[a].joined++;
	agents[a].members++
}

/* Uses of an agent */

/* swarm_agent_use() */
inline use_agent(a, to, err) {
	d_step {
		code();
		must(agent_is_there, agents[a].memory == OWNED);
		err = 0;
		if
		:: agents[a].state >= DYING -> err = 1
		:: else ->
			if
			:: to == ARMED && agents[a].state != REGISTERED -> err = 1
			:: else ->
				if
				:: !agents[a].pinned && !module_is_live -> err = 1
				:: !agents[a].pinned && module_is_live -> get_module()
				:: else
				fi
			fi
		fi;
		if
		:: !err ->
			agents[a].pinned = 1;
			agents[a].uses++;
			if
			:: agents[a].state < to -> agents[a].state = to
			:: else
			fi
		:: else
		fi
	}
}

/* swarm_agent_find(), swarm_agent_hold(): @err where there is none, or it is dying */
inline hold_agent(me, a, limit, err) {
	d_step {
		code();
		reading = reading | bit_of(me);
		err = !(agents[a].listed && !agents[a].retired)
	}
	d_step {
		code();
		if
		:: !err ->
			/* RCU keeps its memory, if not its state. */
			must(agent_is_there, agents[a].memory != FREE);
			if
			:: agents[a].state <= limit -> agents[a].uses++
			:: else -> err = 1
			fi
		:: else
		fi;
		rcu_unlock_step(me)
	}
}

/* swarm_agent_retire(), in swarm_event_destroyed() */
inline retire_step(a) {
	must(counts_agree, agents[a].state == GONE && agents[a].uses == 0);
	if
	:: agents[a].frozen -> must(counts_agree, frozen_total > 0); frozen_total--
	:: else
	fi;
	agents[a].retired = 1
}

/* swarm_agent_unuse(), swarm_agent_leave(): give_up(), last_use(), gone_now() */
inline give_up(a, leaves) {
	d_step {
		code();
		must(agent_is_there, agents[a].memory == OWNED && agents[a].uses > 0);
		ends = 0; unpin = 0;
		agents[a].members = agents[a].members - leaves;
		agents[a].uses--;
		if
		:: agents[a].uses == 0 ->
			unpin = agents[a].pinned;
			agents[a].pinned = 0;
			if
			:: agents[a].state == REGISTERED
			:: agents[a].state != REGISTERED && agents[a].state != DYING && PERSISTS(a) ->
				agents[a].state = REGISTERED;
				if
				:: agents[a].frozen -> agents[a].frozen = 0; frozen_total--
				:: else
				fi
			:: else ->
				agents[a].state = GONE;
				ends = 1
			fi
		:: else
		fi
	}
	if
	:: ends && !HAS_CGROUP(a) ->
		d_step { code(); retire_step(a) }
		d_step { code(); ends = 0; agents[a].work = TO_REAP }
	:: ends && HAS_CGROUP(a) ->
		d_step { code(); ends = 0; agents[a].work = TO_TELL }
	:: else
	fi;
	if
	:: unpin -> put_module()
	:: else
	fi
}

/* A reservation is given up: swarm_reserved_take() was; drop_reserved() */
inline drop_reserved(e) {
	held = entries[e].agent;
	if
	:: entries[e].flags & SPAWNED ->
		free_entry(e);
		give_up(held, 0)
	:: else -> free_entry(e)
	fi;
	held = NOBODY
}

/* swarm_reserved_cancel(), and in it swarm_agent_unforked(), which notes why alone */
inline cancel_reserved(t) {
	d_step {
		code();
		find_reserved_step(t, r);
		if
		:: r != NOBODY -> entries[r].where = OWNED
		:: else
		fi
	}
	if
	:: r != NOBODY -> drop_reserved(r)
	:: else
	fi;
	r = NOBODY
}

/* swarm_agent_doom(), kill_listed(): the mark, then each of those who had joined before */
inline doom(me, a) {
	d_step {
		code();
		must(agent_is_there, agents[a].memory == OWNED);
		if
		:: agents[a].state < DYING -> agents[a].state = DYING
		:: else
		fi;
		until = agents[a].joined;
		at = 0;
		reading = reading | bit_of(me)
	}
	do
	:: at < until ->
		/* The next of the list. What it points at stays there for as long as RCU says. */
		d_step {
			code();
			victim = NOBODY;
			j_ = until;
			for (i_ : 0 .. ENTRIES - 1) {
				if
				:: (entries[i_].where == TABLE || entries[i_].where == LISTED) &&
				   entries[i_].agent == a && entries[i_].nr >= at && entries[i_].nr < j_ ->
					victim = i_;
					j_ = entries[i_].nr
				:: else
				fi
			}
			i_ = 0;
			at = j_ + 1;
			j_ = 0
		}
		if
		:: victim != NOBODY ->
			d_step {
				code();
				must(entry_is_there, entries[victim].where != FREE &&
						     entries[victim].agent == a);
				for (i_ : 0 .. TASKS - 1) {
					if
					:: threads[i_].process == entries[victim].key &&
					   threads[i_].state != UNBORN -> threads[i_].killed = 1
					:: else
					fi
				}
				i_ = 0;
				victim = NOBODY
			}
		:: else
		fi
	:: else -> break
	od;
	skip;	/* a loop must not end at a d_step */
	d_step { rcu_unlock_step(me); at = 0; until = 0 }
}

/* Orders: handlers of /proc/swarm */

/* swarm_agent_alloc() */
inline make_agent(a) {
	atomic { !create_lock -> code(); create_lock = 1 }
	d_step {
		code();
		agents[a].made = 1;
		agents[a].memory = OWNED;
		agents[a].state = REGISTERED;
		agents[a].uses = 1
	}
}

/* swarm_agent_publish() or, after an error, swarm_agent_discard(); the end of create_locked() */
inline publish_or_discard(a, err) {
	if
	:: !err ->
		d_step { code(); agents[a].listed = 1 }
		give_up(a, 0)
	:: else ->
		d_step {
			code();
			must(counts_agree, agents[a].uses == 1 && agents[a].members == 0);
			if
			:: agents[a].pinned -> drop_module(); agents[a].pinned = 0
			:: else
			fi;
			agents[a].state = GONE;
			agents[a].uses = 0;
			agents[a].retired = 1;
			free_agent_step(a)
		}
	fi;
	d_step { code(); create_lock = 0 }
}

/* arm() of spawn.c. @joining: swarm_agent_use_running() instead of swarm_agent_use() */
inline arm(a, t, joining, err) {
	d_step { code(); alloc_entry_step(e) }
	if
	:: e == NOBODY -> err = 1
	:: e != NOBODY && joining ->
		d_step {
			code();
			err = !(agents[a].state == RUNNING && agents[a].members > 0);
			if
			:: !err -> agents[a].uses++
			:: else
			fi
		}
	:: else -> use_agent(a, ARMED, err)
	fi;
	if
	:: !err ->
		d_step {
			code();
			entries[e].agent = a;
			entries[e].flags = SPAWNED | NEWBORN | (joining -> JOINING : 0);
			reserve_step(e, t)
		}
	:: err && e != NOBODY -> free_entry(e)
	:: else
	fi;
	e = NOBODY
}

/* armed_already() of spawn.c */
inline check_armed(t, err) {
	d_step {
		code();
		find_reserved_step(t, r);
		err = r != NOBODY && agents[entries[r].agent].state < DYING
	}
	if
	:: r != NOBODY && !err -> cancel_reserved(t)
	:: else
	fi;
	r = NOBODY
}

/* Is the process a member? Then it may give no orders (proc_objects.c). */
inline check_outside(p, err) {
	d_step {
		code();
		find_entry_step(p, e);
		err = e != NOBODY;
		e = NOBODY
	}
}

/* create with "spawn": create_locked(), populate() */
inline create_and_arm(a, t) {
	enter_file();
	if
	:: inside ->
		check_outside(own, err);
		if
		:: !err ->
			make_agent(a);
			check_armed(t, err);
			if
			:: !err -> arm(a, t, 0, err)
			:: else
			fi;
			publish_or_discard(a, err)
		:: else
		fi;
		leave_file()
	:: else
	fi;
	inside = 0; err = 0
}

/* spawn: arm_first(), arm_joining() of proc_spawn.c */
inline order_spawn(a, t) {
	enter_file();
	if
	:: inside ->
		check_outside(own, err);
		if
		:: !err -> hold_agent(t, a, RUNNING, err)
		:: else
		fi;
		if
		:: !err ->
			atomic { !agents[a].orders -> code(); agents[a].orders = 1 }
			if
			:: agents[a].state == REGISTERED ->
				check_armed(t, err);
				/* swarm_cgroup_create() lets whoever comes next run. */
				if
				:: !err ->
					d_step { code(); agents[a].chilled = 0 }
					arm(a, t, 0, err)
				:: else
				fi
			:: agents[a].state == RUNNING && !agents[a].frozen ->
				check_armed(t, err);
				if
				:: !err -> arm(a, t, 1, err)
				:: else
				fi
			:: else
			fi;
			d_step { code(); agents[a].orders = 0 }
			give_up(a, 0)
		:: else
		fi;
		leave_file()
	:: else
	fi;
	inside = 0; err = 0
}

/* check_candidate() of adopt.c: being_forked(), then swarm_member_find() */
inline check_candidate(p, err) {
#ifndef ADOPT_WHILE_FORKED
	d_step { code(); err = threads[p].state == NEW }
#endif
	if
	:: !err ->
		d_step {
			code();
			find_entry_step(p, e);
			err = e != NOBODY;
			e = NOBODY
		}
	:: else
	fi
}

/* enrol(), enrol_used(), swarm_member_add(): its bucket's lock is held throughout */
inline enrol(a, p, err) {
	use_agent(a, RUNNING, err);
	if
	:: !err ->
		d_step {
			code();
			alloc_entry_step(e);
			find_entry_step(p, r);
			if
			:: e == NOBODY || r != NOBODY -> err = 1
#ifndef NO_LIVE_CHECK
			:: e != NOBODY && r == NOBODY && live[p] == 0 -> err = 1
#endif
			:: else ->
				entries[e].agent = a;
				entries[e].where = TABLE;
				entries[e].key = p;
				list_step(a, e)
			fi;
			r = NOBODY
		}
		if
		:: err && e != NOBODY -> free_entry(e)
		:: else
		fi;
		e = NOBODY;
		if
		:: err -> give_up(a, 0)
		:: else
		fi
	:: else
	fi
}

/* A process that there is, by its number: get_pid_task() of process_of(). */
inline pick(p) {
	atomic {
		if
		:: threads[0].state != UNBORN -> p = 0
#if TASKS > 1
		:: threads[1].state != UNBORN && threads[1].process == 1 -> p = 1
#endif
#if TASKS > 2
		:: threads[2].state != UNBORN -> p = 2
#endif
#if TASKS > 3
		:: threads[3].state != UNBORN -> p = 3
#endif
		:: true -> p = NOBODY
		fi
	}
}

/* create with "pid": swarm_adopt() */
inline create_and_adopt(a) {
	enter_file();
	if
	:: inside ->
		pick(p);
		if
		:: p != NOBODY ->
			make_agent(a);
			atomic { !adoptions -> code(); adoptions = 1 }
			check_candidate(p, err);
			if
			:: !err -> enrol(a, p, err)
			:: else
			fi;
			d_step { code(); adoptions = 0 }
			publish_or_discard(a, err)
		:: else
		fi;
		leave_file()
	:: else
	fi;
	inside = 0; err = 0; p = NOBODY
}

/* create without a process */
inline create(a) {
	enter_file();
	if
	:: inside ->
		make_agent(a);
		publish_or_discard(a, 0);
		leave_file()
	:: else
	fi;
	inside = 0
}

/* attach: swarm_attach(), with swarm_agent_enter() */
inline order_attach(me, a) {
	enter_file();
	if
	:: inside ->
		d_step {
			code();
			reading = reading | bit_of(me);
			err = !(agents[a].listed && !agents[a].retired)
		}
		d_step {
			code();
			if
			:: !err ->
				must(agent_is_there, agents[a].memory != FREE);
				if
				:: agents[a].state == RUNNING -> agents[a].uses++
				:: else -> err = 1
				fi
			:: else
			fi;
			rcu_unlock_step(me)
		}
		if
		:: !err ->
			pick(p);
			if
			:: p != NOBODY ->
				atomic {
					!agents[a].orders && !adoptions -> code();
					agents[a].orders = 1; adoptions = 1
				}
				check_candidate(p, err);
				/* swarm_place_attached(): there is a process to compare with. */
				if
				:: !err -> d_step { code(); err = agents[a].members == 0 }
				:: else
				fi;
				if
				:: !err -> enrol(a, p, err)
				:: else
				fi;
#ifndef NO_SECOND_DOOM
				if
				:: !err && agents[a].state >= DYING -> doom(me, a)
				:: else
				fi;
#endif
				d_step { code(); adoptions = 0; agents[a].orders = 0 }
			:: else
			fi;
			give_up(a, 0)
		:: else
		fi;
		leave_file()
	:: else
	fi;
	inside = 0; err = 0; p = NOBODY
}

/* update with "frozen": update_agent(), carry_out(), swarm_agent_set_frozen() */
inline order_freeze(me, a, on) {
	enter_file();
	if
	:: inside ->
		hold_agent(me, a, RUNNING, err);
		if
		:: !err ->
			atomic { !agents[a].orders -> code(); agents[a].orders = 1 }
			/* swarm_regroup(), which writes cgroup.freeze */
			d_step {
				code();
				err = on && agents[a].members == 0;
				if
				:: !err -> agents[a].chilled = on
				:: else
				fi
			}
			if
			:: !err ->
				d_step {
					code();
					must(agent_is_there, agents[a].memory == OWNED);
					if
					:: on && agents[a].state == RUNNING && !agents[a].frozen ->
						agents[a].frozen = 1; frozen_total++
					:: !(on && agents[a].state == RUNNING) && agents[a].frozen ->
						agents[a].frozen = 0; frozen_total--
					:: else
					fi
				}
			:: else
			fi;
			d_step { code(); agents[a].orders = 0 }
			give_up(a, 0)
		:: else
		fi;
		leave_file()
	:: else
	fi;
	inside = 0; err = 0
}

/* destroy: swarm_agent_destroy(), with swarm_agent_keep() */
inline order_destroy(me, a) {
	enter_file();
	if
	:: inside ->
		hold_agent(me, a, DYING, err);
		if
		:: !err ->
			doom(me, a);
#ifdef DESTROY_DISARMS
			d_step {
				code();
				r = NOBODY;
				for (i_ : 0 .. ENTRIES - 1) {
					if
					:: entries[i_].where == RESERVED && entries[i_].agent == a &&
					   (entries[i_].flags & SPAWNED) ->
						r = i_; entries[i_].where = OWNED
					:: else
					fi
				}
				i_ = 0
			}
			if
			:: r != NOBODY -> drop_reserved(r)
			:: else
			fi;
			r = NOBODY;
#endif
			give_up(a, 0)
		:: else
		fi;
		leave_file()
	:: else
	fi;
	inside = 0; err = 0
}

/* Threads */

#define EACH_ORDER_HAS	bit ends, unpin, inside, err; \
			byte e = NOBODY, r = NOBODY, p = NOBODY, held = NOBODY; \
			byte victim = NOBODY, until, at

/* reserve() of hook_clone.c: @passes is cleared where the call starts anew. */
inline reserve(t, passes) {
#ifndef KEEP_ARMED_RESERVATION
	if
	:: r != NOBODY && (entries[r].flags & SPAWNED) -> cancel_reserved(t)
	:: else
	fi;
#endif
	if
	:: r == NOBODY ->
		if
		:: empty_pool == 0
		:: empty_pool > 0 -> empty_pool--; passes = 0
		:: empty_pool > 0
		fi;
		if
		:: passes ->
			d_step {
				code();
				alloc_entry_step(r);
				if
				:: r == NOBODY -> passes = 0
				:: else ->
					entries[r].agent = entries[e].agent;
					entries[r].flags = entries[e].flags & JOINING;
					reserve_step(r, t)
				fi
			}
		:: else
		fi
	:: else ->
#ifndef KEEP_ARMED_RESERVATION
		d_step { entries[r].flags = entries[e].flags & JOINING }
#else
		skip
#endif
	fi;
#ifdef EMPTY_POOL_PASSES
	passes = 1;
#endif
	skip
}

/*
 * launch(), launch_joining() of hook_clone.c: @passes is cleared where the agent is being
 * destroyed, or has nobody to join, and then disarm_canceled() runs.
 */
inline launch(t, passes) {
	d_step {
		code();
#ifndef DESTROY_DISARMS
		must(agent_is_there, agents[promised].memory == OWNED);
#endif
		passes = agents[promised].state < DYING
	}
	if
	:: passes && joins_it ->
		d_step { code(); passes = agents[promised].members > 0 }
	:: else
	fi;
	if
	:: !passes -> promised = NOBODY; cancel_reserved(t)
	:: else ->
		/* swarm_spawn_forks(): holds the module until back_from_fork() */
		d_step { code(); get_module(); watched = 1 }
	fi;
	r = NOBODY
}

/*
 * fork(2). @promised is the agent that the child must be in: that of which its parent was a
 * member when its call passed the hook, or that its thread was armed for.
 */
inline fork(t) {
	passes = 1;
	/* swarm_hook_clone(), decide_clone() */
	in_hook_or_stub(t);
	if
	:: inside ->
		d_step {
			code();
			find_entry_step(own, e);
			find_reserved_step(t, r);
			if
			:: e != NOBODY -> promised = entries[e].agent
			:: e == NOBODY && r != NOBODY ->
				promised = entries[r].agent;
				joins_it = (entries[r].flags & JOINING) != 0
			:: else
			fi
		}
		if
		:: e != NOBODY ->
#ifndef NO_RESERVATION
			reserve(t, passes);
#endif
			r = NOBODY
		:: e == NOBODY && r != NOBODY -> launch(t, passes)
		:: else
		fi;
		e = NOBODY;
		out_of_hook(t)
	:: else
	fi;
	/* copy_process() */
	child = NOBODY;
	if
	:: passes ->
		atomic {
			if
			:: slots_left ->
				for (i_ : 0 .. TASKS - 1) {
					if
					:: child == NOBODY && threads[i_].state == UNBORN ->
						child = i_;
						threads[i_].state = NEW;
						threads[i_].process = i_;
						live[i_] = 1
					:: else
					fi
				}
				i_ = 0
			:: fails > 0 -> fails--
			:: !slots_left && fails == 0
			fi
		}
	:: else
	fi;
	if
	:: child != NOBODY ->
		/* on_fork() of track.c, swarm_spawn_child() */
		in_callback(t);
		if
		:: inside ->
			/* swarm_reserved_take(), swarm_member_add_child(), swarm_agent_join() */
			d_step {
				code();
				find_reserved_step(t, r);
#ifdef NO_RESERVATION
				/* The entry is looked for when there is a child already. */
				find_entry_step(own, e);
				if
				:: r == NOBODY && e != NOBODY && empty_pool == 0 ->
					alloc_entry_step(r);
					entries[r].agent = entries[e].agent
				:: else
				fi;
				e = NOBODY;
#endif
				if
				:: r != NOBODY ->
					held = entries[r].agent;
					find_entry_step(child, e);
					must(one_entry, e == NOBODY);
					must(agent_is_there, agents[held].memory == OWNED);
					if
					:: entries[r].flags & NEWBORN
					:: else -> agents[held].uses++
					fi;
					must(agent_is_there, agents[held].uses > 0);
					if
					:: agents[held].state < RUNNING -> agents[held].state = RUNNING
					:: else
					fi;
					must(agent_is_there, agents[held].state != GONE);
					entries[r].where = TABLE;
					entries[r].key = child;
					list_step(held, r)
				:: else
				fi
			}
			if
			:: r != NOBODY ->
				/* The end of swarm_spawn_child(), which looks at the mark. */
				d_step {
					code();
					threads[child].first_work = (entries[r].flags & NEWBORN) != 0 ||
#ifdef MARK_NOT_SEEN
						0;
#else
						agents[held].state >= DYING;
#endif
					held = NOBODY
				}
			:: else
			fi;
			r = NOBODY;
			out_of_callback(t)
		:: else
		fi;
		/*
		 * wake_up_new_task(). No child of a member, or of an armed thread, is outside the
		 * agent.
		 */
		d_step {
			find_entry_step(child, e);
			must(child_enrolled, promised == NOBODY ||
					     (e != NOBODY && entries[e].agent == promised));
			e = NOBODY;
			threads[child].state = ALIVE
		}
	:: else
	fi;
	child = NOBODY; promised = NOBODY; passes = 0; inside = 0; joins_it = 0;
	if
	:: watched -> d_step { code(); drop_module(); watched = 0 }
	:: else
	fi
}

/* first_work() of spawn.c, in the child before its first instruction */
inline begin(t) {
	if
	:: threads[t].first_work ->
		in_task_work(t);
		d_step { code(); find_entry_step(own, e) }
		d_step { must(entry_is_there, e != NOBODY) }
		if
		:: agents[entries[e].agent].state >= DYING -> d_step { threads[t].killed = 1 }
		:: else ->
			if
			:: (entries[e].flags & NEWBORN) && !(entries[e].flags & JOINING) && births_fail > 0 ->
				births_fail--;
				held = entries[e].agent;
				/* swarm_agent_stillborn() */
				doom(t, held);
				held = NOBODY
			:: d_step { code(); entries[e].flags = entries[e].flags & ~NEWBORN }
			fi
		fi;
		e = NOBODY;
		threads[t].first_work = 0;
		out_of_task_work(t)
	:: else
	fi
}

/*
 * The execve of a process that came to an agent that runs: look_at_place(), then on_exec().
 * Others' have no part in the life of an agent.
 */
inline execute(t) {
	d_step {
		find_entry_step(own, e);
		if
		:: e != NOBODY && !(entries[e].flags & JOINING) -> e = NOBODY
		:: else
		fi;
	}
	if
	:: e != NOBODY ->
		d_step {
			code();
			j_ = 0;
			for (i_ : 0 .. ENTRIES - 1) {
				if
				:: (entries[i_].where == TABLE || entries[i_].where == LISTED) &&
				   entries[i_].agent == entries[e].agent && !(entries[i_].flags & JOINING) ->
					j_ = 1
				:: else
				fi
			}
			i_ = 0;
			if
			:: j_ -> entries[e].flags = entries[e].flags & ~JOINING
			:: else -> threads[t].killed = 1
			fi;
			j_ = 0
		}
	:: else
	fi;
	e = NOBODY
}

/* Is somebody left who holds the process's signal_struct, or an entry that names it? */
inline check_forgotten(pr) {
	for (i_ : 0 .. ENTRIES - 1) {
		must(no_entry_of_the_dead,
		     !((entries[i_].where == TABLE || entries[i_].where == LISTED) &&
		       entries[i_].key == pr))
	}
	i_ = 0
}

/* swarm_member_leave() */
inline leave_agent(m) {
	if
	:: entries[m].flags & EXITED -> d_step { code(); entries[m].where = LISTED }
	:: else
	fi;
	held = entries[m].agent;
	give_up(held, 1);
	free_entry(m);
	held = NOBODY;
	m = NOBODY
}

/* The end of on_exit(): swarm_member_remove(), if it is the last thread of its process */
inline remove_step(pr) {
	if
	:: live[pr] == 0 ->
		find_entry_step(pr, e);
		if
		:: e != NOBODY && !(entries[e].flags & JOINING) -> entries[e].where = LISTED
		:: e != NOBODY && (entries[e].flags & EXITED) -> e = NOBODY
		:: e != NOBODY && (entries[e].flags & JOINING) && !(entries[e].flags & EXITED) ->
			entries[e].flags = entries[e].flags | EXITED
		:: else
		fi
	:: else
	fi
}

/* do_exit() */
inline exit(t) {
	d_step { live[own]-- }
	/* on_exit() of track.c */
	in_callback(t);
	if
	:: inside ->
		/* swarm_reserved_take(): nobody but the thread itself sees what it does. */
		d_step {
			code();
			find_reserved_step(t, r);
			if
			:: r != NOBODY -> entries[r].where = OWNED
			:: else -> remove_step(own)
			fi
		}
		if
		:: r != NOBODY ->
			drop_reserved(r);
			r = NOBODY;
			d_step { code(); remove_step(own) }
		:: else
		fi;
		out_of_callback(t)
	:: else
	fi;
	/* leave() of track.c, in task work */
	if
	:: e != NOBODY ->
		in_task_work(t);
		d_step {
			code();
#ifndef LEAVE_AT_ONCE
			passes = others_let_go(t)
#else
			passes = 1
#endif
		}
		if
		:: passes -> leave_agent(e)
		:: else -> d_step { code(); leaving = e; e = NOBODY }
		fi;
		out_of_task_work(t)
	:: else
	fi;
	inside = 0; passes = 0;
	/* exit_notify() */
	d_step {
		threads[t].state = DEAD;
		if
		:: others_let_go(t) && leaving == NOBODY -> check_forgotten(own)
		:: else
		fi
	}
}

proctype thread(byte t) {
	EACH_ORDER_HAS;
	byte child = NOBODY, promised = NOBODY, own = NOBODY;
	bit passes, watched, joins_it;

end_unborn:
	atomic { threads[t].state == ALIVE -> own = threads[t].process }
	begin(t);
	if
	:: t == 0 -> ROLE0(t)
	:: t == 1 -> ROLE1(t)
	:: else
	fi;
end_stopped:
	do
	:: threads[t].killed -> break
	:: !threads[t].killed && !stopped(t) && (slots_left || fails > 0) -> fork(t)
	:: !threads[t].killed && !stopped(t) && of_entries(joins, t) -> execute(t)
	:: !threads[t].killed && !stopped(t) -> break
	/* It waits for something, and nothing but SIGKILL comes. */
	:: !threads[t].killed && LIVES_ON(t) ->
end_waiting:	threads[t].killed;
		break
	od;
	exit(t)
}

/* Workers: leave_when_let_go() of track.c; tell_ends() and reap_one() of agent.c */

proctype leaver() {
	bit ends, unpin;
	byte held = NOBODY, m = NOBODY, pr = NOBODY;

end_idle:
	do
	:: atomic { leaving != NOBODY && all_dead(entries[leaving].key) ->
			code(); m = leaving; pr = entries[m].key; working++ }
		d_step { code(); leaving = NOBODY }
		leave_agent(m);
		d_step { code(); working--; check_forgotten(pr); pr = NOBODY }
	od
}

/* swarm_event_destroyed() and hand_over(), then xa_cmpxchg() and call_rcu() of reap_one() */
inline work_on(a) {
	if
	:: agents[a].work == TO_TELL ->
		retire_step(a);
		agents[a].work = TO_REAP
	:: else ->
		agents[a].work = NOTHING;
		agents[a].listed = 0;
		free_agent_step(a)
	fi
}

proctype reaper() {
end_idle:
	do
	:: d_step { agents[0].work != NOTHING -> code(); work_on(0) }
#if AGENTS > 1
	:: d_step { agents[1].work != NOTHING -> code(); work_on(1) }
#endif
#if AGENTS > 2
	:: d_step { agents[2].work != NOTHING -> code(); work_on(2) }
#endif
	od
}

/* Administrators: each is a process outside, with a number beyond those of threads. */

#define ADMIN_A	TASKS
#define ADMIN_B	(TASKS + 1)
#define READER	(TASKS + 2)

proctype admin_a() {
	EACH_ORDER_HAS;
	SCRIPT_A(ADMIN_A)
}

proctype admin_b() {
	EACH_ORDER_HAS;
	SCRIPT_B(ADMIN_B)
}

/* Some other RCU reader of the kernel: a grace period may take long. */
proctype reader() {
	rcu_lock(READER);
	rcu_unlock(READER)
}

/* Unloading: delete_module(2), then swarm_exit() of main.c. A module in use is not unloaded. */

#ifdef UNLOADS
proctype unloader() {
	if
	:: atomic { refs == 0 -> module = GOING }
	:: atomic { refs > 0 -> goto refused }
	fi;
	/* swarm_proc_exit(): remove_proc_subtree() waits for calls that are inside. */
	d_step { files = 0 }
#ifndef FILES_NOT_WAITED_FOR
	handlers == 0;
#endif
	/* swarm_hooks_exit() */
	d_step { hooks = 0 }
#ifndef HOOKS_NOT_WAITED_FOR
	hooked == 0;
#endif
	/* swarm_track_exit(): swarm_tracepoints_exit(), then flush_delayed_work() */
	d_step { tracing = 0 }
#ifndef TRACEPOINTS_NOT_WAITED_FOR
	traced == 0;
#endif
	leaving == NOBODY && working == 0;
	/* swarm_agents_clear() */
#ifndef NO_FLUSH
	no_work;
#endif
	d_step {
		for (i_ : 0 .. AGENTS - 1) {
			if
			:: agents[i_].listed ->
				must(nothing_runs, agents[i_].uses == 0 && agents[i_].state == REGISTERED);
				agents[i_].listed = 0;
				agents[i_].retired = 1;
				agents[i_].state = GONE;
				free_agent_step(i_)
			:: else
			fi
		}
		i_ = 0
	}
	/* swarm_members_exit(), swarm_agents_exit(): the caches are destroyed. */
#ifndef NO_BARRIER
	no_callbacks;
#endif
	d_step {
		for (i_ : 0 .. ENTRIES - 1) {
			must(nothing_left, entries[i_].where == FREE);
		}
		for (i_ : 0 .. AGENTS - 1) {
			must(nothing_left, agents[i_].memory == FREE);
		}
		i_ = 0;
		must(nothing_runs, refs == 0 && handlers == 0);
		module = UNLOADED
	}
refused:
	skip
}
#endif

/*
 * Nothing can happen any more: whatever was to end has ended. What is left waits for its first
 * instruction, its fork or SIGKILL, or is stopped.
 */
proctype monitor() {
	byte a, n;

	timeout;
	d_step {
#ifdef WITNESS
		must(witness, !(WITNESS));
#endif
		must(all_is_quiet, !create_lock && !adoptions && handlers == 0 && hooked == 0 && traced == 0);
		must(all_is_quiet, reading == 0 && working == 0 && leaving == NOBODY);
		must(unloading_ends, module != GOING);
		n = 0;
		for (a : 0 .. AGENTS - 1) {
			must(all_is_quiet, agents[a].work == NOTHING && !agents[a].orders);
			must(the_dying_end, agents[a].state != GONE || agents[a].memory == FREE);
			must(counts_agree, agents[a].state != REGISTERED || agents[a].uses == 0);
			must(counts_agree, agents[a].pinned == (agents[a].state >= ARMED && agents[a].state <= DYING));
			n = n + agents[a].pinned;
			/* Each use is that of a process that lives, or of an armed thread that does. */
			j_ = 0;
			for (i_ : 0 .. ENTRIES - 1) {
				if
				:: entries[i_].agent == a && entries[i_].where == TABLE ->
					must(no_entry_of_the_dead, live[entries[i_].key] > 0);
					must(the_dying_end, agents[a].state == RUNNING);
					j_++
				:: entries[i_].agent == a && entries[i_].where == RESERVED ->
					must(counts_agree, threads[entries[i_].key].state == ALIVE);
					if
					:: entries[i_].flags & SPAWNED -> j_++
					:: else
					fi
				:: else ->
					must(counts_agree, entries[i_].agent != a)
				fi
			}
			i_ = 0;
			/* Of one that is dying, a thread that is armed for it has yet to be answered. */
			must(counts_agree, agents[a].memory == FREE || agents[a].uses == j_);
			must(counts_agree, agents[a].state < ARMED || agents[a].state == GONE || j_ > 0)
		}
		#ifdef UNLOADS
		must(counts_agree, refs == n);
#endif
		n = 0;
		for (a : 0 .. AGENTS - 1) {
			n = n + (agents[a].frozen && agents[a].memory == OWNED)
		}
		must(counts_agree, frozen_total == n)
	}
}

init {
	atomic {
		for (i_ : 0 .. INITIAL - 1) {
			threads[i_].state = ALIVE;
			threads[i_].process = i_;
			live[i_] = 1
		}
#ifdef TWO_THREADS
		threads[1].process = 0;
		live[0] = 2;
		live[1] = 0;
#endif
		for (i_ : 0 .. ENTRIES - 1) {
			wipe_entry(i_)
		}
		for (i_ : 0 .. TASKS - 1) {
			run thread(i_)
		}
		i_ = 0;
		run leaver();
		run reaper();
		run admin_a();
		run admin_b();
#ifdef READS
		run reader();
#endif
#ifdef UNLOADS
		run unloader();
#endif
		run monitor()
	}
}
