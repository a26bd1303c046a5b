#include "common/loop/busy.h"

#include <criterion/criterion.h>

enum { SAMPLE_US = 250000 };

static struct busy b;
static struct busy_times totals;

static void begin(void) {
	b = (struct busy){0};
	totals = (struct busy_times){.now_us = 1};
	busy_sample(&b, &totals);
}

/* `share` of the sample's time on the processor, `waited` of it without a core. */
static void pass(double share, double waited) {
	totals.now_us += SAMPLE_US;
	totals.cpu_us += (uint64_t)(share * SAMPLE_US);
	totals.waited_us += (uint64_t)(waited * SAMPLE_US);
	busy_sample(&b, &totals);
}

static void pass_seconds(double seconds, double share, double waited) {
	for (int i = 0; i < (int)(seconds * 1e6 / SAMPLE_US); i++)
		pass(share, waited);
}

TestSuite(busy, .init = begin);

Test(busy, the_ratio_is_cpu_time_over_time) {
	pass_seconds(20, 0.3, 0);
	cr_assert_float_eq(b.ratio, 0.3, 0.01);
	pass_seconds(20, 0, 0);
	cr_assert_float_eq(b.ratio, 0, 0.01);
}

Test(busy, no_pressure_while_most_of_the_time_is_free) {
	pass_seconds(60, 0.29, 0);
	cr_assert_eq(b.pressure, 0);
}

Test(busy, a_thread_that_others_keep_from_running_is_not_busy_by_that) {
	pass_seconds(60, 0.1, 0.5);
	cr_assert_float_eq(b.ratio, 0.2, 0.01);
	cr_assert_eq(b.pressure, 0);
}

Test(busy, a_thread_that_runs_whenever_it_may_is_busy_however_little_it_gets) {
	pass_seconds(60, 0.3, 0.7);
	cr_assert_float_eq(b.ratio, 1, 0.01);
	cr_assert_gt(b.pressure, 0.99);
}

Test(busy, pressure_grows_evenly_between_its_marks) {
	pass_seconds(120, 0.4, 0);
	cr_assert_float_eq(b.pressure, 0.25, 0.01);
	pass_seconds(120, 0.6, 0);
	cr_assert_float_eq(b.pressure, 0.75, 0.01);
	pass_seconds(120, 0.95, 0);
	cr_assert_float_eq(b.pressure, 1, 0.01);
}

Test(busy, pressure_goes_away_wholly) {
	pass_seconds(60, 1, 0);
	pass_seconds(120, 0.1, 0);
	cr_assert_eq(b.pressure, 0);
}

Test(busy, clocks_that_disagree_a_little_stay_within_bounds) {
	pass(1.01, 0.01);
	cr_assert_leq(b.ratio, 1);
	pass(0, 1.1);
	cr_assert_leq(b.ratio, 1);
	cr_assert_geq(b.ratio, 0);
	totals.waited_us = 0; /* the kernel's account went away */
	pass(0.1, 0);
	cr_assert_leq(b.pressure, 1);
	cr_assert_geq(b.ratio, 0);
}

/*
 * A worker whose cost is `flush_ms` for each flush of what came since the last, at most one for each message, and a
 * part that merging does not save. What it takes under the pressure that it has.
 */
struct load {
	double flush_ms, rest, message_ms, most_ms;
};

static double taken(const struct load *l) {
	double interval = b.pressure * l->most_ms < l->message_ms ? l->message_ms : b.pressure * l->most_ms;
	double share = l->flush_ms / interval + l->rest;
	return share > 1 ? 1 : share;
}

/* The most and the least that the interval is in the last of two minutes. */
static void run(const struct load *l, double *least, double *most) {
	*least = 1e9;
	*most = 0;
	for (int i = 0; i < 480; i++) {
		pass(taken(l), 0);
		double interval = b.pressure * l->most_ms;
		if (i < 240)
			continue;
		*least = interval < *least ? interval : *least;
		*most = interval > *most ? interval : *most;
	}
}

Test(busy, waiting_that_makes_the_load_lighter_settles) {
	static const struct load loads[] = {
	    {6, 0.1, 13.7, 350}, {12, 0.1, 13.7, 350}, {20, 0.1, 13.7, 350}, {100, 0.1, 13.7, 350},
	    {4, 0.1, 5, 350},    {12, 0.4, 13.7, 350}, {12, 0.1, 13.7, 100}, {40, 0.0, 13.7, 1000},
	};
	for (size_t i = 0; i < sizeof loads / sizeof *loads; i++) {
		double least, most;
		begin();
		run(&loads[i], &least, &most);
		cr_assert_lt(most - least, 1, "load %zu swings from %f to %f", i, least, most);
		cr_assert_lt(taken(&loads[i]), 0.95, "load %zu is still too big: %f", i, taken(&loads[i]));
	}
}

Test(busy, a_load_that_is_too_big_is_answered_within_seconds) {
	struct load l = {30, 0.1, 13.7, 350}; /* more than twice what the worker can do */
	pass_seconds(10, 0.1, 0);
	for (int i = 0; i < 12; i++)
		pass(taken(&l), 0);
	cr_assert_lt(taken(&l), 1);
}
