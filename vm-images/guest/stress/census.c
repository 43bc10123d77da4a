// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * census AGENTS PASSES READER...
 *
 * Creates AGENTS agents and has each READER, a thread with a descriptor of its
 * own, read /proc/swarm/agents PASSES times, while another thread destroys every
 * second one of them and makes and destroys more. A reader is SIZE[:HOW]: it
 * reads SIZE bytes at a time, with HOW
 *
 *	again	  by lseek back to 0 half-way through each pass, then from there;
 *	pread	  by pread at rising offsets;
 *	from	  by pread from the middle of the file to its end: the first line
 *		  seen whole is where its pass begins.
 *
 * Each says in one line of JSON what it saw of the agents that live all along: how many
 * times one was missing, came twice, came out of order, and how many lines were
 * no line of agents; and how many agents came and went while it read. Exits 1
 * where something could not be done at all.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "swarm.h"

#define BATCH	100

struct reader {
	pthread_t thread;
	size_t size;
	const char *how;
	int fd;
	char line[256];
	size_t length;
	/* The first piece of a pass that begins amid a line is none. */
	bool partial;
	uint64_t last;
	uint64_t from;
	size_t next;
	unsigned long lines, missing, twice, disorder, malformed, churned;
};

static uint64_t *ids;
static size_t nr_ids;
static int passes;
static atomic_ulong churned;
static atomic_bool done;

/* Creates agents with one write; returns how many, their ids in @into. */
static size_t create(int fd, size_t count, uint64_t *into)
{
	static const char object[] = "{\"memory_limit\":65537,\"cpu_quota\":25}\n";
	static __thread char text[BATCH * sizeof(object)], answers[BATCH * sizeof(object)];
	const char *next = answers;
	char *at = text;
	size_t made = 0;
	unsigned long long id;

	for (size_t i = 0; i < count; i++)
		at = stpcpy(at, object);
	if (swarm_give(fd, text, answers, sizeof(answers)))
		die("create");
	while ((next = swarm_next_id(next, &id)))
		into[made++] = id;
	if (made != count)
		die("answers");
	return made;
}

static void destroy(int fd, const uint64_t *from, size_t count, size_t step)
{
	char text[BATCH * 20], *at = text;

	for (size_t i = 0; i < count; i++)
		at += sprintf(at, "%llu\n", (unsigned long long)from[i * step]);
	if (write(fd, text, at - text) != at - text)
		die("destroy");
}

/* The odd ones go, from the end and from the beginning in turn; others come and go. */
static void *churn(void *unused)
{
	int creating = open_or_die("/proc/swarm/create", O_RDWR);
	int destroying = open_or_die("/proc/swarm/destroy", O_WRONLY);
	uint64_t young[BATCH], old[BATCH];
	size_t low = 0, high = nr_ids / 2, left = 0;

	(void)unused;
	while (!done) {
		size_t mortal = high - low < 10 ? high - low : 10;

		create(creating, BATCH, young);
		if (left)
			destroy(destroying, old, left, 1);
		memcpy(old, young, sizeof(old));
		left = BATCH;
		if (churned / BATCH % 2 && mortal) {
			high -= mortal;
			destroy(destroying, &ids[2 * high + 1], mortal, 2);
		} else if (mortal) {
			destroy(destroying, &ids[2 * low + 1], mortal, 2);
			low += mortal;
		}
		churned += BATCH;
	}
	for (size_t i = low; i < high; i++)
		destroy(destroying, &ids[2 * i + 1], 1, 2);
	destroy(destroying, old, left, 1);
	close(creating);
	close(destroying);
	return NULL;
}

static bool is_line(const char *line, uint64_t *id)
{
	unsigned long long number;
	unsigned int pid, namespaces;
	char memory[16], cpu[8], again[256];

	if (sscanf(line, "ID: %llu, PID: %u, Memory: %15[^,], CPU: %7[^,], Namespaces: 0x%X", &number, &pid,
		   memory, cpu, &namespaces) != 5)
		return false;
	snprintf(again, sizeof(again), "ID: %llu, PID: %u, Memory: 65537B, CPU: 25%%, Namespaces: 0x7F", number,
		 pid);
	*id = number;
	return !strcmp(line, again);
}

static void begin(struct reader *r, bool partial)
{
	r->length = 0;
	r->partial = partial;
	r->last = 0;
	r->from = partial ? UINT64_MAX : 0;
	r->next = 0;
}

static void saw(struct reader *r, uint64_t id)
{
	if (r->from == UINT64_MAX) {
		r->from = id;
		while (r->next < nr_ids && ids[r->next] < id)
			r->next += 2;
	}
	if (id == r->last)
		r->twice++;
	else if (id < r->last)
		r->disorder++;
	r->last = id;
	/* The even ones live; all that were passed over are missing. */
	for (; r->next < nr_ids && ids[r->next] < id; r->next += 2)
		r->missing++;
	if (r->next < nr_ids && ids[r->next] == id)
		r->next += 2;
}

static void feed(struct reader *r, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		uint64_t id;

		if (text[i] != '\n') {
			if (r->length < sizeof(r->line) - 1)
				r->line[r->length++] = text[i];
			continue;
		}
		r->line[r->length] = 0;
		r->length = 0;
		if (r->partial) {
			r->partial = false;
		} else if (is_line(r->line, &id)) {
			r->lines++;
			saw(r, id);
		} else {
			r->malformed++;
		}
	}
}

static void end(struct reader *r)
{
	for (; r->next < nr_ids; r->next += 2)
		r->missing++;
	if (r->length)
		r->malformed++;
}

static void pass(struct reader *r, char *text)
{
	bool at = !strcmp(r->how, "pread"), from = !strcmp(r->how, "from");
	/* A line has about 60 bytes, and half the agents stay. */
	off_t middle = (off_t)nr_ids / 4 * 60, offset = from ? middle : 0;
	bool again = !strcmp(r->how, "again");
	ssize_t n;

	begin(r, from);
	if (lseek(r->fd, 0, SEEK_SET))
		die("lseek");
	for (;;) {
		n = at || from ? pread(r->fd, text, r->size, offset) : read(r->fd, text, r->size);
		if (n < 0)
			die("read of agents");
		if (!n)
			break;
		offset += n;
		feed(r, text, n);
		/* It might never end where this is wrong. */
		if (r->twice + r->disorder > nr_ids)
			break;
		if (again && offset > middle) {
			again = false;
			begin(r, false);
			if (lseek(r->fd, 0, SEEK_SET))
				die("lseek");
		}
	}
	end(r);
}

static void *reader(void *arg)
{
	struct reader *r = arg;
	char *text = malloc(r->size);
	unsigned long before = churned;

	r->fd = open_or_die("/proc/swarm/agents", O_RDONLY);
	if (!text)
		die("memory");
	for (int i = 0; i < passes; i++)
		pass(r, text);
	r->churned = churned - before;
	close(r->fd);
	free(text);
	return NULL;
}

int main(int argc, char **argv)
{
	int fd, nr_readers = argc - 3;
	struct reader *readers;
	pthread_t churner;

	if (argc < 4) {
		fprintf(stderr, "usage: census AGENTS PASSES SIZE[:again|:pread|:from]...\n");
		return 2;
	}
	fd = open_or_die("/proc/swarm/create", O_RDWR);
	nr_ids = strtoul(argv[1], NULL, 0) / BATCH * BATCH;
	passes = atoi(argv[2]);
	ids = calloc(nr_ids, sizeof(*ids));
	readers = calloc(nr_readers, sizeof(*readers));
	if (!ids || !readers)
		die("calloc");
	for (size_t i = 0; i < nr_ids; i += BATCH)
		create(fd, BATCH, ids + i);

	if (pthread_create(&churner, NULL, churn, NULL))
		die("thread");
	for (int i = 0; i < nr_readers; i++) {
		char *how = strchr(argv[3 + i], ':');

		readers[i].size = strtoul(argv[3 + i], NULL, 0);
		readers[i].how = how ? how + 1 : "";
		if (pthread_create(&readers[i].thread, NULL, reader, &readers[i]))
			die("thread");
	}
	for (int i = 0; i < nr_readers; i++) {
		struct reader *r = &readers[i];

		pthread_join(r->thread, NULL);
		printf("{\"how\":\"%s\",\"lines\":%lu,\"missing\":%lu,\"twice\":%lu,\"disorder\":%lu,"
		       "\"malformed\":%lu,\"churned\":%lu}\n",
		       argv[3 + i], r->lines, r->missing, r->twice, r->disorder, r->malformed, r->churned);
	}
	done = true;
	pthread_join(churner, NULL);
	for (size_t i = 0; i < nr_ids; i += 2) {
		int to = open_or_die("/proc/swarm/destroy", O_WRONLY);
		size_t count = nr_ids - i < 2 * BATCH ? (nr_ids - i) / 2 : BATCH;

		destroy(to, &ids[i], count, 2);
		i += 2 * (count - 1);
		close(to);
	}
	close(fd);
	return 0;
}
