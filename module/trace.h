/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The tracepoints swarm_guard:*, for tracefs and perf. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM swarm_guard

#if !defined(SWARM_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define SWARM_TRACE_H

#include <linux/tracepoint.h>

#include "event.h"

TRACE_EVENT(agent_create,
	TP_PROTO(u64 id, const char *name),
	TP_ARGS(id, name),
	TP_STRUCT__entry(
		__field(u64, id)
		__string(name, name)
	),
	TP_fast_assign(
		__entry->id = id;
		__assign_str(name);
	),
	TP_printk("id=%llu name=%s", __entry->id, __get_str(name))
);

TRACE_EVENT(agent_spawn,
	TP_PROTO(u64 id, pid_t pid, const char *by),
	TP_ARGS(id, pid, by),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(pid_t, pid)
		__string(by, by)
	),
	TP_fast_assign(
		__entry->id = id;
		__entry->pid = pid;
		__assign_str(by);
	),
	TP_printk("id=%llu pid=%d by=%s", __entry->id, __entry->pid, __get_str(by))
);

TRACE_EVENT(agent_update,
	TP_PROTO(u64 id, u32 keys),
	TP_ARGS(id, keys),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u32, keys)
	),
	TP_fast_assign(
		__entry->id = id;
		__entry->keys = keys;
	),
	TP_printk("id=%llu keys=%s", __entry->id,
		  __print_flags(__entry->keys, "|",
				{ BIT(SWARM_UPDATE_MEMORY_LIMIT), "memory_limit" },
				{ BIT(SWARM_UPDATE_CPU_QUOTA), "cpu_quota" },
				{ BIT(SWARM_UPDATE_PIDS_LIMIT), "pids_limit" },
				{ BIT(SWARM_UPDATE_DEVICES), "devices" },
				{ BIT(SWARM_UPDATE_SOCKETS), "sockets" },
				{ BIT(SWARM_UPDATE_SYSCALLS), "syscalls" },
				{ BIT(SWARM_UPDATE_EXEC_PATHS), "exec_paths" },
				{ BIT(SWARM_UPDATE_UNLISTED), "unlisted" },
				{ BIT(SWARM_UPDATE_OOM_GROUP), "oom_group" },
				{ BIT(SWARM_UPDATE_FROZEN), "frozen" }))
);

TRACE_EVENT(agent_destroy,
	TP_PROTO(u64 id, const char *reason, u64 violations),
	TP_ARGS(id, reason, violations),
	TP_STRUCT__entry(
		__field(u64, id)
		__string(reason, reason)
		__field(u64, violations)
	),
	TP_fast_assign(
		__entry->id = id;
		__assign_str(reason);
		__entry->violations = violations;
	),
	TP_printk("id=%llu reason=%s violations=%llu", __entry->id, __get_str(reason),
		  __entry->violations)
);

TRACE_EVENT(agent_oom,
	TP_PROTO(u64 id, pid_t pid, const char *comm),
	TP_ARGS(id, pid, comm),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(pid_t, pid)
		__string(comm, comm)
	),
	TP_fast_assign(
		__entry->id = id;
		__entry->pid = pid;
		__assign_str(comm);
	),
	TP_printk("id=%llu pid=%d comm=%s", __entry->id, __entry->pid, __get_str(comm))
);

TRACE_EVENT(violation,
	TP_PROTO(u64 id, pid_t pid, const char *kind, const char *action),
	TP_ARGS(id, pid, kind, action),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(pid_t, pid)
		__string(kind, kind)
		__string(action, action)
	),
	TP_fast_assign(
		__entry->id = id;
		__entry->pid = pid;
		__assign_str(kind);
		__assign_str(action);
	),
	TP_printk("id=%llu pid=%d kind=%s action=%s", __entry->id, __entry->pid,
		  __get_str(kind), __get_str(action))
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
