#!/usr/bin/env python3
"""Starts `sleep` as an agent with at most 64 MB of memory, shows it, and ends it."""
import json
import os
import signal
import subprocess

# The thread that writes is the one whose next child becomes the agent.
create = os.open("/proc/swarm/create", os.O_RDWR)
os.write(create, json.dumps({"memory_limit": 64 << 20, "spawn": True}).encode())
answer = os.read(create, 4096).decode()
agent = subprocess.Popen(["/usr/bin/sleep", "1000"])

print(answer, end="")
id = json.loads(answer)["id"]
with open("/proc/swarm/agents") as agents:
    print(next(line for line in agents if line.startswith(f"ID: {id},")), end="")

with open("/proc/swarm/destroy", "w") as destroy:
    print(id, file=destroy)
print("ended by", signal.Signals(-agent.wait()).name)
