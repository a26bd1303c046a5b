#include "tests/unit/common/stream/support.h"

#include "common/stream/sender.h"
#include "tests/unit/common/loop/support.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { INTERVAL = 20, VIEWERS = 5, GROUPS = 60, GROUP = 7, ITEM_MOST = 6000 };

static struct log_item block_item(struct log *l, size_t size, uint32_t flags) {
	struct bytes *b = bytes_new(size);
	for (size_t i = 0; i < size; i++)
		b->data[i] = (uint8_t)(l->next * 31 + i);
	struct log_item item = item_at((int64_t)l->next, flags, l->next + 1, (uint32_t)size);
	counted_unref(item.object);
	item.object = &b->counted;
	return item;
}

static void put(struct log *l, size_t size, uint32_t flags) {
	struct log_item item = block_item(l, size, flags);
	cr_assert_eq(log_append(l, &item), 0);
}

/* --- what is joined --- */

static struct worker *still;
static struct log log_;
static struct cursor cursors[VIEWERS];
static int joined_count, woken;

static void on_cursor(struct cursor *c) {
	const struct log_item *item;
	const struct joined *j = &c->log->joined;
	woken++;
	if (j->block && j->from == c->position) {
		joined_count++;
		cr_assert_eq(j->to, c->log->next);
		const uint8_t *at = j->block->data;
		for (uint64_t p = j->from; p < j->to; p++) {
			const struct bytes *b = (const struct bytes *)log_at(c->log, p)->object;
			cr_assert_eq(memcmp(at, b->data, b->size), 0);
			at += b->size;
		}
		cr_assert_eq(at, j->block->data + j->block->size);
	}
	while (cursor_next(c, &item) == CURSOR_ITEM)
		cursor_advance(c);
}

static void open_viewers(int count) {
	still = still_worker_new();
	still_worker_clock_init(still);
	log_init(&log_, still, (struct log_limits){.duration_us = 10000000, .bytes = 64 << 20});
	log_set_pace(&log_, (struct pace_rule){.merge_ms = INTERVAL});
	put(&log_, 10, ITEM_KEY);
	for (int i = 0; i < count; i++) {
		cursor_open(&cursors[i], &log_, CURSOR_NEWEST_KEY, 0, on_cursor);
		cursor_set_paced(&cursors[i]);
	}
	still_worker_turn(still);
	joined_count = woken = 0;
}

static void close_viewers(void) {
	cr_assert_null(log_.joined.block, "it lives for the flush alone");
	for (int i = 0; i < VIEWERS; i++)
		cursor_close(&cursors[i]);
	log_fini(&log_);
	still_worker_clock_fini(still);
	free(still);
}

static void flush(void) {
	still_worker_turn(still);
	still_worker_pass(still, INTERVAL);
}

Test(joined, a_flush_of_several_items_is_one_run_for_all_who_wait_for_it) {
	open_viewers(VIEWERS);
	for (size_t i = 1; i < 10; i++)
		put(&log_, 100 * i, 0);
	flush();
	cr_assert_eq(woken, VIEWERS);
	cr_assert_eq(joined_count, VIEWERS);
	close_viewers();
}

Test(joined, one_item_and_few_viewers_are_not_worth_it) {
	open_viewers(VIEWERS);
	put(&log_, 100, 0);
	flush();
	cr_assert_eq(woken, VIEWERS);
	cr_assert_eq(joined_count, 0);
	close_viewers();
	open_viewers(2);
	put(&log_, 100, 0);
	put(&log_, 100, 0);
	flush();
	cr_assert_eq(woken, 2);
	cr_assert_eq(joined_count, 0);
	close_viewers();
}

Test(joined, the_end_of_a_run_is_told_item_by_item) {
	open_viewers(VIEWERS);
	put(&log_, 100, 0);
	put(&log_, 100, ITEM_END);
	flush();
	cr_assert_eq(woken, VIEWERS);
	cr_assert_eq(joined_count, 0);
	close_viewers();
}

/* --- sockets that take only a part --- */

struct viewer {
	struct conn conn;
	struct sender sender;
};

static struct log *live;
static struct viewer viewers[VIEWERS];
static int peers[VIEWERS];
static _Atomic int opened, appended, gone;

static void on_read(struct conn *c, const uint8_t *data, size_t size) {
	(void)c, (void)data, (void)size;
}

static void on_writable(struct conn *c) {
	sender_writable(&list_entry(c, struct viewer, conn)->sender);
}

static void on_end(struct conn *c, int error) {
	(void)c;
	cr_expect_fail("%s", uv_strerror(error));
}

static void on_closed(struct conn *c) {
	(void)c;
	atomic_fetch_add(&gone, 1);
}

static const struct conn_ops conn_ops = {
    .on_read = on_read, .on_writable = on_writable, .on_end = on_end, .on_closed = on_closed};

static void on_run_end(struct sender *s) {
	(void)s;
}

static void on_fail(struct sender *s, int error) {
	(void)s;
	cr_expect_fail("%s", uv_strerror(error));
}

static const struct sender_ops sender_ops = {.on_end = on_run_end, .on_fail = on_fail};

static void open_all(struct worker *w, void *context) {
	(void)context;
	live = calloc(1, sizeof *live);
	log_init(live, w, (struct log_limits){.duration_us = INT64_MAX / 2, .bytes = 64 << 20});
	log_set_pace(live, (struct pace_rule){.merge_ms = INTERVAL});
	put(live, 10, ITEM_KEY);
	for (int i = 0; i < VIEWERS; i++) {
		int pair[2], small = 4608;
		cr_expect_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
		peers[i] = pair[1];
		cr_expect_eq(conn_adopt(&viewers[i].conn, w, pair[0], true, &conn_ops), 0);
		sender_open(&viewers[i].sender, &viewers[i].conn, live, 0, &sender_ops);
	}
	atomic_store(&opened, 1);
}

static void append_group(struct worker *w, void *context) {
	(void)w, (void)context;
	for (size_t i = 0; i < GROUP; i++)
		put(live, 1 + (live->next * 977) % ITEM_MOST, 0);
	atomic_fetch_add(&appended, 1);
}

static void close_all(struct worker *w, void *context) {
	(void)w, (void)context;
	for (int i = 0; i < VIEWERS; i++) {
		sender_close(&viewers[i].sender);
		conn_close(&viewers[i].conn);
	}
	log_fini(live);
	free(live);
}

/* The log's bytes one after another, however they came. */
static void expect_all_of(int fd) {
	const uint64_t items = 1 + GROUPS * GROUP;
	uint8_t got[3000];
	uint64_t p = 0;
	size_t at = 0;
	while (p < items) {
		struct pollfd ready = {.fd = fd, .events = POLLIN};
		cr_assert_eq(poll(&ready, 1, WAIT_MAX_MS), 1, "item %d never came", (int)p);
		ssize_t n = read(fd, got, sizeof got);
		cr_assert_gt(n, 0);
		for (ssize_t i = 0; i < n; i++) {
			cr_assert_eq(got[i], (uint8_t)(p * 31 + at), "item %d, byte %d", (int)p, (int)at);
			size_t size = p ? 1 + (p * 977) % ITEM_MOST : 10;
			if (++at == size) {
				at = 0;
				p++;
			}
		}
	}
}

Test(joined, viewers_whose_sockets_take_a_part_get_every_byte_in_order) {
	struct workers *g;
	cr_assert_eq(workers_start(&g, 1, &no_hooks, NULL), 0);
	struct worker *w = workers_at(g, 0);
	call_on(w, open_all, NULL);
	wait_for_count(&opened, 1);
	struct timespec pause = {.tv_nsec = INTERVAL * 300000};
	for (int i = 0; i < GROUPS; i++) {
		call_on(w, append_group, NULL);
		nanosleep(&pause, NULL); /* so that there are several flushes; how many does not matter */
	}
	wait_for_count(&appended, GROUPS);
	for (int i = 0; i < VIEWERS; i++)
		expect_all_of(peers[i]);
	call_on(w, close_all, NULL);
	wait_for_count(&gone, VIEWERS);
	for (int i = 0; i < VIEWERS; i++)
		close(peers[i]);
	cr_assert_eq(workers_stop(&g, WAIT_MAX_MS), 0);
}
