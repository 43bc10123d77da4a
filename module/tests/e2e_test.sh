#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# e2e_test.sh: what a user does at a prompt, against the loaded module. Needs root,
# a POSIX shell and nothing else; speaks TAP; exits 1 if anything differs.
swarm=/proc/swarm
count=0 failures=0

# is WHAT SEEN EXPECTED
is() {
	count=$((count + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $count - $1"
	else
		echo "not ok $count - $1"
		echo "# expected: $3"
		echo "# seen:     $2"
		failures=$((failures + 1))
	fi
}

field() {
	sed -n "s/^$1: //p" "$swarm/status"
}

# An agent's end comes a moment after its last process's.
wait_for_none() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		[ "$(field 'Active agents')" != 0 ] || break
		sleep 0.2
	done
	field 'Active agents'
}

# create OBJECT: writes it in one write and prints what is read back
create() {
	(
		exec 3<>"$swarm/create"
		echo "$1" >&3 2>/dev/null
		cat <&3
	)
}

# agent OBJECT LINE: a shell line as the first process of an agent. A shell may
# replace itself by the last command of all, which is no fork: there is one behind.
agent() {
	(
		echo "$1" >"$swarm/create"
		/bin/sh -c "$2"
		:
	) 2>&1
}

[ -w "$swarm/create" ] || {
	echo "Bail out! $swarm/create is not there or not writable: load swarm_guard, be root"
	exit 1
}
[ "$(field 'Active agents')" = 0 ] || {
	echo "Bail out! there are agents already; this test needs a module without any"
	exit 1
}

# Registering.
created=$(field 'Total created')
answer=$(create '{"memory_limit":268435456,"cpu_quota":25,"namespace_flags":63}')
id=$(echo "$answer" | sed -n 's/^{"id":\([0-9]*\)}$/\1/p')
is 'create answers with an id' "$answer" "{\"id\":$id}"
is 'it is counted as created' "$(field 'Total created')" $((created + 1))
is 'it is active' "$(field 'Active agents')" 1
is 'agents lists it' "$(cat "$swarm/agents")" \
	"ID: $id, PID: 0, Memory: 256MB, CPU: 25%, Namespaces: 0x3F"
echo "$id" >"$swarm/destroy"
is 'destroy ends it' "$(wait_for_none)" 0
is 'agents lists none' "$(cat "$swarm/agents")" ''

# Refusing.
is 'an unknown key is named' "$(create '{"colour":1}' | cut -d, -f1-3)" \
	'{"error":"EINVAL","field":"colour","offset":1'
is 'a value out of range is named' "$(create '{"cpu_quota":-1}' | cut -d, -f1-3)" \
	'{"error":"EINVAL","field":"cpu_quota","offset":13'
is 'what is refused creates nothing' "$(field 'Total created')" $((created + 1))

# Living as an agent.
is 'the next process is process 1' "$(agent '{"spawn":true}' 'echo $$')" 1
is 'it is root inside' "$(agent '{"spawn":true}' 'id -u')" 0
is 'its cgroup is the root of what it sees' \
	"$(agent '{"spawn":true,"pids_limit":50}' 'cat /proc/self/cgroup')" '0::/'
is 'core_pattern is closed to it' \
	"$(agent '{"spawn":true}' 'echo x 2>/dev/null >/proc/sys/kernel/core_pattern || echo refused' | tail -n 1)" refused
is 'what is not listed is not executed' \
	"$(agent '{"spawn":true,"exec_paths":["/bin/sh"]}' '/bin/ls 2>/dev/null || echo $?')" 126
name=$(uname -n)
agent '{"spawn":true}' 'hostname elsewhere' >/dev/null
is 'its host name is its own' "$(uname -n)" "$name"
violations=$(field 'Policy violations')
agent '{"spawn":true,"syscalls":{"execve":"deny"}}' '/bin/ls' >/dev/null
is 'a denied execve is counted' "$(field 'Policy violations')" $((violations + 1))
is 'every agent has ended with its process' "$(wait_for_none)" 0
is 'every agent is counted as destroyed' "$(field 'Total destroyed')" "$(field 'Total created')"

echo "1..$count"
[ "$failures" -eq 0 ]
