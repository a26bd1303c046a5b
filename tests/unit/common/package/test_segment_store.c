/*
 * What of a store can be asked for, what is listed, and when it is forgotten.
 */
#include "tests/unit/common/package/packaged.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <uv.h>

enum { WINDOW = 4 };

static void init(void) {
	packaged_init(11, WINDOW);
	simulation_publish(&sim, 100, &(struct encoder){.seconds = 40.9, .fps = 30, .gop_s = 1, .audio_rate = 48000});
}

TestSuite(segment_store, .init = init, .fini = packaged_fini, .timeout = 60);

static const struct segment *newest(const char *track) {
	const struct segment_track *t = segment_store_track(store, track);
	return t->items[t->count - 1];
}

static enum segment_answer ask_of(uint64_t epoch, enum segment_name_kind kind, uint64_t number, uint32_t part) {
	struct segment_reply reply;
	struct segment_name n = {
	    .kind = kind, .epoch = epoch, .number = number, .part = part, .init = newest("v")->init_id};
	enum segment_answer a = segment_store_ask(store, "v", &n, &reply);
	cr_assert_eq(a == SEGMENT_HERE, reply.runs != NULL);
	runs_unref(&reply.runs);
	return a;
}

static enum segment_answer ask(enum segment_name_kind kind, uint64_t number, uint32_t part) {
	return ask_of(100, kind, number, part);
}

Test(segment_store, what_is_announced_is_here_or_waited_for) {
	push_range(packager, &sim, 0, sim.count);
	const struct segment *open = newest("v");
	uint64_t n = open->number;
	cr_assert_eq(open->state, SEGMENT_OPEN);
	cr_assert_eq(open->part_count, 2);
	cr_assert_eq(ask(NAME_INIT, 0, 0), SEGMENT_HERE);
	cr_assert_eq(ask(NAME_SEGMENT, n - 1, 0), SEGMENT_HERE);
	cr_assert_eq(ask(NAME_PART, n - 1, 5), SEGMENT_HERE);
	cr_assert_eq(ask(NAME_PART, n - 1, 6), SEGMENT_NONE);
	cr_assert_eq(ask(NAME_PART, n, 1), SEGMENT_HERE);
	cr_assert_eq(ask(NAME_PART, n, 2), SEGMENT_WAIT, "a hinted part must be requestable at once");
	cr_assert_eq(ask(NAME_PART, n, 40), SEGMENT_NONE);
	cr_assert_eq(ask(NAME_SEGMENT, n, 0), SEGMENT_WAIT);
	/* Another edge may be ahead. */
	cr_assert_eq(ask(NAME_PART, n + 1, 0), SEGMENT_WAIT);
	cr_assert_eq(ask_of(200, NAME_PART, n + 1, 0), SEGMENT_WAIT);
	cr_assert_eq(ask(NAME_SEGMENT, n + 9, 0), SEGMENT_NONE);
	cr_assert_eq(ask_of(99, NAME_SEGMENT, n - 1, 0), SEGMENT_NONE);
	cr_assert_eq(ask_of(99, NAME_PART, n + 1, 0), SEGMENT_NONE);
}

Test(segment_store, after_the_end_nothing_is_waited_for) {
	simulation_end(&sim);
	push_range(packager, &sim, 0, sim.count);
	uint64_t n = newest("v")->number;
	cr_assert_eq(ask(NAME_SEGMENT, n, 0), SEGMENT_HERE);
	cr_assert_eq(ask(NAME_PART, n + 1, 0), SEGMENT_NONE);
}

/* RFC 8216, 6.2.2: its own two seconds, and the longest playlist's: four segments, and the open one. */
Test(segment_store, what_left_the_playlist_stays_for_its_length_and_the_playlists) {
	enum { KEPT = 6 };
	uint64_t now_ms = 1000;
	uint64_t first = sim.entries[0]->mark.number;
	for (size_t i = 0; i < sim.count; i++) {
		now_ms = 1000 + (uint64_t)(sim.entries[i]->time_us - sim.entries[0]->time_us) / 1000;
		push_range(packager, &sim, i, i + 1);
		segment_store_expire(store, now_ms);
	}
	const struct segment_track *t = segment_store_track(store, "v");
	struct segment_range r = segment_track_range(t);
	cr_assert_eq(r.count, WINDOW + 1);
	uint64_t listed = t->items[r.first]->number;
	for (uint64_t n = listed - KEPT; n < listed; n++)
		cr_assert_eq(ask(NAME_SEGMENT, n, 0), SEGMENT_HERE);
	cr_assert_eq(ask(NAME_SEGMENT, listed - KEPT - 2, 0), SEGMENT_NONE);
	cr_assert_eq(ask(NAME_SEGMENT, first, 0), SEGMENT_NONE);
	size_t bytes = segment_store_usage(store).bytes;
	cr_assert_leq(segment_store_usage(store).segments, 2 * (WINDOW + 1 + KEPT + 1));
	segment_store_expire(store, now_ms + 13000);
	cr_assert_lt(segment_store_usage(store).bytes, bytes);
	cr_assert_eq(segment_store_usage(store).segments, 2 * (WINDOW + 1));
}

/* Fills what the log of a node that joined late lacks. */
static void fill(size_t from, size_t to) {
	struct packager *p = packager_new(store, "source", &told_ops, &told);
	push_range(p, &sim, from, to);
	packager_free(&p);
}

Test(segment_store, history_comes_in_front_only_before_anything_was_listed) {
	size_t late = simulation_mark(&sim, 0, 17);
	push_range(packager, &sim, late, sim.count);
	const struct segment_track *t = segment_store_track(store, "v");
	size_t alone = segment_track_range(t).count;
	fill(simulation_mark(&sim, 0, 14), late + 60);
	struct segment_range r = segment_track_range(t);
	cr_assert_gt(r.count, alone);
	segment_store_publish(store);
	uint64_t floor = t->items[r.first]->number;
	fill(0, simulation_mark(&sim, 0, 16));
	r = segment_track_range(t);
	cr_assert_eq(t->items[r.first]->number, floor, "the front of a playlist that was handed out grew");
}

Test(segment_store, a_hole_that_nobody_fills_is_given_up_before_it_takes_all_memory) {
	push_range(packager, &sim, 0, simulation_mark(&sim, 0, 6) + 30);
	push_range(packager, &sim, simulation_mark(&sim, 0, 7) + 30, sim.count);
	const struct segment_track *t = segment_store_track(store, "v");
	uint64_t first, last;
	cr_assert(segment_track_hole(t, &first, &last));
	segment_store_expire(store, 1000);
	cr_assert_not(segment_track_hole(t, &first, &last));
	cr_assert_eq(segment_track_range(t).count, WINDOW + 1);
}

Test(segment_store, a_holed_segment_keeps_the_parts_that_were_listed) {
	size_t mark = simulation_mark(&sim, 0, 6);
	push_range(packager, &sim, 0, mark + 40);
	uint64_t number = sim.entries[mark]->mark.number;
	uint32_t listed = newest("v")->listed;
	cr_assert_geq(listed, 1);
	packager_hole(packager);
	const struct segment_track *t = segment_store_track(store, "v");
	struct segment_range r = segment_track_range(t);
	cr_assert_eq(t->items[r.first + r.count - 1]->listed, listed);
	for (uint32_t i = 0; i < listed; i++)
		cr_assert_eq(ask(NAME_PART, number, i), SEGMENT_HERE);
	cr_assert_eq(ask(NAME_PART, number, listed), SEGMENT_WAIT);
	cr_assert_eq(ask(NAME_SEGMENT, number, 0), SEGMENT_WAIT);
}

Test(segment_store, tracks_that_are_gone_are_forgotten_with_their_segments) {
	simulation_fini(&sim);
	simulation_init(&sim, 11);
	simulation_publish(&sim, 100, &(struct encoder){.seconds = 6, .fps = 30, .gop_s = 1, .audio_rate = 48000});
	push_range(packager, &sim, 0, sim.count);
	cr_assert(segment_store_track(store, "a"));
	size_t from = sim.count;
	simulation_publish(&sim, 200, &(struct encoder){.seconds = 30, .fps = 30, .gop_s = 1});
	push_range(packager, &sim, from, sim.count);
	segment_store_expire(store, 1000);
	segment_store_expire(store, 14000);
	cr_assert_null(segment_store_track(store, "a"));
	cr_assert_eq(segment_store_usage(store).segments, WINDOW + 1);
}

/* --- by time --- */

static enum segment_answer resolve_of(uint64_t epoch, const char *track, int64_t time, uint64_t *number,
                                      bool *guessed) {
	struct segment_name n = {.kind = NAME_TIME, .epoch = epoch, .time = time};
	enum segment_answer a = segment_store_resolve(store, track, &n, guessed);
	cr_assert_eq(n.kind, a == SEGMENT_HERE ? NAME_SEGMENT : NAME_TIME);
	*number = n.number;
	return a;
}

/* 0: it is waited for; UINT64_MAX: there is none. */
static uint64_t exactly_at(const char *track, int64_t time) {
	bool guessed;
	uint64_t number;
	enum segment_answer a = resolve_of(100, track, time, &number, &guessed);
	cr_assert_not(guessed);
	return a == SEGMENT_HERE ? number : a == SEGMENT_WAIT ? 0 : UINT64_MAX;
}

static uint64_t found_at(int64_t time, bool *guessed) {
	uint64_t number;
	cr_assert_eq(resolve_of(100, "v", time, &number, guessed), SEGMENT_HERE);
	return number;
}

/* Players that count on by what one segment was expected to last ask for times inside of others. */
Test(segment_store, a_segment_is_found_by_the_time_at_which_it_begins_or_a_later_one) {
	bool guessed;
	uint64_t number;
	push_range(packager, &sim, 0, sim.count);
	for (const struct segment_track *t = NULL; (t = segment_store_next(store, t));) {
		for (size_t i = 0; i < t->count; i++) {
			int64_t start = t->items[i]->start;
			cr_assert_eq(exactly_at(t->name, start), t->items[i]->number);
			cr_assert_eq(exactly_at(t->name, start + 1), t->items[i]->number);
			cr_assert_eq(resolve_of(100, t->name, start + t->items[i]->info->timescale / 2, &number, &guessed),
			             SEGMENT_HERE);
			cr_assert_eq(number, t->items[i]->number);
			cr_assert(guessed, "another may begin there at an edge that is ahead");
		}
	}
	int64_t start = newest("v")->start;
	cr_assert_eq(exactly_at("v", 0), UINT64_MAX);
	cr_assert_eq(exactly_at("v", INT64_MAX), UINT64_MAX);
	cr_assert_eq(resolve_of(99, "v", start, &number, &guessed), SEGMENT_NONE);
	cr_assert_eq(resolve_of(200, "v", start + 180000, &number, &guessed), SEGMENT_WAIT, "another edge may be ahead");
	cr_assert_eq(resolve_of(100, "x", start, &number, &guessed), SEGMENT_NONE);
}

Test(segment_store, what_is_expected_is_waited_for_and_comes_by_that_name) {
	size_t mark = simulation_mark(&sim, 0, 6), next = simulation_mark(&sim, mark + 1, 0);
	push_range(packager, &sim, 0, mark + 40);
	const char *const names[] = {"v", "a"};
	int64_t expected[2];
	for (size_t i = 0; i < 2; i++) {
		const struct segment_track *t = segment_store_track(store, names[i]);
		expected[i] = segment_track_expected(t, t->count - 1);
		cr_assert_eq(exactly_at(names[i], expected[i]), 0);
		cr_assert_eq(exactly_at(names[i], expected[i] + 100 * t->items[0]->info->timescale), UINT64_MAX);
	}
	push_range(packager, &sim, mark + 40, next + 40);
	for (size_t i = 0; i < 2; i++)
		cr_assert_eq(exactly_at(names[i], expected[i]), sim.entries[next]->mark.number);
	simulation_end(&sim);
	push_range(packager, &sim, next + 40, sim.count);
	const struct segment_track *t = segment_store_track(store, "v");
	bool guessed;
	uint64_t number;
	cr_assert_eq(resolve_of(100, "v", segment_track_expected(t, t->count - 1), &number, &guessed), SEGMENT_OVER,
	             "after the end nothing is waited for");
}

/* Pictures come late, or an encoder makes a keyframe out of turn: who was told of another time is given what there is.
 */
Test(segment_store, a_segment_that_begins_otherwise_is_found_by_the_time_that_was_expected) {
	simulation_fini(&sim);
	simulation_init(&sim, 3);
	simulation_publish(&sim, 100, &(struct encoder){.seconds = 60, .fps = 30, .gop_s = 1.3, .irregular = true});
	push_range(packager, &sim, 0, sim.count);
	const struct segment_track *t = segment_store_track(store, "v");
	unsigned early = 0, late = 0;
	bool guessed;
	for (size_t i = 1; i + 1 < t->count; i++) {
		int64_t expected = segment_track_expected(t, i), begins = t->items[i + 1]->start;
		if (expected == begins)
			continue;
		cr_assert_eq(found_at(expected, &guessed), t->items[i + 1]->number);
		/* Where none can begin any more it is no guess. */
		cr_assert_eq(guessed, expected >= begins + t->items[i + 1]->samples[0].duration);
		if (expected < begins) {
			late++;
			cr_assert_eq(found_at(begins - 1, &guessed), t->items[i + 1]->number);
			cr_assert_not(guessed);
			cr_assert_eq(found_at(expected - 1, &guessed), t->items[i]->number);
		} else {
			early++;
			cr_assert_eq(found_at(begins - 1, &guessed), t->items[i]->number);
		}
	}
	cr_assert(early && late, "%u came early, %u late", early, late);
}

Test(segment_store, what_was_expected_of_an_epoch_that_broke_off_is_not_the_next_ones) {
	push_range(packager, &sim, 0, sim.count);
	const struct segment_track *t = segment_store_track(store, "v");
	int64_t expected = segment_track_expected(t, t->count - 1);
	cr_assert_eq(exactly_at("v", expected), 0);
	size_t from = sim.count;
	simulation_publish(&sim, 200, &(struct encoder){.seconds = 6, .fps = 30, .gop_s = 1, .audio_rate = 48000});
	push_range(packager, &sim, from, sim.count);
	bool guessed;
	uint64_t number;
	cr_assert_eq(resolve_of(100, "v", expected, &number, &guessed), SEGMENT_OVER);
	cr_assert_eq(exactly_at("v", expected + 1), UINT64_MAX);
	const struct segment *s = t->items[t->count - 2];
	cr_assert_eq(resolve_of(200, "v", s->start, &number, &guessed), SEGMENT_HERE);
	cr_assert_eq(number, s->number);
}

Test(segment_store, a_segment_with_a_hole_is_waited_for_by_its_time_too) {
	size_t mark = simulation_mark(&sim, 0, 6);
	push_range(packager, &sim, 0, mark + 40);
	int64_t start = newest("v")->start;
	packager_hole(packager);
	cr_assert_eq(exactly_at("v", start), 0);
}
