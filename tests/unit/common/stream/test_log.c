#include "tests/unit/common/stream/support.h"

static struct worker *w;
static struct log l;

static void open_log(int64_t duration_ms, size_t bytes) {
	w = still_worker_new();
	log_init(&l, w, (struct log_limits){.duration_us = duration_ms * 1000, .bytes = bytes});
}

static void close_log(void) {
	log_fini(&l);
	free(w);
}

static void put(int64_t ms, uint32_t flags) {
	struct log_item item = item_at(ms, flags, l.next + 1, 100);
	cr_assert_eq(log_append(&l, &item), 0);
}

Test(log, keeps_positions_while_the_ring_grows, .fini = close_log) {
	open_log(1000000, 1 << 20);
	for (int i = 0; i < 1000; i++)
		put(i, i % 10 == 0 ? ITEM_KEY : 0);
	cr_assert_eq(l.first, 0);
	cr_assert_eq(l.next, 1000);
	for (uint64_t p = 0; p < 1000; p++)
		cr_assert_eq(log_at(&l, p)->time_us, (int64_t)p * 1000);
}

Test(log, forgets_what_is_older_than_its_duration, .fini = close_log) {
	open_log(100, 1 << 20);
	for (int i = 0; i < 300; i += 10)
		put(i, ITEM_KEY);
	cr_assert_eq(log_at(&l, l.first)->time_us, 190000);
	cr_assert_eq(l.bytes, (l.next - l.first) * 100);
}

Test(log, keeps_the_newest_gop_however_long_it_is, .fini = close_log) {
	open_log(100, 1 << 20);
	put(0, 0);
	put(10, ITEM_KEY);
	for (int i = 20; i < 5000; i += 10)
		put(i, 0);
	cr_assert_eq(l.first, 1);
	uint64_t key;
	cr_assert(log_newest_key(&l, &key));
	cr_assert_eq(key, 1);
}

Test(log, byte_limit_is_stronger_than_the_newest_gop, .fini = close_log) {
	open_log(1000000, 1000);
	put(0, ITEM_KEY);
	for (int i = 1; i < 100; i++)
		put(i, 0);
	cr_assert_eq(l.next - l.first, 10);
	uint64_t key;
	cr_assert_not(log_newest_key(&l, &key));
}

Test(log, one_item_larger_than_the_limit_is_kept_alone, .fini = close_log) {
	open_log(1000, 1000);
	put(0, 0);
	struct log_item big = item_at(1, ITEM_KEY, 2, 5000);
	cr_assert_eq(log_append(&l, &big), 0);
	cr_assert_eq(l.first, 1);
	cr_assert_eq(l.next, 2);
}

Test(log, history_begins_at_a_keyframe_far_enough_back, .fini = close_log) {
	open_log(100000, 1 << 20);
	for (int i = 0; i <= 10000; i += 100)
		put(i, i % 2000 == 0 ? ITEM_KEY : 0);
	uint64_t p;
	cr_assert(log_key_before(&l, 3000000, &p));
	cr_assert_eq(log_at(&l, p)->time_us, 6000000);
	cr_assert(log_key_before(&l, 0, &p));
	cr_assert_eq(log_at(&l, p)->time_us, 10000000);
	cr_assert(log_key_before(&l, 999000000, &p));
	cr_assert_eq(p, 0);
}

Test(log, resumes_after_an_item_or_before_its_successor_but_not_in_a_hole, .fini = close_log) {
	open_log(100000, 1 << 20);
	for (uint64_t s = 1; s <= 20; s++) {
		if (s == 10)
			continue; /* lost on the way */
		struct log_item item = item_at((int64_t)s, ITEM_KEY, s, 10);
		log_append(&l, &item);
	}
	uint64_t p;
	cr_assert(log_after(&l, 1, 5, &p));
	cr_assert_eq(log_at(&l, p)->sequence, 6);
	cr_assert(log_after(&l, 1, 0, &p));
	cr_assert_eq(p, 0);
	cr_assert(log_after(&l, 1, 20, &p));
	cr_assert_eq(p, l.next);
	cr_assert(log_after(&l, 1, 10, &p), "11 is the successor of the lost 10");
	cr_assert_eq(log_at(&l, p)->sequence, 11);
	cr_assert_not(log_after(&l, 2, 5, &p));
	cr_assert_not(log_after(&l, 1, 25, &p));
	cr_assert_not(log_first_of_newer(&l, 1, &p));
	cr_assert(log_first_of_newer(&l, 0, &p));
	cr_assert_eq(p, 0);
}
