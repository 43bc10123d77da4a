// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * gate FILE OPENED READ
 *
 * Holds up whoever opens FILE, and after that whoever reads it first, until a line of the
 * shell has been run: OPENED while the open waits, READ while the read does. Says "ready"
 * once it watches, {"stage":1|2,"status":N} after each line, and exits after the second.
 * The kernel's own opens and reads wait, too: those of an execve for the interpreter that a
 * program names.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/fanotify.h>
#include <unistd.h>

#include "files.h"

int main(int argc, char **argv)
{
	struct fanotify_event_metadata events[16], *event;
	struct fanotify_response response;
	int fd, stage = 0;
	ssize_t length;

	if (argc != 4)
		return 2;
	/* What the lines open and read themselves is not FILE. */
	fd = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die("fanotify_init");
	if (fanotify_mark(fd, FAN_MARK_ADD, FAN_OPEN_PERM | FAN_ACCESS_PERM, AT_FDCWD, argv[1]))
		die("%s", argv[1]);
	puts("ready");
	fflush(stdout);
	while (stage < 2) {
		length = read(fd, events, sizeof(events));
		if (length < 0)
			die("read");
		for (event = events; FAN_EVENT_OK(event, length);
		     event = FAN_EVENT_NEXT(event, length)) {
			if ((stage == 0 && event->mask & FAN_OPEN_PERM) ||
			    (stage == 1 && event->mask & FAN_ACCESS_PERM)) {
				stage++;
				printf("{\"stage\":%d,\"status\":%d}\n", stage,
				       system(argv[1 + stage]));
				fflush(stdout);
			}
			response = (struct fanotify_response){ event->fd, FAN_ALLOW };
			if (write(fd, &response, sizeof(response)) < 0)
				die("write");
			close(event->fd);
		}
	}
	return 0;
}
