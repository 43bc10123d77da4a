// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Unit tests of the module's data structures that are free of kernel calls:
 *
 *	gcc -o test_main tests/test_main.c -lpthread && ./test_main
 *
 * Neither structure locks: its caller does. The module serialises them with a
 * mutex, and so do the tests that use threads.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../idrange.h"
#include "../readback.h"
#include "tap.h"

/* What must stay as it is on either side of a buffer. */
#define GUARD		0x5a
#define GUARD_SIZE	64

/* The same numbers in every run. */
static u32 next_random(u32 *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 16;
}

static void *allocate(size_t size)
{
	void *memory = malloc(size);

	if (!memory)
		give_up("out of memory");
	return memory;
}

/* @size bytes between two guards. */
static u8 *guarded_alloc(size_t size)
{
	u8 *memory = allocate(size + 2 * GUARD_SIZE);

	memset(memory, GUARD, size + 2 * GUARD_SIZE);
	return memory + GUARD_SIZE;
}

static void guarded_free(u8 *bytes, size_t size)
{
	u8 *memory = bytes - GUARD_SIZE;
	size_t i;

	for (i = 0; i < GUARD_SIZE; i++) {
		expect(memory[i] == GUARD, "byte %zu in front of the buffer was written", i);
		expect(bytes[size + i] == GUARD, "byte %zu behind the buffer was written", i);
	}
	free(memory);
}

/* Ranges of user ids */

static u32 *range_storage(u32 total)
{
	return (u32 *)guarded_alloc(total * sizeof(u32));
}

static void range_storage_free(u32 *storage, u32 total)
{
	guarded_free((u8 *)storage, total * sizeof(u32));
}

static void expect_range(struct swarm_idrange *ranges, u32 expected)
{
	u32 range = ~0u;

	expect(swarm_idrange_get(ranges, &range), "no range where %u was expected", expected);
	expect(range == expected, "range %u where %u was expected", range, expected);
}

static void expect_exhausted(struct swarm_idrange *ranges)
{
	u32 range = 12345;

	expect(!swarm_idrange_get(ranges, &range), "range %u where none is left", range);
	expect(range == 12345, "a refusal wrote %u", range);
}

static void test_fresh_first(void)
{
	u32 *storage = range_storage(4);
	struct swarm_idrange ranges;

	swarm_idrange_init(&ranges, storage, 4);
	expect_range(&ranges, 0);
	expect_range(&ranges, 1);
	swarm_idrange_put(&ranges, 0);
	expect_range(&ranges, 2);
	swarm_idrange_put(&ranges, 2);
	expect_range(&ranges, 3);
	/* Only now those that were used before. */
	expect_range(&ranges, 0);
	expect_range(&ranges, 2);
	expect_exhausted(&ranges);
	range_storage_free(storage, 4);
}

static void test_longest_unused_first(void)
{
	static const u32 order[] = { 3, 0, 4, 1, 2 };
	u32 *storage = range_storage(5);
	struct swarm_idrange ranges;
	u32 i;

	swarm_idrange_init(&ranges, storage, 5);
	for (i = 0; i < 5; i++)
		expect_range(&ranges, i);
	for (i = 0; i < 5; i++)
		swarm_idrange_put(&ranges, order[i]);
	for (i = 0; i < 5; i++)
		expect_range(&ranges, order[i]);
	range_storage_free(storage, 5);
}

static void test_exhaustion(void)
{
	u32 *storage = range_storage(3);
	struct swarm_idrange ranges;
	u32 i;

	swarm_idrange_init(&ranges, storage, 3);
	for (i = 0; i < 3; i++)
		expect_range(&ranges, i);
	expect_exhausted(&ranges);
	expect_exhausted(&ranges);
	swarm_idrange_put(&ranges, 1);
	expect_range(&ranges, 1);
	expect_exhausted(&ranges);
	range_storage_free(storage, 3);

	storage = range_storage(0);
	swarm_idrange_init(&ranges, storage, 0);
	expect_exhausted(&ranges);
	range_storage_free(storage, 0);
}

/* The only range there is comes back every time. */
static void test_single_range(void)
{
	u32 *storage = range_storage(1);
	struct swarm_idrange ranges;
	int i;

	swarm_idrange_init(&ranges, storage, 1);
	for (i = 0; i < 10; i++) {
		expect_range(&ranges, 0);
		expect_exhausted(&ranges);
		swarm_idrange_put(&ranges, 0);
	}
	range_storage_free(storage, 1);
}

/* Every number of waiting ranges, with the ring beginning at every place. */
static void test_ranges_wrap(void)
{
	const u32 total = 6;
	u32 *storage = range_storage(total);
	u32 start, held, i;

	for (start = 0; start < total; start++) {
		for (held = 1; held <= total; held++) {
			struct swarm_idrange ranges;

			swarm_idrange_init(&ranges, storage, total);
			for (i = 0; i < total; i++)
				expect_range(&ranges, i);
			for (i = 0; i < total; i++)
				swarm_idrange_put(&ranges, i);
			for (i = 0; i < start; i++) {
				expect_range(&ranges, i);
				swarm_idrange_put(&ranges, i);
			}
			for (i = 0; i < held; i++)
				expect_range(&ranges, (start + i) % total);
			for (i = held; i-- > 0;)
				swarm_idrange_put(&ranges, (start + i) % total);
			for (i = held; i < total; i++)
				expect_range(&ranges, (start + i) % total);
			for (i = held; i-- > 0;)
				expect_range(&ranges, (start + i) % total);
			expect_exhausted(&ranges);
		}
	}
	range_storage_free(storage, total);
}

#define MODEL_MAX	9

/* What is expected of ranges, written down the slow way. */
struct range_model {
	u32 total;
	u32 held;
	bool is_held[MODEL_MAX];
	u32 returned[MODEL_MAX];	/* when it was returned last, 0: never */
	u32 clock;
};

/* The free range that was returned longest ago, or total. */
static u32 model_oldest(const struct range_model *model)
{
	u32 oldest = model->total;
	u32 i;

	for (i = 0; i < model->total; i++)
		if (!model->is_held[i] &&
		    (oldest == model->total || model->returned[i] < model->returned[oldest]))
			oldest = i;
	return oldest;
}

static void model_get(struct range_model *model, struct swarm_idrange *ranges)
{
	u32 expected = model_oldest(model);

	if (expected == model->total) {
		expect_exhausted(ranges);
		return;
	}
	expect_range(ranges, expected);
	model->is_held[expected] = true;
	model->held++;
}

static void model_put(struct range_model *model, struct swarm_idrange *ranges, u32 range)
{
	if (!model->is_held[range])
		return;
	swarm_idrange_put(ranges, range);
	model->is_held[range] = false;
	model->returned[range] = ++model->clock;
	model->held--;
}

static void test_ranges_random(void)
{
	u32 seed = 1, total, i;

	for (total = 1; total <= MODEL_MAX; total++) {
		struct range_model model = { .total = total };
		u32 *storage = range_storage(total);
		struct swarm_idrange ranges;

		swarm_idrange_init(&ranges, storage, total);
		for (i = 0; i < 20000; i++) {
			if (next_random(&seed) % 2)
				model_get(&model, &ranges);
			else
				model_put(&model, &ranges, next_random(&seed) % total);
			if (!expect(ranges.fresh <= total && ranges.count <= ranges.fresh &&
				    model.held + ranges.count == ranges.fresh,
				    "of %u ranges %u are held, %u returned, %u were used",
				    total, model.held, ranges.count, ranges.fresh))
				break;
		}
		range_storage_free(storage, total);
	}
}

/* As many as the module has by default: none twice, none beyond the last. */
static void test_ranges_all(void)
{
	const u32 total = 2 * 200000 + 64;
	u32 *storage = range_storage(total);
	u8 *held = calloc(total, 1);
	struct swarm_idrange ranges;
	u32 round, range, i;

	swarm_idrange_init(&ranges, storage, total);
	for (round = 0; held && round < 2; round++) {
		for (i = 0; i < total && swarm_idrange_get(&ranges, &range); i++) {
			if (!expect(range < total, "range %u of %u", range, total) ||
			    !expect(!held[range], "range %u is held twice", range))
				break;
			held[range] = 1;
		}
		expect(i == total, "%u of %u ranges were had", i, total);
		expect_exhausted(&ranges);
		for (i = total; i-- > 0;)
			swarm_idrange_put(&ranges, i);
		memset(held, 0, total);
	}
	expect(held, "out of memory");
	free(held);
	range_storage_free(storage, total);
}

/* Lines that wait to be read */

static void expect_append(struct swarm_readback *ring, const char *line)
{
	expect(swarm_readback_append(ring, line, strlen(line)), "refused: %s", line);
}

static void expect_refused(struct swarm_readback *ring, const char *line)
{
	struct swarm_readback before = *ring;

	expect(!swarm_readback_append(ring, line, strlen(line)), "not refused: %s", line);
	expect(ring->head == before.head && ring->count == before.count,
	       "a refused line changed the ring");
}

/* Asks for @length bytes and gets @expected. */
static void expect_read(struct swarm_readback *ring, size_t length, const char *expected)
{
	u8 *to = guarded_alloc(length);
	size_t taken = swarm_readback_read(ring, to, length);

	expect(taken == strlen(expected), "%zu bytes where %zu were expected", taken,
	       strlen(expected));
	expect(taken <= length && !memcmp(to, expected, taken), "other bytes than %s", expected);
	guarded_free(to, length);
}

static void test_capacity(void)
{
	u8 *storage = guarded_alloc(8);
	struct swarm_readback ring;

	swarm_readback_init(&ring, storage, 8);
	expect(swarm_readback_room(&ring) == 8, "an empty ring has no room");
	expect_refused(&ring, "12345678\n");
	expect_append(&ring, "1234567\n");
	expect(swarm_readback_room(&ring) == 0, "a full ring has room");
	expect_refused(&ring, "\n");
	expect_read(&ring, 1, "1");
	expect(swarm_readback_room(&ring) == 1, "a byte that was read leaves no room");
	expect_append(&ring, "\n");
	expect_refused(&ring, "\n");
	expect_read(&ring, 100, "234567\n\n");
	expect(swarm_readback_room(&ring) == 8, "an empty ring has no room");
	guarded_free(storage, 8);
}

static void test_whole_lines_only(void)
{
	u8 *storage = guarded_alloc(10);
	struct swarm_readback ring;

	swarm_readback_init(&ring, storage, 10);
	expect_append(&ring, "first\n");
	expect_refused(&ring, "later\n");
	expect_append(&ring, "abc\n");
	expect_refused(&ring, "x\n");
	expect_read(&ring, 10, "first\nabc\n");
	expect_read(&ring, 10, "");
	expect_append(&ring, "later\n");
	expect_read(&ring, 10, "later\n");
	guarded_free(storage, 10);
}

static void test_partial_reads(void)
{
	static const char lines[] = "{\"id\":7}\n{\"id\":8}\n";
	const size_t length = sizeof(lines) - 1;
	char expected[sizeof(lines)];
	struct swarm_readback ring;
	size_t piece, at, part;
	u8 *storage;

	for (piece = 1; piece <= length + 1; piece++) {
		storage = guarded_alloc(length + 3);
		swarm_readback_init(&ring, storage, length + 3);
		/* Somewhere in the middle, so that the lines wrap. */
		expect_append(&ring, "0123456789");
		expect_read(&ring, 10, "0123456789");
		expect_append(&ring, lines);
		for (at = 0; at < length; at += part) {
			part = length - at < piece ? length - at : piece;
			memcpy(expected, lines + at, part);
			expected[part] = '\0';
			expect_read(&ring, piece, expected);
		}
		expect_read(&ring, piece, "");
		guarded_free(storage, length + 3);
	}
}

/* A ring of every size, beginning at every place, filled with every length. */
static void test_readback_wraps(void)
{
	static const u8 bytes[] = { 1, 0, 255, '\n', '"', 6, 7, 8 };
	u8 to[ARRAY_SIZE(bytes)];
	struct swarm_readback ring;
	size_t size, start, length;
	u8 *storage;

	for (size = 1; size <= ARRAY_SIZE(bytes); size++) {
		storage = guarded_alloc(size);
		swarm_readback_init(&ring, storage, size);
		for (start = 0; start < size; start++) {
			for (length = 0; length <= size; length++) {
				ring.head = start;
				ring.count = 0;
				expect(swarm_readback_append(&ring, bytes, length) &&
				       ring.count == length,
				       "%zu bytes at %zu of %zu refused", length, start, size);
				expect(swarm_readback_append(&ring, bytes, size - length + 1) ==
				       false, "%zu bytes and more fit in %zu", length, size);
				expect(swarm_readback_read(&ring, to, size) == length &&
				       !memcmp(to, bytes, length),
				       "%zu bytes at %zu of %zu differ", length, start, size);
				expect(ring.head == (start + length) % size && !ring.count,
				       "%zu bytes at %zu of %zu leave it at %zu", length, start,
				       size, ring.head);
			}
		}
		guarded_free(storage, size);
	}
}

static void test_nothing(void)
{
	struct swarm_readback ring;
	u8 byte = GUARD;

	/* A file that is open for writing only has no ring. */
	swarm_readback_init(&ring, NULL, 0);
	expect(swarm_readback_room(&ring) == 0, "a ring without memory has room");
	expect(!swarm_readback_append(&ring, "x", 1), "a ring without memory took a line");
	expect(swarm_readback_append(&ring, "x", 0), "an empty line was refused");
	expect(swarm_readback_read(&ring, &byte, 1) == 0, "a ring without memory was read");
	memset(&ring, 0, sizeof(ring));
	expect(swarm_readback_read(&ring, &byte, 1) == 0, "a zeroed ring was read");

	swarm_readback_init(&ring, &byte, 1);
	expect(swarm_readback_append(&ring, "x", 0) && !ring.count, "an empty line took room");
	expect(swarm_readback_append(&ring, "x", 1), "a line was refused");
	expect(swarm_readback_read(&ring, NULL, 0) == 0 && ring.count == 1,
	       "reading nothing took something");
	expect(!swarm_readback_append(&ring, "x", SIZE_MAX), "the longest length fits");
}

/* Numbered bytes in, the same bytes out, whatever the lengths. */
static void test_order(void)
{
	const size_t size = 61;
	u8 *storage = guarded_alloc(size);
	u8 in = 0, out = 0, line[80];
	struct swarm_readback ring;
	size_t length, taken, i;
	u32 seed = 7, round;

	swarm_readback_init(&ring, storage, size);
	for (round = 0; round < 50000; round++) {
		bool fits;

		length = next_random(&seed) % sizeof(line);
		fits = length <= size - ring.count;
		for (i = 0; i < length; i++)
			line[i] = in + i;
		expect(swarm_readback_append(&ring, line, length) == fits,
		       "%zu bytes beside %zu of %zu", length, ring.count, size);
		if (fits)
			in += length;

		length = next_random(&seed) % sizeof(line);
		taken = swarm_readback_read(&ring, line, length);
		expect(taken <= length, "%zu bytes instead of %zu", taken, length);
		for (i = 0; i < taken; i++)
			if (!expect(line[i] == out++, "a byte out of order"))
				goto out;
		expect((u8)(in - out) == ring.count, "%zu bytes wait, not %u", ring.count,
		       (u8)(in - out));
	}
out:
	guarded_free(storage, size);
}

/* As create uses it: answers are taken while the longest would still fit. */
static void test_answers_of_create(void)
{
	const size_t size = 65536, longest = 384;
	struct swarm_readback ring;
	u8 *storage = guarded_alloc(size);
	u32 written = 0, read = 0;
	char line[32], expected[32];
	int length;

	swarm_readback_init(&ring, storage, size);
	while (swarm_readback_room(&ring) >= longest) {
		length = snprintf(line, sizeof(line), "{\"id\":%u}\n", ++written);
		if (!expect(swarm_readback_append(&ring, line, length), "%s refused", line))
			break;
	}
	expect(ring.count > size - longest, "full at %zu of %zu", ring.count, size);
	while (ring.count) {
		length = snprintf(expected, sizeof(expected), "{\"id\":%u}\n", ++read);
		expect(swarm_readback_read(&ring, line, length) == (size_t)length &&
		       !memcmp(line, expected, length), "line %u differs", read);
	}
	expect(read == written, "%u lines read of %u", read, written);
	guarded_free(storage, size);
}

/* Threads */

#define THREADS		8

static void run_threads(void *(*work)(void *), void *shared, unsigned int count)
{
	pthread_t threads[THREADS];
	unsigned int started, i;

	for (started = 0; started < count; started++)
		if (!expect(!pthread_create(&threads[started], NULL, work, shared), "no thread"))
			break;
	for (i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
}

#define POOL		20
#define HELD_MAX	4

/* Fewer ranges than the threads would like to hold. */
struct pool {
	pthread_mutex_t lock;
	struct swarm_idrange ranges;
	u32 held;			/* under lock */
	atomic_uint next_thread;
	atomic_uint owner[POOL];	/* the thread that holds a range, 0: none */
};

static bool pool_get(struct pool *pool, u32 thread, u32 *range)
{
	u32 owner;
	bool had;

	pthread_mutex_lock(&pool->lock);
	had = swarm_idrange_get(&pool->ranges, range);
	expect(had == (pool->held < POOL), "%s with %u of %u ranges held",
	       had ? "a range" : "no range", pool->held, POOL);
	if (had)
		pool->held++;
	pthread_mutex_unlock(&pool->lock);

	if (!had || !expect(*range < POOL, "range %u of %u", *range, POOL))
		return false;
	owner = atomic_exchange(&pool->owner[*range], thread);
	expect(!owner, "range %u is thread %u's and thread %u's", *range, owner, thread);
	return true;
}

static void pool_put(struct pool *pool, u32 thread, u32 range)
{
	u32 owner = atomic_exchange(&pool->owner[range], 0);

	expect(owner == thread, "range %u of thread %u became thread %u's", range, thread, owner);
	pthread_mutex_lock(&pool->lock);
	swarm_idrange_put(&pool->ranges, range);
	pool->held--;
	pthread_mutex_unlock(&pool->lock);
}

static void *use_ranges(void *shared)
{
	struct pool *pool = shared;
	u32 thread = 1 + atomic_fetch_add(&pool->next_thread, 1);
	u32 seed = thread, held[HELD_MAX], count = 0, i, at;

	for (i = 0; i < 50000; i++) {
		if (count < HELD_MAX && next_random(&seed) % 2) {
			if (pool_get(pool, thread, &held[count]))
				count++;
		} else if (count) {
			at = next_random(&seed) % count;
			pool_put(pool, thread, held[at]);
			held[at] = held[--count];
		}
	}
	while (count)
		pool_put(pool, thread, held[--count]);
	return NULL;
}

static void test_ranges_threads(void)
{
	struct pool pool = { .lock = PTHREAD_MUTEX_INITIALIZER };
	u32 *storage = range_storage(POOL);
	u32 range = 0, i;

	swarm_idrange_init(&pool.ranges, storage, POOL);
	run_threads(use_ranges, &pool, THREADS);
	expect(!pool.held, "%u ranges are still held", pool.held);
	/* All are back, each of them once. */
	for (i = 0; i < POOL; i++)
		if (expect(swarm_idrange_get(&pool.ranges, &range), "range %u is lost", i))
			expect(range < POOL && !atomic_exchange(&pool.owner[range], 1),
			       "range %u was returned twice", range);
	expect_exhausted(&pool.ranges);
	range_storage_free(storage, POOL);
}

#define WRITERS		4
#define READERS		2
#define LINES		5000
#define LINE_MAX_SIZE	32
#define RING_SIZE	199

/* Writers and readers of one ring; what is read goes to one log. */
struct relay {
	pthread_mutex_t lock;
	struct swarm_readback ring;
	u32 writers_left;		/* under lock, as log and logged */
	char *log;
	size_t logged;
	atomic_uint next_thread;
};

/* The lengths differ, so that lines wrap everywhere. */
static int format_line(char *line, u32 writer, u32 number)
{
	return snprintf(line, LINE_MAX_SIZE, "%u %u %.*s\n", writer, number,
			(int)(number % 13), "abcdefghijklm");
}

static void write_lines(struct relay *relay, u32 writer)
{
	char line[LINE_MAX_SIZE];
	u32 number;

	for (number = 0; number < LINES; number++) {
		size_t length = format_line(line, writer, number);
		bool added, fits;

		do {
			pthread_mutex_lock(&relay->lock);
			fits = length <= swarm_readback_room(&relay->ring);
			added = swarm_readback_append(&relay->ring, line, length);
			pthread_mutex_unlock(&relay->lock);
			expect(added == fits, "%zu bytes %s", length, fits ? "refused" : "taken");
			if (!added)
				sched_yield();
		} while (!added);
	}
	pthread_mutex_lock(&relay->lock);
	relay->writers_left--;
	pthread_mutex_unlock(&relay->lock);
}

static void read_lines(struct relay *relay, u32 seed)
{
	bool more = true;

	while (more) {
		size_t length = 1 + next_random(&seed) % 40, waiting, taken;

		pthread_mutex_lock(&relay->lock);
		waiting = relay->ring.count;
		taken = swarm_readback_read(&relay->ring, relay->log + relay->logged, length);
		relay->logged += taken;
		more = taken || relay->writers_left;
		pthread_mutex_unlock(&relay->lock);
		expect(taken == (waiting < length ? waiting : length),
		       "%zu bytes of %zu waiting, %zu asked for", taken, waiting, length);
		if (!taken)
			sched_yield();
	}
}

static void *use_relay(void *shared)
{
	struct relay *relay = shared;
	u32 thread = atomic_fetch_add(&relay->next_thread, 1);

	if (thread < WRITERS)
		write_lines(relay, thread);
	else
		read_lines(relay, thread);
	return NULL;
}

/* Every line is whole and in the order in which its writer wrote it. */
static void check_log(const char *log)
{
	u32 next[WRITERS] = {};
	u32 writer;

	while (*log) {
		char expected[LINE_MAX_SIZE];
		int length;

		writer = *log - '0';
		if (!expect(writer < WRITERS, "a line begins with %.20s", log))
			return;
		length = format_line(expected, writer, next[writer]);
		if (!expect(!strncmp(log, expected, length), "%.20s instead of %s", log, expected))
			return;
		next[writer]++;
		log += length;
	}
	for (writer = 0; writer < WRITERS; writer++)
		expect(next[writer] == LINES, "writer %u: %u lines of %u", writer, next[writer],
		       LINES);
}

static void test_readback_threads(void)
{
	struct relay relay = { .lock = PTHREAD_MUTEX_INITIALIZER, .writers_left = WRITERS };
	u8 *storage = guarded_alloc(RING_SIZE);

	relay.log = allocate(WRITERS * LINES * LINE_MAX_SIZE + 1);
	swarm_readback_init(&relay.ring, storage, RING_SIZE);
	run_threads(use_relay, &relay, WRITERS + READERS);
	expect(!relay.ring.count, "%zu bytes were not read", relay.ring.count);
	relay.log[relay.logged] = '\0';
	check_log(relay.log);
	free(relay.log);
	guarded_free(storage, RING_SIZE);
}

static const struct test tests[] = {
	{ "idrange: never used ones come first", test_fresh_first },
	{ "idrange: then the longest unused", test_longest_unused_first },
	{ "idrange: none is left, one comes back", test_exhaustion },
	{ "idrange: a single range", test_single_range },
	{ "idrange: the ring wraps anywhere", test_ranges_wrap },
	{ "idrange: random use agrees with a model", test_ranges_random },
	{ "idrange: 400064 ranges, none twice, none out of range", test_ranges_all },
	{ "readback: takes its size and no more", test_capacity },
	{ "readback: whole lines only", test_whole_lines_only },
	{ "readback: pieces of any length", test_partial_reads },
	{ "readback: the ring wraps anywhere", test_readback_wraps },
	{ "readback: no memory, no bytes", test_nothing },
	{ "readback: bytes stay in order", test_order },
	{ "readback: 64 KiB of answers", test_answers_of_create },
	{ "idrange: threads never share a range", test_ranges_threads },
	{ "readback: threads, every line whole and in order", test_readback_threads },
};

int main(void)
{
	return run_tests(tests, ARRAY_SIZE(tests));
}
