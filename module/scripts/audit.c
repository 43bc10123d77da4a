// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * audit KERNEL-BTF MODULE-BTF: was the module built with the structures of the
 * kernel it is to be loaded into?
 *
 * A module built with almost the right headers loads and then writes into the
 * wrong bytes. Both files are BTF, the kernel's description of its types: that of
 * a running kernel is /sys/kernel/btf/vmlinux, that of a module is made by pahole
 * from its debugging information. Each structure, union and enumeration of the
 * module that the kernel has as well must be the same: size, members, where they
 * are, values. A program for user space; scripts/audit.sh runs it.
 */
#include <errno.h>
#include <linux/btf.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Members of anonymous structures inside one another are flattened; deeper is refused. */
#define MAX_DEPTH	32
#define MAX_SHOWN	200

struct btf {
	const char *path;
	const char *strings;
	__u32 strings_len;
	const struct btf_type **types;	/* by id, from 1 on; 0 is void */
	__u32 nr_types;
};

/* What of a type must be the same: for each member its name, its place and its width in bits. */
struct member {
	const char *name;
	__u64 place;
	__u64 width;
};

struct layout {
	__u64 size;
	struct member *members;
	size_t nr, room;
};

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("audit: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(2);
}

static void *must(void *memory)
{
	if (!memory)
		die("out of memory");
	return memory;
}

/* Reading BTF */

static size_t tail_size(const struct btf_type *type)
{
	__u32 vlen = BTF_INFO_VLEN(type->info);

	switch (BTF_INFO_KIND(type->info)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		return sizeof(__u32);
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return vlen * sizeof(struct btf_member);
	case BTF_KIND_ENUM:
		return vlen * sizeof(struct btf_enum);
	case BTF_KIND_ENUM64:
		return vlen * sizeof(struct btf_enum64);
	case BTF_KIND_FUNC_PROTO:
		return vlen * sizeof(struct btf_param);
	case BTF_KIND_DATASEC:
		return vlen * sizeof(struct btf_var_secinfo);
	case BTF_KIND_PTR:
	case BTF_KIND_FWD:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_FUNC:
	case BTF_KIND_FLOAT:
	case BTF_KIND_TYPE_TAG:
		return 0;
	default:
		die("BTF has a kind of type that is not known: %u", BTF_INFO_KIND(type->info));
	}
}

/* Files in /sys do not tell their size. */
static char *read_file(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	size_t room = 1 << 20, got;
	char *data = must(malloc(room));

	if (!file)
		die("%s: %s", path, strerror(errno));
	*size = 0;
	while ((got = fread(data + *size, 1, room - *size, file)) > 0) {
		*size += got;
		if (*size == room)
			data = must(realloc(data, room *= 2));
	}
	if (ferror(file))
		die("%s cannot be read", path);
	fclose(file);
	return data;
}

static struct btf load(const char *path)
{
	struct btf btf = { .path = path };
	const struct btf_header *header;
	const char *at, *end;
	size_t size;
	char *data = read_file(path, &size);

	header = (const struct btf_header *)data;
	if (size < sizeof(*header) || header->magic != BTF_MAGIC || header->hdr_len > size ||
	    (__u64)header->hdr_len + header->type_off + header->type_len > size ||
	    (__u64)header->hdr_len + header->str_off + header->str_len > size ||
	    !header->str_len)
		die("%s is not BTF", path);
	btf.strings = data + header->hdr_len + header->str_off;
	btf.strings_len = header->str_len;
	if (btf.strings[btf.strings_len - 1])
		die("%s is damaged: its strings do not end", path);
	btf.types = must(calloc(header->type_len / sizeof(struct btf_type) + 1,
				sizeof(*btf.types)));
	at = data + header->hdr_len + header->type_off;
	end = at + header->type_len;
	while (at < end) {
		const struct btf_type *type = (const struct btf_type *)at;

		if ((size_t)(end - at) < sizeof(*type) ||
		    (size_t)(end - at) < sizeof(*type) + tail_size(type))
			die("%s is damaged: a type is cut off", path);
		btf.types[++btf.nr_types] = type;
		at += sizeof(*type) + tail_size(type);
	}
	return btf;
}

static const char *name_of(const struct btf *btf, __u32 offset)
{
	if (offset >= btf->strings_len)
		die("%s is damaged: a name is outside its strings", btf->path);
	return btf->strings + offset;
}

static const struct btf_type *type_of(const struct btf *btf, __u32 id)
{
	if (!id || id > btf->nr_types)
		return NULL;
	return btf->types[id];
}

/* Layouts */

static bool is_aggregate(const struct btf_type *type)
{
	__u32 kind = BTF_INFO_KIND(type->info);

	return kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION;
}

static bool is_enumeration(const struct btf_type *type)
{
	__u32 kind = BTF_INFO_KIND(type->info);

	return (kind == BTF_KIND_ENUM || kind == BTF_KIND_ENUM64) && BTF_INFO_VLEN(type->info);
}

static const struct btf_type *unqualified(const struct btf *btf, __u32 id)
{
	const struct btf_type *type = type_of(btf, id);

	while (type) {
		switch (BTF_INFO_KIND(type->info)) {
		case BTF_KIND_TYPEDEF:
		case BTF_KIND_VOLATILE:
		case BTF_KIND_CONST:
		case BTF_KIND_RESTRICT:
		case BTF_KIND_TYPE_TAG:
			type = type_of(btf, type->type);
			continue;
		}
		break;
	}
	return type;
}

/* How many bits a member takes: of an array, all its elements. 0 where it cannot be told. */
static __u64 width_of(const struct btf *btf, __u32 id)
{
	const struct btf_type *type = unqualified(btf, id);
	__u64 count = 1;

	while (type && BTF_INFO_KIND(type->info) == BTF_KIND_ARRAY) {
		const struct btf_array *array = (const struct btf_array *)(type + 1);

		count *= array->nelems;
		type = unqualified(btf, array->type);
	}
	if (!type)
		return 0;
	switch (BTF_INFO_KIND(type->info)) {
	case BTF_KIND_PTR:
		return count * 64;
	case BTF_KIND_INT:
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
	case BTF_KIND_FLOAT:
		return count * type->size * 8;
	default:
		return 0;
	}
}

static void add(struct layout *layout, const char *name, __u64 place, __u64 width)
{
	if (layout->nr == layout->room) {
		layout->room = layout->room ? layout->room * 2 : 16;
		layout->members = must(realloc(layout->members,
					       layout->room * sizeof(*layout->members)));
	}
	layout->members[layout->nr++] = (struct member){ name, place, width };
}

static void add_members(const struct btf *btf, const struct btf_type *type, __u64 base,
			struct layout *layout, int depth)
{
	const struct btf_member *member = (const struct btf_member *)(type + 1);
	__u32 i;

	if (depth > MAX_DEPTH)
		die("%s is damaged: a structure contains itself", btf->path);
	for (i = 0; i < BTF_INFO_VLEN(type->info); i++, member++) {
		bool packed = BTF_INFO_KFLAG(type->info);
		__u64 place = base + (packed ? BTF_MEMBER_BIT_OFFSET(member->offset) :
					 member->offset);
		__u64 width = packed ? BTF_MEMBER_BITFIELD_SIZE(member->offset) : 0;
		const struct btf_type *inner = unqualified(btf, member->type);
		const char *name = name_of(btf, member->name_off);

		if (!*name && inner && is_aggregate(inner))
			add_members(btf, inner, place, layout, depth + 1);
		else
			add(layout, name, place, width ? width : width_of(btf, member->type));
	}
}

static void add_values(const struct btf *btf, const struct btf_type *type, struct layout *layout)
{
	__u32 i, nr = BTF_INFO_VLEN(type->info);

	if (BTF_INFO_KIND(type->info) == BTF_KIND_ENUM) {
		const struct btf_enum *value = (const struct btf_enum *)(type + 1);

		for (i = 0; i < nr; i++)
			add(layout, name_of(btf, value[i].name_off), (__u32)value[i].val, 0);
	} else {
		const struct btf_enum64 *value = (const struct btf_enum64 *)(type + 1);

		for (i = 0; i < nr; i++)
			add(layout, name_of(btf, value[i].name_off),
			    (__u64)value[i].val_hi32 << 32 | value[i].val_lo32, 0);
	}
}

static struct layout layout_of(const struct btf *btf, const struct btf_type *type)
{
	struct layout layout = { .size = type->size };

	if (is_aggregate(type))
		add_members(btf, type, 0, &layout, 0);
	else
		add_values(btf, type, &layout);
	return layout;
}

/* Where two layouts begin to differ; the number of members of both if nowhere. */
static size_t differs_at(const struct layout *a, const struct layout *b)
{
	size_t i, nr = a->nr < b->nr ? a->nr : b->nr;

	for (i = 0; i < nr; i++)
		if (strcmp(a->members[i].name, b->members[i].name) ||
		    a->members[i].place != b->members[i].place ||
		    a->members[i].width != b->members[i].width)
			break;
	return i;
}

static bool equal(const struct layout *a, const struct layout *b)
{
	return a->size == b->size && a->nr == b->nr && differs_at(a, b) == a->nr;
}

/* Finding a type by name */

struct index {
	__u32 *first;	/* id of the first type in each bucket */
	__u32 *next;		/* by id */
	__u32 mask;
};

static __u32 hash(const char *name)
{
	__u32 value = 2166136261u;

	while (*name)
		value = (value ^ (unsigned char)*name++) * 16777619u;
	return value;
}

static bool comparable(const struct btf *btf, const struct btf_type *type)
{
	return (is_aggregate(type) || is_enumeration(type)) && *name_of(btf, type->name_off);
}

static struct index make_index(const struct btf *btf)
{
	struct index index = { .mask = 1 };
	__u32 id;

	while (index.mask < btf->nr_types)
		index.mask = index.mask * 2 + 1;
	index.first = must(calloc((size_t)index.mask + 1, sizeof(*index.first)));
	index.next = must(calloc((size_t)btf->nr_types + 1, sizeof(*index.next)));
	for (id = 1; id <= btf->nr_types; id++) {
		__u32 *bucket;

		if (!comparable(btf, btf->types[id]))
			continue;
		bucket = &index.first[hash(name_of(btf, btf->types[id]->name_off)) & index.mask];
		index.next[id] = *bucket;
		*bucket = id;
	}
	return index;
}

static bool same_sort(const struct btf_type *a, const struct btf_type *b)
{
	if (is_aggregate(a))
		return BTF_INFO_KIND(a->info) == BTF_INFO_KIND(b->info);
	return is_enumeration(b);
}

static const char *sort_of(const struct btf_type *type)
{
	switch (BTF_INFO_KIND(type->info)) {
	case BTF_KIND_STRUCT:
		return "struct";
	case BTF_KIND_UNION:
		return "union";
	default:
		return "enum";
	}
}

static void show_member(const char *whose, const struct layout *layout, size_t i, bool values)
{
	const struct member *member = &layout->members[i];

	if (i >= layout->nr)
		printf(" %s ends here", whose);
	else if (values)
		printf(" %s has %s = %lld", whose, member->name, (long long)member->place);
	else if (member->place % 8)
		printf(" %s has %s at bit %llu", whose, member->name,
		       (unsigned long long)member->place);
	else
		printf(" %s has %s at byte %llu", whose, *member->name ? member->name : "a nameless one",
		       (unsigned long long)member->place / 8);
}

static void show(const char *name, const struct btf_type *type, const struct layout *module,
		 const struct layout *kernel)
{
	bool values = !is_aggregate(type);
	size_t i = differs_at(module, kernel);

	printf("%s %s: ", sort_of(type), name);
	if (!values)
		printf("%llu bytes, in the kernel %llu;", (unsigned long long)module->size,
		       (unsigned long long)kernel->size);
	show_member("the module", module, i, values);
	putchar(',');
	show_member("the kernel", kernel, i, values);
	putchar('\n');
}

int main(int argc, char **argv)
{
	unsigned int compared = 0, differing = 0;
	struct btf kernel, module;
	struct index index;
	__u32 id;

	if (argc != 3)
		die("usage: audit KERNEL-BTF MODULE-BTF");
	kernel = load(argv[1]);
	module = load(argv[2]);
	index = make_index(&kernel);
	for (id = 1; id <= module.nr_types; id++) {
		const struct btf_type *type = module.types[id], *other = NULL;
		struct layout mine, theirs;
		bool found = false;
		const char *name;
		__u32 i;

		if (!comparable(&module, type))
			continue;
		name = name_of(&module, type->name_off);
		mine = layout_of(&module, type);
		/* Files of the kernel may have private types of one name: any may be meant. */
		for (i = index.first[hash(name) & index.mask]; i && !found; i = index.next[i]) {
			if (strcmp(name, name_of(&kernel, kernel.types[i]->name_off)) ||
			    !same_sort(type, kernel.types[i]))
				continue;
			other = kernel.types[i];
			theirs = layout_of(&kernel, other);
			found = equal(&mine, &theirs);
			free(theirs.members);
		}
		compared += other ? 1 : 0;
		if (other && !found && differing++ < MAX_SHOWN) {
			theirs = layout_of(&kernel, other);
			show(name, type, &mine, &theirs);
			free(theirs.members);
		}
		free(mine.members);
	}
	/* A module that shares no type with the kernel has no debugging information. */
	if (!compared)
		die("%s and %s have no type in common", argv[1], argv[2]);
	printf("audit: %u types compared with the kernel's, %u differ\n", compared, differing);
	return differing ? 1 : 0;
}
