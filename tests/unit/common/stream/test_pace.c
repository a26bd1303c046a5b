#include "tests/unit/common/stream/support.h"

enum { INTERVAL = 100 };

static struct worker *w;
static struct log l;
static struct cursor viewers[3], relay;
static int woken, link_woken;
static uint64_t last_sequence;

static void read_all(struct cursor *c) {
	const struct log_item *item;
	while (cursor_next(c, &item) == CURSOR_ITEM) {
		last_sequence = item->sequence;
		cursor_advance(c);
	}
}

static void on_viewer(struct cursor *c) {
	woken++;
	read_all(c);
}

static void on_link(struct cursor *c) {
	link_woken++;
	read_all(c);
}

static void open_log(void) {
	w = still_worker_new();
	still_worker_clock_init(w);
	log_init(&l, w, (struct log_limits){.duration_us = 10000000, .bytes = 64 << 20});
	log_set_pace(&l, (struct pace_rule){.merge_ms = INTERVAL});
	woken = link_woken = 0;
}

static void close_log(void) {
	for (int i = 0; i < 3; i++)
		cursor_close(&viewers[i]);
	cursor_close(&relay);
	log_fini(&l);
	still_worker_clock_fini(w);
	free(w);
}

static void view(struct cursor *c) {
	cursor_open(c, &l, CURSOR_NEWEST_KEY, 0, on_viewer);
	cursor_set_paced(c);
}

/* A frame comes, and its turn ends. */
static void put_sized(uint32_t flags, uint32_t size) {
	struct log_item item = item_at((int64_t)l.next, flags, l.next + 1, size);
	cr_assert_eq(log_append(&l, &item), 0);
	still_worker_turn(w);
}

static void put(uint32_t flags) {
	put_sized(flags, 100);
}

/* A viewer that has all there is and is woken by flushes from now on. */
static void a_viewer_that_plays(void) {
	put(ITEM_KEY);
	view(&viewers[0]);
	still_worker_turn(w);
	cr_assert_eq(last_sequence, l.next);
	woken = 0;
}

TestSuite(pace, .init = open_log, .fini = close_log);

Test(pace, without_an_interval_each_frame_goes_at_its_turns_end) {
	log_set_pace(&l, (struct pace_rule){0});
	a_viewer_that_plays();
	for (int i = 1; i <= 3; i++) {
		put(0);
		cr_assert_eq(woken, i);
	}
	cr_assert_eq(w->timers.count, 0);
}

Test(pace, frames_wait_for_each_other) {
	a_viewer_that_plays();
	for (int i = 0; i < 5; i++)
		put(0);
	cr_assert_eq(woken, 0);
	still_worker_pass(w, INTERVAL);
	cr_assert_eq(woken, 1);
	cr_assert_eq(last_sequence, l.next);
}

Test(pace, flushes_are_an_interval_apart_and_none_comes_for_nothing) {
	a_viewer_that_plays();
	put(0);
	still_worker_pass(w, INTERVAL); /* from here on, a flush's distance from the grid's last point */
	woken = 0;
	for (int ms = 0; ms < 10 * INTERVAL; ms += 10) {
		put(0);
		still_worker_pass(w, 10);
	}
	cr_assert(woken == 10 || woken == 9, "%d", woken);
	still_worker_pass(w, INTERVAL);
	woken = 0;
	still_worker_pass(w, 10 * INTERVAL);
	cr_assert_eq(woken, 0);
	cr_assert_eq(w->timers.count, 0);
}

Test(pace, one_timer_serves_all_viewers) {
	put(ITEM_KEY);
	for (int i = 0; i < 3; i++)
		view(&viewers[i]);
	still_worker_turn(w);
	woken = 0;
	put(0);
	put(0);
	cr_assert_eq(w->timers.count, 1);
	still_worker_pass(w, INTERVAL);
	cr_assert_eq(woken, 3);
}

Test(pace, readers_that_are_no_viewers_do_not_wait) {
	a_viewer_that_plays();
	cursor_open(&relay, &l, CURSOR_NEXT, 0, on_link);
	put(0);
	put(0);
	cr_assert_eq(link_woken, 2);
	cr_assert_eq(woken, 0);
}

Test(pace, a_new_viewer_begins_at_once_and_alone) {
	a_viewer_that_plays();
	put(0);
	view(&viewers[1]);
	still_worker_turn(w);
	cr_assert_eq(woken, 1);
	cr_assert_eq(last_sequence, l.next);
	put(0);
	cr_assert_eq(woken, 1, "and waits with the others then");
	still_worker_pass(w, INTERVAL);
	cr_assert_eq(woken, 3);
}

Test(pace, a_keyframe_that_a_viewer_waits_for_does_not_wait) {
	put(0);
	view(&viewers[0]);
	still_worker_turn(w);
	put(0);
	last_sequence = 0;
	put(ITEM_KEY);
	cr_assert_eq(last_sequence, l.next);
	put(0);
	put(0);
	woken = 0;
	put(0);
	cr_assert_eq(woken, 0, "from then on it waits as all do");
}

Test(pace, a_viewer_that_overran_gets_its_keyframe_at_once) {
	l.limits.bytes = 1000;
	a_viewer_that_plays();
	for (int i = 0; i < 20; i++)
		put(0); /* the keyframe and what the viewer wants have left the log */
	still_worker_pass(w, INTERVAL);
	still_worker_turn(w);
	const struct log_item *item;
	cr_assert_eq(viewers[0].overruns, 1);
	cr_assert_eq(cursor_next(&viewers[0], &item), CURSOR_EMPTY);
	put(ITEM_KEY);
	cr_assert_eq(last_sequence, l.next);
}

Test(pace, the_runs_end_does_not_wait) {
	a_viewer_that_plays();
	put(0);
	put(ITEM_END);
	cr_assert_eq(woken, 1);
	cr_assert_eq(last_sequence, l.next);
	cr_assert_eq(w->timers.count, 0);
}

Test(pace, much_does_not_wait) {
	a_viewer_that_plays();
	put_sized(0, PACE_BYTES_MOST - 1);
	cr_assert_eq(woken, 0);
	put_sized(0, 1);
	cr_assert_eq(woken, 1);
	put(0);
	cr_assert_eq(woken, 1, "the count begins anew");
}

Test(pace, a_paused_viewer_is_not_woken_and_gets_what_it_missed_at_once) {
	a_viewer_that_plays();
	cursor_pause(&viewers[0]);
	put(0);
	still_worker_pass(w, INTERVAL);
	cr_assert_eq(woken, 0);
	cr_assert_eq(w->timers.count, 0, "nobody waits, so no timer runs");
	cursor_resume(&viewers[0]);
	still_worker_turn(w);
	cr_assert_eq(woken, 1);
	cr_assert_eq(last_sequence, l.next);
}

Test(pace, adaptive_follows_the_workers_pressure) {
	log_set_pace(&l, (struct pace_rule){.merge_ms = PACE_ADAPTIVE, .most_ms = INTERVAL});
	a_viewer_that_plays();
	put(0);
	cr_assert_eq(woken, 1, "no pressure: instant");
	w->busy.busy.pressure = 0.5;
	put(0);
	cr_assert_eq(woken, 1);
	still_worker_pass(w, INTERVAL / 2);
	cr_assert_eq(woken, 2);
	put(0);
	w->busy.busy.pressure = 0;
	put(0);
	cr_assert_eq(woken, 3, "pressure gone: what waited goes with the next");
}

Test(pace_rule, intervals) {
	struct pace_rule fixed = {.merge_ms = 170}, adaptive = {.merge_ms = PACE_ADAPTIVE, .most_ms = 350};
	cr_assert_eq(pace_interval_ms(&fixed, 0), 170);
	cr_assert_eq(pace_interval_ms(&fixed, 1), 170);
	cr_assert_eq(pace_interval_ms(&adaptive, 0), 0);
	cr_assert_eq(pace_interval_ms(&adaptive, 0.5), 175);
	cr_assert_eq(pace_interval_ms(&adaptive, 1), 350);
	cr_assert_eq(pace_interval_ms(&adaptive, 0.01), 0, "3 ms merge nothing");
}

Test(pace_rule, the_grid_is_an_interval_wide_whatever_the_phase) {
	for (uint64_t phase = 0; phase < 1000; phase += 37)
		for (uint64_t now = 5000; now < 5300; now++) {
			uint64_t wait = pace_wait_ms(now, 100, phase);
			cr_assert(wait >= 1 && wait <= 100);
			cr_assert_eq((now + wait + phase) % 100, 0);
		}
}
