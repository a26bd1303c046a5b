/*
 * Entries of simulated publishes, packaged: what must hold of any, and that nothing depends on where a packager began.
 */
#include "tests/unit/common/package/packaged.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

enum { ALL = 100000 };

static void init(void) {
	packaged_init(7, ALL);
}

TestSuite(packager, .init = init, .fini = packaged_fini, .timeout = 60);

static const struct encoder usual = {.seconds = 30, .fps = 30, .gop_s = 1, .audio_rate = 44100};

static void publish(uint64_t epoch, const struct encoder *e) {
	size_t from = sim.count;
	simulation_publish(&sim, epoch, e);
	push_range(packager, &sim, from, sim.count);
}

static const struct segment_track *track(const char *name) {
	const struct segment_track *t = segment_store_track(store, name);
	cr_assert(t, "there is no track %s", name);
	return t;
}

/* --- what must hold of any packaging --- */

static void check_parts(const struct segment *s) {
	const struct track *t = s->info;
	int64_t ticks = 0;
	uint32_t frames = 0;
	cr_assert_leq(s->part_count, PARTS_MAX);
	cr_assert_leq(s->listed, s->part_count);
	for (uint32_t i = 0; i < s->part_count; i++) {
		const struct segment_part *p = &s->parts[i];
		cr_assert_eq(p->dts, s->first_dts + ticks, "a part does not begin where the one before it ended");
		ticks += p->duration;
		frames += p->frames;
		if (i >= s->listed)
			continue;
		double of_target = (double)p->duration * 1000 / t->timescale / t->part_target_ms;
		cr_assert_leq(of_target, 1, "part %u.%u lasts %f of PART-TARGET", (unsigned)s->number, i, of_target);
		if (i + 1 < s->part_count)
			cr_assert_geq(of_target, 0.85, "part %u.%u lasts %f of PART-TARGET", (unsigned)s->number, i, of_target);
	}
	if (s->state != SEGMENT_OPEN) {
		cr_assert_eq(ticks, s->duration, "parts do not sum to the segment");
		cr_assert_eq(frames, s->sample_count);
	}
}

static void check_segment(const struct segment *s, const struct segment *before) {
	check_parts(s);
	double extinf = (double)segment_length_us(s) / 1e6;
	if (s->tracks->target_ms)
		cr_assert_leq(round(extinf) * 1000, s->tracks->target_ms, "EXTINF %f", extinf);
	if (!before)
		return;
	cr_assert_eq(s->number, before->number + 1, "a number is missing");
	cr_assert_eq(s->start_us, before->end_us, "a segment does not begin where the one before it ended");
	/* Sound is cut at its own frames. */
	bool is_same = s->info->timescale == before->info->timescale;
	if (s->state == SEGMENT_COMPLETE && before->state == SEGMENT_COMPLETE && is_same)
		cr_assert_eq(s->first_dts, before->first_dts + before->duration);
	/* What comes before the mark that tells of a change, and lies behind it in time, is of neither side. */
	int64_t most_us = is_same ? 100000 : 300000, off_us = ticks_to_us(s->start, s->info->timescale) - s->start_us;
	if (s->state == SEGMENT_COMPLETE)
		cr_assert(off_us >= -1 && off_us < most_us, "a segment begins %ld us off its mark", off_us);
}

static void check_track(const struct segment_track *t) {
	for (size_t i = 0; i < t->count; i++)
		check_segment(t->items[i], i ? t->items[i - 1] : NULL);
}

static void check_all(void) {
	for (const struct segment_track *t = NULL; (t = segment_store_next(store, t));)
		check_track(t);
}

/* --- --- */

Test(packager, sound_and_picture_become_segments_of_the_same_numbers) {
	publish(100, &usual);
	simulation_end(&sim);
	push_range(packager, &sim, sim.count - 1, sim.count);
	check_all();
	const struct segment_track *v = track("v"), *a = track("a");
	cr_assert_eq(v->count, 15);
	cr_assert_eq(a->count, 15);
	for (size_t i = 0; i < 15; i++) {
		cr_assert_eq(v->items[i]->number, a->items[i]->number);
		cr_assert_eq(v->items[i]->start_us, a->items[i]->start_us);
		cr_assert_eq(v->items[i]->end_us, a->items[i]->end_us);
		cr_assert_eq(v->items[i]->state, SEGMENT_COMPLETE);
		cr_assert_not(v->items[i]->flags & SEGMENT_TENTATIVE);
		cr_assert_eq(v->items[i]->sample_count, 60);
	}
	/* The first segment knows no PART-TARGET yet. */
	cr_assert_geq(v->items[1]->listed, 6);
	cr_assert(v->items[1]->parts[0].independent);
	cr_assert_not(v->items[1]->parts[1].independent);
	cr_assert(a->items[1]->parts[1].independent);
	cr_assert_eq(told.segments, 30);
	cr_assert_eq(told.ends, 1);
	cr_assert_str_eq(told.reason, "the publisher left");
	cr_assert(segment_store_ended(store));
	cr_assert_eq(packager_irregular(packager), 0);
}

Test(packager, segments_are_legal_for_all_kinds_of_encoders) {
	static const double gops[] = {0.3, 1, 2, 2.5, 3.3, 5, 8.3};
	static const double rates[] = {15, 23.976, 29.97, 60};
	for (size_t g = 0; g < sizeof gops / sizeof *gops; g++)
		for (size_t r = 0; r < sizeof rates / sizeof *rates; r++)
			for (int kind = 0; kind < 4; kind++) {
				packaged_fini();
				init();
				publish(1, &(struct encoder){.seconds = 40,
				                             .fps = rates[r],
				                             .gop_s = gops[g],
				                             .audio_rate = kind & 1 ? 44100 : 48000,
				                             .composition_ms = kind & 1 ? 80 : 0,
				                             .irregular = kind & 2});
				check_all();
				cr_assert_geq(track("v")->count, 3);
				cr_assert_geq(track("a")->count, 3);
			}
}

Test(packager, audio_alone_is_packaged) {
	publish(1, &(struct encoder){.seconds = 30, .no_video = true, .audio_rate = 44100, .fps = 1});
	check_all();
	cr_assert_geq(track("a")->count, 14);
	cr_assert_null(segment_store_track(store, "v"));
}

/* Number of the first whole segment of each track must be the same in the late one, and everything behind it. */
static void late_packager(size_t from) {
	struct segment_store *late_store = segment_store_new(ALL);
	struct told late_told = {0};
	struct packager *late = packager_new(late_store, "source", &told_ops, &late_told);
	push_range(late, &sim, from, sim.count);
	cr_assert_geq(compare_stores(store, late_store, 0), 10);
	packager_free(&late);
	segment_store_free(&late_store);
}

/* All frames are there and last what frames last; but for those between the change and the mark that tells of it. */
static void check_goes_on(const struct segment_track *t, double publish_s) {
	double all_s = 0;
	for (size_t i = 0; i < t->count; i++) {
		const struct segment *s = t->items[i];
		cr_assert_neq(s->state, SEGMENT_GAP, "segment %zu is a gap", i);
		all_s += (double)s->duration / s->info->timescale;
		for (uint32_t k = 0; k < s->sample_count; k++)
			cr_assert(s->samples[k].duration > 900 && s->samples[k].duration < 1150, "%zu.%u lasts %u", i, k,
			          s->samples[k].duration);
	}
	cr_assert(all_s > publish_s - 1.5 && all_s < publish_s + 0.1, "%f s of %f", all_s, publish_s);
}

/* Its ticks are of another length from one mark to the next; sound comes before the picture, with it, or after. */
Test(packager, a_sound_that_changes_its_rate_goes_on) {
	static const double leads[] = {0.2, 0, -0.2};
	static const int rates[] = {48000, 44100};
	for (size_t i = 0; i < sizeof leads / sizeof *leads; i++)
		for (size_t r = 0; r < 2; r++)
			for (int alone = 0; alone < 2; alone++) {
				packaged_fini();
				init();
				publish(1, &(struct encoder){.seconds = 24.2,
				                             .fps = 30,
				                             .gop_s = 1,
				                             .no_video = alone,
				                             .audio_rate = rates[r],
				                             .audio_lead = leads[i],
				                             .rate_from = 8.1,
				                             .rate_then = rates[!r]});
				check_all();
				check_goes_on(track("a"), 24.2);
				cr_assert_geq(track("a")->count, 11);
				cr_assert_eq(track("a")->items[2]->info->timescale, (uint32_t)rates[r]);
				cr_assert_eq(track("a")->items[8]->info->timescale, (uint32_t)rates[!r]);
				late_packager(simulation_mark(&sim, 0, 1));
			}
}

Test(packager, where_it_begins_makes_no_difference) {
	struct encoder e = usual;
	e.irregular = true;
	e.composition_ms = 120;
	publish(9, &e);
	check_all();
	for (size_t nth = 1; nth < 5; nth++)
		late_packager(simulation_mark(&sim, 0, nth));
	for (size_t from = 0; from < 300; from += 7)
		late_packager(from);
}

/* From the nth mark on the entries are those of another epoch. */
static size_t split_epoch(size_t nth, uint64_t epoch) {
	size_t at = simulation_mark(&sim, 0, nth);
	const struct entry *before = sim.entries[at - 1];
	uint64_t last = before->sequence;
	sim.entries[at]->mark.after_epoch = before->epoch;
	sim.entries[at]->mark.after_sequence = last;
	for (size_t i = at; i < sim.count; i++) {
		sim.entries[i]->epoch = epoch;
		sim.entries[i]->sequence -= last;
	}
	return at;
}

Test(packager, an_epoch_that_goes_on_without_a_break_changes_nothing_but_urls) {
	struct encoder e = usual;
	e.composition_ms = 120;
	publish(9, &e);
	size_t at = split_epoch(5, 10);
	uint64_t first = sim.entries[at]->mark.number;
	struct segment_store *split = segment_store_new(ALL);
	struct packager *p = packager_new(split, "source", &told_ops, &told);
	push_range(p, &sim, 0, sim.count);
	for (const struct segment_track *t = NULL; (t = segment_store_next(split, t));)
		for (size_t i = 0; i < t->count; i++) {
			struct segment *s = t->items[i];
			cr_assert_eq(s->epoch, s->number < first ? 9 : 10, "%s %zu", t->name, i);
			cr_assert_not(s->flags & (SEGMENT_TENTATIVE | SEGMENT_HOLED), "%s %zu", t->name, i);
			cr_assert_eq(s->period->discontinuity, t->items[0]->period->discontinuity);
			s->epoch = 9; /* for the comparison */
		}
	cr_assert_eq(compare_stores(store, split, 0), compare_stores(store, store, 0));
	cr_assert_eq(segment_store_track(split, "a")->count, segment_store_track(store, "a")->count);
	packager_free(&p);
	segment_store_free(&split);
}

Test(packager, an_epoch_that_goes_on_from_what_is_not_here_is_a_break) {
	publish(9, &usual);
	size_t at = split_epoch(5, 10);
	struct segment_store *split = segment_store_new(ALL);
	struct packager *p = packager_new(split, "source", &told_ops, &told);
	push_range(p, &sim, 0, at - 4);
	push_range(p, &sim, at, sim.count);
	const struct segment_track *v = segment_store_track(split, "v");
	cr_assert_eq(v->count, track("v")->count);
	for (size_t i = 0; i < v->count; i++) {
		bool is_last = v->items[i]->number + 1 == sim.entries[at]->mark.number;
		cr_assert_eq((v->items[i]->flags & SEGMENT_TENTATIVE) != 0, is_last);
	}
	packager_free(&p);
	segment_store_free(&split);
}

Test(packager, what_came_before_its_first_mark_is_not_guessed) {
	publish(9, &usual);
	struct segment_store *late = segment_store_new(ALL);
	struct packager *p = packager_new(late, "source", &told_ops, &told);
	size_t at = simulation_mark(&sim, 0, 3);
	push_range(p, &sim, at, sim.count);
	uint64_t number = sim.entries[at]->mark.number;
	/* The picture of that number begins behind its mark; sound for it may have come before. */
	cr_assert_eq(segment_store_track(late, "v")->items[0]->number, number);
	cr_assert_eq(segment_store_track(late, "a")->items[0]->number, number + 1);
	packager_free(&p);
	segment_store_free(&late);
}

Test(packager, a_hole_is_not_listed_and_all_around_it_is_the_same) {
	struct encoder e = usual;
	e.irregular = true;
	publish(9, &e);
	struct segment_store *other = segment_store_new(ALL);
	struct packager *p = packager_new(other, "source", &told_ops, &told);
	size_t from = simulation_mark(&sim, 0, 4) + 25, to = simulation_mark(&sim, 0, 6) + 10;
	uint64_t first, last, broken = sim.entries[simulation_mark(&sim, 0, 4)]->mark.number;
	push_range(p, &sim, 0, from);
	push_range(p, &sim, to, sim.count);
	const struct segment_track *v = segment_store_track(other, "v");
	cr_assert(segment_track_hole(v, &first, &last));
	cr_assert_eq(first, broken);
	cr_assert_eq(last, broken + 2);
	struct segment_range r = segment_track_range(v);
	cr_assert_eq(v->items[r.first + r.count - 1]->number, broken);
	cr_assert_geq(compare_stores(store, other, 0), 8);
	cr_assert_null(segment_store_find(other, "v", 9, broken));
	packager_free(&p);
	segment_store_free(&other);
}

Test(packager, a_hole_that_nobody_fills_becomes_gaps) {
	publish(9, &usual);
	struct segment_store *other = segment_store_new(ALL);
	struct packager *p = packager_new(other, "source", &told_ops, &told);
	push_range(p, &sim, 0, simulation_mark(&sim, 0, 4) + 25);
	push_range(p, &sim, simulation_mark(&sim, 0, 6) + 10, sim.count);
	cr_assert_eq(segment_store_give_up(other), 0);
	const struct segment_track *v = segment_store_track(other, "v");
	cr_assert_eq(segment_track_range(v).count, v->count);
	for (size_t i = 0; i < v->count; i++) {
		const struct segment *s = v->items[i];
		cr_assert_eq(s->state == SEGMENT_GAP, i >= 4 && i <= 6);
		if (i)
			cr_assert_eq(s->number, v->items[i - 1]->number + 1);
		cr_assert_leq(segment_length_us(s), 2001000);
	}
	packager_free(&p);
	segment_store_free(&other);
}

/* The log of the second epoch was gone before its first entries could be had: nothing is open there to be holed. */
Test(packager, numbers_that_never_came_become_gaps) {
	publish(100, &(struct encoder){.seconds = 10.2, .fps = 30, .gop_s = 1, .audio_rate = 44100});
	size_t second = sim.count;
	sim.clock_s += 3;
	simulation_publish(&sim, 200, &(struct encoder){.seconds = 12, .fps = 30, .gop_s = 1, .audio_rate = 44100});
	push_range(packager, &sim, simulation_mark(&sim, second, 1) + 10, sim.count);
	const struct segment_track *v = track("v"), *a = track("a");
	cr_assert_lt(segment_track_range(v).count, v->count);
	cr_assert_eq(segment_store_give_up(store), 0);
	cr_assert_eq(segment_track_range(v).count, v->count);
	cr_assert_eq(segment_track_range(a).count, a->count);
	for (size_t i = 1; i < v->count; i++)
		cr_assert_eq(v->items[i]->number, v->items[i - 1]->number + 1);
	cr_assert_eq(segment_store_give_up(store), 0, "without a hole nothing happens");
	cr_assert_eq(segment_track_range(v).count, v->count);
}

Test(packager, a_track_without_frames_has_gaps_and_goes_on) {
	struct encoder e = usual;
	e.audio_from = 0;
	e.audio_to = 9.2;
	publish(9, &e);
	check_all();
	const struct segment_track *a = track("a");
	cr_assert_geq(a->count, 13);
	cr_assert_eq(a->items[3]->state, SEGMENT_COMPLETE);
	cr_assert_eq(a->items[8]->state, SEGMENT_GAP);
	late_packager(simulation_mark(&sim, 0, 3));
}

Test(packager, a_silent_key_track_has_gaps_while_the_others_go_on) {
	struct encoder e = usual;
	e.video_to = 9.7;
	publish(9, &e);
	check_all();
	const struct segment_track *v = track("v"), *a = track("a");
	cr_assert_geq(v->count, 10);
	cr_assert_eq(v->items[v->count - 2]->state, SEGMENT_GAP);
	cr_assert_eq(a->items[a->count - 2]->state, SEGMENT_COMPLETE);
	late_packager(simulation_mark(&sim, 0, 2));
}

Test(packager, a_new_epoch_ends_what_is_open_and_leaves_gaps_for_numbers_left_out) {
	struct encoder e = usual;
	e.seconds = 11;
	publish(100, &e);
	const struct segment_track *v = track("v");
	size_t before = v->count;
	sim.run.next_number += 3;
	sim.clock_s += 5;
	publish(200, &e);
	cr_assert_eq(told.epochs, 2);
	cr_assert(v->items[before - 1]->flags & SEGMENT_TENTATIVE);
	cr_assert_eq(v->items[before - 1]->state, SEGMENT_COMPLETE);
	for (size_t i = 1; i < v->count; i++)
		cr_assert_eq(v->items[i]->number, v->items[i - 1]->number + 1);
	for (size_t i = 0; i < 3; i++) {
		cr_assert_eq(v->items[before + i]->state, SEGMENT_GAP);
		cr_assert_eq(v->items[before + i]->epoch, 200);
		cr_assert_leq(segment_length_us(v->items[before + i]), 2000000);
	}
	cr_assert_eq(v->items[before + 3]->state, SEGMENT_COMPLETE);
	cr_assert_not(v->items[before + 3]->flags & SEGMENT_TENTATIVE);
}

Test(packager, entries_that_come_twice_or_from_an_older_epoch_are_ignored) {
	publish(100, &usual);
	push_range(packager, &sim, sim.count - 200, sim.count);
	check_all();
	unsigned segments = told.segments;
	size_t old = sim.count;
	publish(200, &usual);
	push_range(packager, &sim, old - 200, old);
	cr_assert_gt(told.segments, segments);
	cr_assert_eq(told.epochs, 2);
}

Test(packager, numbers_that_go_back_are_not_listed) {
	publish(100, &usual);
	const struct segment_track *v = track("v");
	uint64_t newest = v->items[v->count - 1]->number;
	sim.run.next_number -= 2;
	publish(200, &usual);
	for (size_t i = 1; i < v->count; i++) {
		cr_assert_gt(v->items[i]->number, v->items[i - 1]->number);
		cr_assert_eq(v->items[i]->epoch, v->items[i]->number > newest ? 200 : 100);
	}
}

Test(packager, a_codec_without_a_form_in_cmaf_is_told_and_left_out) {
	publish(100, &(struct encoder){.seconds = 4, .fps = 30, .gop_s = 1, .audio_rate = 48000});
	size_t mark = simulation_mark(&sim, 0, 0);
	struct tracks *t = tracks_copy(sim.entries[mark]->mark.tracks);
	t->items[1].fourcc = FOURCC_SPEEX;
	struct mark m = sim.entries[mark]->mark;
	m.tracks = t;
	struct entry *e = entry_new_mark(&m, sim.entries[mark]->time_us);
	e->epoch = 100;
	e->sequence = sim.entries[mark]->sequence;
	entry_unref(&sim.entries[mark]);
	sim.entries[mark] = e;
	tracks_unref(&t);
	packaged_end();
	packaged_begin(ALL);
	push_range(packager, &sim, 0, simulation_mark(&sim, 0, 1));
	cr_assert_eq(told.unsupported, 1);
	cr_assert_null(segment_store_track(store, "a"));
	cr_assert_eq(track("v")->count, 1);
}

/* Of entries that were fetched each mark has Tracks of its own. */
Test(packager, a_codec_without_a_form_in_cmaf_is_told_once) {
	publish(100, &(struct encoder){.seconds = 10, .fps = 30, .gop_s = 1, .audio_rate = 48000});
	packaged_end();
	packaged_begin(ALL);
	for (size_t i = 0; i < sim.count; i++) {
		struct entry *e = sim.entries[i];
		if (e->kind == ENTRY_MARK) {
			struct tracks *t = tracks_copy(e->mark.tracks);
			t->items[1].fourcc = FOURCC_SPEEX;
			tracks_unref(&e->mark.tracks);
			e->mark.tracks = t;
		}
	}
	push_range(packager, &sim, 0, sim.count);
	cr_assert_geq(track("v")->count, 5);
	cr_assert_eq(told.unsupported, 1);
}

Test(packager, memory_is_given_back) {
	publish(100, &usual);
	cr_assert_gt(segment_store_usage(store).bytes, 900 * 60);
	packager_free(&packager);
	struct segment_usage before = segment_store_usage(store);
	segment_store_expire(store, 1000);
	segment_store_expire(store, 1000000);
	cr_assert_eq(segment_store_usage(store).segments, before.segments, "what is listed must stay");
}
