// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * fexit FUNCTION — attach a BPF program that does nothing to the end of a function of the
 * kernel, as tools that observe a machine do; say "attached", and stay until killed, which
 * detaches it. Exits with 3 where the kernel knows no such function.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/btf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "files.h"

/* What stands behind a type in BTF. */
static size_t rest_of(const struct btf_type *type)
{
	size_t nr = BTF_INFO_VLEN(type->info);

	switch (BTF_INFO_KIND(type->info)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		return 4;
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return nr * sizeof(struct btf_member);
	case BTF_KIND_ENUM:
		return nr * sizeof(struct btf_enum);
	case BTF_KIND_ENUM64:
		return nr * sizeof(struct btf_enum64);
	case BTF_KIND_FUNC_PROTO:
		return nr * sizeof(struct btf_param);
	case BTF_KIND_DATASEC:
		return nr * sizeof(struct btf_var_secinfo);
	default:
		return 0;
	}
}

static uint32_t id_of(const char *function)
{
	int fd = open_or_die("/sys/kernel/btf/vmlinux", O_RDONLY);
	const struct btf_header *header;
	const char *names, *at, *end;
	struct stat status;
	uint32_t id;
	char *text;
	ssize_t n = 0, more;

	if (fstat(fd, &status))
		die("fstat");
	text = malloc(status.st_size);
	while (text && (more = read(fd, text + n, status.st_size - n)) > 0)
		n += more;
	close(fd);
	if (!text || n != status.st_size)
		die("BTF");
	header = (void *)text;
	at = text + header->hdr_len + header->type_off;
	end = at + header->type_len;
	names = text + header->hdr_len + header->str_off;
	for (id = 1; at < end; id++) {
		const struct btf_type *type = (void *)at;

		if (BTF_INFO_KIND(type->info) == BTF_KIND_FUNC &&
		    !strcmp(names + type->name_off, function))
			break;
		at += sizeof(*type) + rest_of(type);
	}
	if (at >= end)
		id = 0;
	free(text);
	return id;
}

static long bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

int main(int argc, char **argv)
{
	const struct bpf_insn program[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_TRACING,
		.insn_cnt = 2,
		.insns = (uintptr_t)program,
		.license = (uintptr_t)"GPL",
		.expected_attach_type = BPF_TRACE_FEXIT,
	};
	int fd;

	if (argc != 2) {
		fprintf(stderr, "usage: fexit FUNCTION\n");
		return 2;
	}
	attr.attach_btf_id = id_of(argv[1]);
	if (!attr.attach_btf_id)
		return 3;
	fd = bpf(BPF_PROG_LOAD, &attr);
	if (fd < 0)
		die("BPF_PROG_LOAD");
	memset(&attr, 0, sizeof(attr));
	attr.raw_tracepoint.prog_fd = fd;
	if (bpf(BPF_RAW_TRACEPOINT_OPEN, &attr) < 0)
		die("BPF_RAW_TRACEPOINT_OPEN");
	printf("attached\n");
	fflush(stdout);
	for (;;)
		pause();
}
