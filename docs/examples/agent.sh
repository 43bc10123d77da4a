#!/bin/sh
# Starts `sleep` as an agent with at most 64 MB of memory, shows it, and ends it.
set -e
exec 3<>/proc/swarm/create
# If the policy is refused, echo fails, and set -e ends the script.
echo '{"memory_limit":67108864,"spawn":true}' >&3; read -r answer <&3; echo "$answer"
sleep 1000 &
id=$(echo "$answer" | tr -dc 0-9); grep "^ID: $id," /proc/swarm/agents
echo "$id" >/proc/swarm/destroy
