// Starts sleep as an agent with at most 64 MB of memory, shows it, and ends it.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"runtime"
	"strings"
	"syscall"
)

const policy = `{"memory_limit":67108864,"spawn":true}`

// start runs argv as the first process of a new agent.
//
// The thread that writes is the one whose next child becomes the agent. os/exec would not do: at its
// first use it forks a child of its own, to see whether pidfds work, and that would be the agent.
func start(argv []string) (id uint64, pid int, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	create, err := os.OpenFile("/proc/swarm/create", os.O_RDWR, 0)
	if err != nil {
		return 0, 0, err
	}
	defer create.Close()
	if _, err = create.WriteString(policy); err != nil {
		return 0, 0, err
	}
	var answer struct{ ID uint64 }
	if err = json.NewDecoder(create).Decode(&answer); err != nil {
		return 0, 0, err
	}
	pid, err = syscall.ForkExec(argv[0], argv, &syscall.ProcAttr{Files: []uintptr{0, 1, 2}})
	return answer.ID, pid, err
}

func main() {
	id, pid, err := start([]string{"/usr/bin/sleep", "1000"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("{\"id\":%d}\n", id)

	agents, err := os.ReadFile("/proc/swarm/agents")
	if err != nil {
		log.Fatal(err)
	}
	for line := range strings.Lines(string(agents)) {
		if strings.HasPrefix(line, fmt.Sprintf("ID: %d,", id)) {
			fmt.Print(line)
		}
	}

	if err = os.WriteFile("/proc/swarm/destroy", fmt.Appendf(nil, "%d\n", id), 0); err != nil {
		log.Fatal(err)
	}
	var status syscall.WaitStatus
	if _, err = syscall.Wait4(pid, &status, 0, nil); err != nil {
		log.Fatal(err)
	}
	fmt.Println("ended by", status.Signal())
}
