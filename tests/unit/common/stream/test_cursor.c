#include "tests/unit/common/stream/support.h"

static struct worker *w;
static struct log l;
static struct cursor c;
static int woken;

static void on_ready(struct cursor *cursor) {
	(void)cursor;
	woken++;
}

static void open_log(void) {
	w = still_worker_new();
	log_init(&l, w, (struct log_limits){.duration_us = 1000000, .bytes = 1000});
	woken = 0;
}

static void close_log(void) {
	cursor_close(&c);
	log_fini(&l);
	free(w);
}

static void put(int64_t ms, uint32_t flags) {
	struct log_item item = item_at(ms, flags, l.next + 1, 100);
	cr_assert_eq(log_append(&l, &item), 0);
}

static int64_t next_ms(void) {
	const struct log_item *item;
	cr_assert_eq(cursor_next(&c, &item), CURSOR_ITEM);
	cursor_advance(&c);
	return item->time_us / 1000;
}

TestSuite(cursor, .init = open_log, .fini = close_log);

Test(cursor, begins_at_the_newest_keyframe) {
	put(0, ITEM_KEY);
	put(10, ITEM_KEY);
	put(20, 0);
	cursor_open(&c, &l, CURSOR_NEWEST_KEY, 0, on_ready);
	cr_assert_eq(next_ms(), 10);
	cr_assert_eq(next_ms(), 20);
	const struct log_item *item;
	cr_assert_eq(cursor_next(&c, &item), CURSOR_EMPTY);
}

Test(cursor, waits_for_a_keyframe_when_none_is_there) {
	put(0, 0);
	cursor_open(&c, &l, CURSOR_NEWEST_KEY, 0, on_ready);
	const struct log_item *item;
	cr_assert_eq(cursor_next(&c, &item), CURSOR_EMPTY);
	put(10, 0);
	put(20, ITEM_KEY);
	cr_assert_eq(next_ms(), 20);
}

Test(cursor, overrun_resumes_at_a_keyframe) {
	put(0, ITEM_KEY);
	cursor_open(&c, &l, CURSOR_OLDEST, 0, on_ready);
	for (int i = 1; i <= 20; i++)
		put(i, i == 15 ? ITEM_KEY : 0);
	const struct log_item *item;
	cr_assert_eq(cursor_next(&c, &item), CURSOR_OVERRUN);
	cr_assert_eq(c.overruns, 1);
	cr_assert_eq(next_ms(), 15);
	cr_assert_eq(next_ms(), 16);
}

Test(cursor, overrun_without_a_keyframe_waits_for_the_next) {
	put(0, ITEM_KEY);
	cursor_open(&c, &l, CURSOR_OLDEST, 0, on_ready);
	for (int i = 1; i <= 20; i++)
		put(i, 0);
	const struct log_item *item;
	cr_assert_eq(cursor_next(&c, &item), CURSOR_OVERRUN);
	cr_assert_eq(cursor_next(&c, &item), CURSOR_EMPTY);
	put(21, ITEM_KEY);
	cr_assert_eq(next_ms(), 21);
}

Test(cursor, a_reader_that_waits_for_a_keyframe_still_sees_the_end) {
	cursor_open(&c, &l, CURSOR_NEWEST_KEY, 0, on_ready);
	put(0, 0);
	put(1, ITEM_END);
	cr_assert_eq(next_ms(), 1);
}

Test(cursor, is_woken_once_a_turn_however_much_came) {
	cursor_open(&c, &l, CURSOR_NEXT, 0, on_ready);
	still_worker_turn(w);
	cr_assert_eq(woken, 0);
	put(0, ITEM_KEY);
	put(1, 0);
	still_worker_turn(w);
	cr_assert_eq(woken, 1);
}

Test(cursor, a_late_reader_is_woken_for_what_is_there) {
	put(0, ITEM_KEY);
	still_worker_turn(w);
	cursor_open(&c, &l, CURSOR_NEWEST_KEY, 0, on_ready);
	still_worker_turn(w);
	cr_assert_eq(woken, 1);
}

Test(cursor, paused_is_not_woken_until_resumed) {
	cursor_open(&c, &l, CURSOR_NEXT, 0, on_ready);
	cursor_pause(&c);
	put(0, ITEM_KEY);
	still_worker_turn(w);
	cr_assert_eq(woken, 0);
	cursor_resume(&c);
	still_worker_turn(w);
	cr_assert_eq(woken, 1);
}

static void close_itself(struct cursor *cursor) {
	woken++;
	cursor_close(cursor);
}

Test(cursor, may_leave_while_it_is_woken) {
	struct cursor other;
	cursor_open(&c, &l, CURSOR_NEXT, 0, close_itself);
	cursor_open(&other, &l, CURSOR_NEXT, 0, on_ready);
	put(0, ITEM_KEY);
	still_worker_turn(w);
	cr_assert_eq(woken, 2);
	cursor_close(&other);
}

static struct cursor others[3];
static int order[3], order_count;

static void on_other_ready(struct cursor *cursor) {
	order[order_count++] = (int)(cursor - others);
	cursor->position = l.next;
}

Test(cursor, one_that_is_set_first_is_woken_before_those_that_came_earlier) {
	for (int i = 0; i < 3; i++)
		cursor_open(&others[i], &l, CURSOR_NEXT, 0, on_other_ready);
	cursor_set_first(&others[2]);
	for (int turn = 0; turn < 3; turn++) {
		order_count = 0;
		put(turn, 0);
		still_worker_turn(w);
		cr_assert_eq(order_count, 3);
		cr_assert_eq(order[0], 2);
	}
	for (int i = 0; i < 3; i++)
		cursor_close(&others[i]);
}
