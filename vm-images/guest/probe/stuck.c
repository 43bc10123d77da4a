// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * stuck FILE — reads FILE into memory that nobody ever provides.
 *
 * As a file system of the reader's own (FUSE) could, userfaultfd(2) keeps the kernel waiting
 * for the page. Prints "stuck" once the kernel does wait, and stays until it is killed.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "files.h"

static char *page;

static void *read_file_there(void *path)
{
	if (read(open_or_die(path, O_RDONLY), page, getpagesize()) < 0)
		die("read");
	die("the file was read");
}

/* Returns the descriptor that tells of faults in the page. */
static int missing_page(void)
{
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register area = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	page = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	area.range = (struct uffdio_range){ (unsigned long)page, getpagesize() };
	if (fd < 0 || page == MAP_FAILED || ioctl(fd, UFFDIO_API, &api) ||
	    ioctl(fd, UFFDIO_REGISTER, &area))
		die("userfaultfd");
	return fd;
}

int main(int argc, char **argv)
{
	struct uffd_msg fault;
	pthread_t thread;
	int fd;

	if (argc != 2)
		die("usage: stuck FILE");
	fd = missing_page();
	if (pthread_create(&thread, NULL, read_file_there, argv[1]))
		die("pthread_create");
	if (read(fd, &fault, sizeof(fault)) != sizeof(fault) || fault.event != UFFD_EVENT_PAGEFAULT)
		die("no fault");
	puts("stuck");
	fflush(stdout);
	for (;;)
		pause();
}
