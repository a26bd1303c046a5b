#include "tests/unit/common/stream/support.h"

#include <string.h>

/* Viewers each of whom takes a good while, so that a slice ends long before the last of them. */
enum { VIEWERS = 96, SPIN_US = 100 };

static struct worker *w;
static struct log l;
static struct cursor viewers[VIEWERS];
static uint64_t seen[VIEWERS]; /* position that each has come to */
static int woken[VIEWERS];
static uint64_t spin_us;

static void on_viewer(struct cursor *c) {
	const struct log_item *item;
	woken[c - viewers]++;
	for (uint64_t until = uv_hrtime() + spin_us * 1000; uv_hrtime() < until;)
		;
	while (cursor_next(c, &item) == CURSOR_ITEM)
		cursor_advance(c);
	seen[c - viewers] = c->position;
}

static void put(uint32_t flags) {
	struct log_item item = item_at((int64_t)l.next, flags, l.next + 1, 100);
	cr_assert_eq(log_append(&l, &item), 0);
}

static void open_log(void) {
	w = still_worker_new();
	still_worker_clock_init(w);
	log_init(&l, w, (struct log_limits){.duration_us = 10000000, .bytes = 64 << 20});
	put(ITEM_KEY);
	for (int i = 0; i < VIEWERS; i++) {
		cursor_open(&viewers[i], &l, CURSOR_NEWEST_KEY, 0, on_viewer);
		cursor_set_paced(&viewers[i]);
	}
	still_worker_turn(w);
	memset(woken, 0, sizeof woken);
	spin_us = SPIN_US;
}

static void close_log(void) {
	for (int i = 0; i < VIEWERS; i++)
		cursor_close(&viewers[i]);
	log_fini(&l);
	cr_assert(list_empty(&w->next_turn_tasks));
	still_worker_clock_fini(w);
	free(w);
}

static int served(void) {
	int count = 0;
	for (int i = 0; i < VIEWERS; i++)
		count += seen[i] == l.next;
	return count;
}

/* Turns until all have all; how many. */
static int turn_to_the_end(void) {
	int turns = 0;
	for (; served() < VIEWERS; turns++) {
		cr_assert_lt(turns, VIEWERS, "only %d are served", served());
		still_worker_turn(w);
	}
	return turns;
}

TestSuite(flush, .init = open_log, .fini = close_log);

Test(flush, a_long_pass_lets_others_in_between) {
	put(0);
	still_worker_turn(w);
	cr_assert(served() > 0 && served() < VIEWERS, "%d", served());
	cr_assert_geq(turn_to_the_end(), 2);
	for (int i = 0; i < VIEWERS; i++)
		cr_assert_eq(woken[i], 1);
}

Test(flush, the_worker_is_told_what_passes_take) {
	struct busy_fanout before = w->busy.fanout;
	put(0);
	turn_to_the_end();
	cr_assert_eq(w->busy.fanout.sends - before.sends, VIEWERS);
	cr_assert_eq(w->busy.fanout.items - before.items, VIEWERS);
	cr_assert_geq(w->busy.fanout.us - before.us, VIEWERS * SPIN_US);
	spin_us = 0;
	put(0);
	put(0);
	put(0);
	turn_to_the_end();
	cr_assert_eq(w->busy.fanout.sends - before.sends, 2 * VIEWERS);
	cr_assert_eq(w->busy.fanout.items - before.items, 4 * VIEWERS);
}

Test(flush, a_short_pass_is_over_within_its_turn) {
	spin_us = 0;
	put(0);
	still_worker_turn(w);
	cr_assert_eq(served(), VIEWERS);
}

Test(flush, what_comes_during_a_young_pass_goes_to_the_first_again_and_to_the_last_together) {
	put(0);
	still_worker_turn(w);
	int early = served();
	put(0);
	turn_to_the_end();
	cr_assert_eq(woken[0], 2);
	cr_assert_eq(woken[early - 1], 2);
	cr_assert_eq(woken[VIEWERS - 1], 1, "one write for both");
}

Test(flush, nobody_is_passed_over_for_long) {
	for (int frames = 0; seen[VIEWERS - 1] < 2; frames++) {
		cr_assert_lt(frames, VIEWERS, "frames that come all the time keep the last viewer from its first");
		put(0);
		still_worker_turn(w);
	}
	turn_to_the_end();
}

Test(flush, viewers_may_leave_during_a_pass) {
	put(0);
	still_worker_turn(w);
	for (int i = 0; i < VIEWERS; i++)
		cursor_close(&viewers[i]);
	still_worker_turn(w);
	cr_assert(list_empty(&l.paced));
}
