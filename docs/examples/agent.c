/* Starts sleep as an agent with at most 64 MB of memory, shows it, and ends it. */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char policy[] = "{\"memory_limit\":67108864,\"spawn\":true}";

int main(void)
{
	char answer[4096] = "", line[256];
	unsigned long long id, each;
	FILE *agents, *destroy;
	int create, status;
	pid_t pid;

	create = open("/proc/swarm/create", O_RDWR | O_CLOEXEC);
	if (create < 0)
		err(1, "/proc/swarm/create");
	/* The thread that writes is the one whose next child becomes the agent. */
	if (write(create, policy, strlen(policy)) < 0)
		err(1, "the agent was refused");
	if (read(create, answer, sizeof(answer) - 1) < 0 || sscanf(answer, "{\"id\":%llu}", &id) != 1)
		errx(1, "unexpected answer: %s", answer);
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (pid == 0) {
		execl("/usr/bin/sleep", "sleep", "1000", NULL);
		_exit(127);
	}
	fputs(answer, stdout);

	agents = fopen("/proc/swarm/agents", "r");
	if (!agents)
		err(1, "/proc/swarm/agents");
	while (fgets(line, sizeof(line), agents))
		if (sscanf(line, "ID: %llu,", &each) == 1 && each == id)
			fputs(line, stdout);
	fclose(agents);

	destroy = fopen("/proc/swarm/destroy", "w");
	if (!destroy || fprintf(destroy, "%llu\n", id) < 0 || fclose(destroy))
		err(1, "/proc/swarm/destroy");
	waitpid(pid, &status, 0);
	printf("ended by %s\n", WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "itself");
	return 0;
}
