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

/* The same of a worker whose flushes take `fanout` of the sample's time, with `merged` items in each send. */
static void fan_out_seconds(double seconds, double share, double waited, double fanout, uint64_t merged) {
	for (int i = 0; i < (int)(seconds * 1e6 / SAMPLE_US); i++) {
		totals.fanout.us += (uint64_t)(fanout * SAMPLE_US);
		totals.fanout.sends += 1000;
		totals.fanout.items += 1000 * merged;
		pass(share, waited);
	}
}

TestSuite(busy, .init = begin);

Test(busy, the_ratio_is_cpu_time_over_time) {
	pass_seconds(20, 0.3, 0);
	cr_assert_float_eq(b.ratio, 0.3, 0.01);
	pass_seconds(20, 0, 0);
	cr_assert_float_eq(b.ratio, 0, 0.01);
}

Test(busy, a_thread_that_others_keep_from_running_is_not_busy_by_that) {
	fan_out_seconds(60, 0.05, 0.5, 0.55, 1); /* by the wall's clock its flushes take long */
	cr_assert_float_eq(b.ratio, 0.1, 0.01);
	cr_assert_float_eq(b.fanout, 0.1, 0.01);
	cr_assert_eq(b.pressure, 0);
}

Test(busy, a_thread_that_runs_whenever_it_may_is_busy_however_little_it_gets) {
	fan_out_seconds(60, 0.3, 0.7, 1, 2);
	cr_assert_float_eq(b.ratio, 1, 0.01);
	cr_assert_gt(b.pressure, 0.5);
}

Test(busy, a_quiet_workers_frames_do_not_wait) {
	fan_out_seconds(120, 0.14, 0, 0.12, 1);
	cr_assert_eq(b.pressure, 0);
}

Test(busy, other_work_alone_makes_nothing_wait) {
	pass_seconds(60, 1, 0);
	cr_assert_eq(b.pressure, 0);
	fan_out_seconds(60, 0.6, 0, 0.04, 1);
	cr_assert_eq(b.pressure, 0, "a few viewers beside much else");
}

Test(busy, the_demand_is_what_fan_out_would_take_of_the_time_that_is_left_for_it) {
	fan_out_seconds(60, 0.3, 0, 0.3, 1);
	cr_assert_float_eq(b.demand, 0.3, 0.01);
	fan_out_seconds(60, 0.8, 0, 0.3, 1);
	cr_assert_float_eq(b.demand, 0.6, 0.01);
	fan_out_seconds(60, 0.2, 0, 0.2, 10);
	cr_assert(b.demand > 0.5 && b.demand < 2, "%f", b.demand);
}

Test(busy, pressure_grows_evenly_and_goes_away_wholly) {
	fan_out_seconds(60, 0.5, 0, 0.5, 1);
	double half = b.pressure;
	cr_assert(half > 0.1 && half < 0.25, "%f", half);
	fan_out_seconds(60, 0.85, 0, 0.85, 1);
	cr_assert_float_eq(b.pressure, 2 * half, 0.02);
	fan_out_seconds(60, 1, 0, 1, 10);
	cr_assert_float_eq(b.pressure, 1, 0.01);
	pass_seconds(60, 0.1, 0);
	cr_assert_eq(b.pressure, 0);
}

Test(busy, clocks_that_disagree_a_little_stay_within_bounds) {
	fan_out_seconds(1, 1.01, 0.01, 1.1, 1);
	cr_assert_leq(b.ratio, 1);
	cr_assert_leq(b.fanout, 1);
	fan_out_seconds(1, 0, 1.1, 0.1, 1);
	cr_assert(b.ratio >= 0 && b.ratio <= 1);
	totals.waited_us = 0; /* the kernel's account went away */
	pass(0.1, 0);
	cr_assert(b.ratio >= 0 && b.ratio <= 1);
	cr_assert(b.pressure >= 0 && b.pressure <= 1);
}

/* --- the worker that obeys --- */

enum { MOST_MS = 350, STEP_US = 500 };

/* A worker that sends a stream's messages to its viewers, alone with what else it has to do. */
struct load {
	double demand;   /* of its time, when each message is sent by itself */
	double fixed;    /* a send's cost, as a multiple of what each message in it adds */
	double other;    /* of its time, what is no fan-out */
	double most_ms;  /* 0: MOST_MS */
	double every_ms; /* from message to message; 0: 13.7 */
};

struct course {
	double least_ms, most_ms; /* of the interval */
	double busy, fanout;      /* shares of the time */
	double late_ms;           /* how long work waited for the worker, at most */
};

static double interval_ms(const struct load *l) {
	double ms = b.pressure * (l->most_ms ? l->most_ms : MOST_MS);
	return ms < 4 ? 0 : ms;
}

/* What happens in `seconds`, of which `course` tells the second half. */
static void live(const struct load *l, double seconds, struct course *course) {
	double every_us = 1000 * (l->every_ms ? l->every_ms : 13.7), item_us = l->demand * every_us / (l->fixed + 1);
	double next_us = 0, due_us = -1, flush_us = 0, waiting = 0, fanned_us = 0, sampled = 0, cpu = 0;
	*course = (struct course){.least_ms = 1e9};
	for (double at = 0; at < seconds * 1e6; at += STEP_US) {
		for (; next_us <= at; next_us += every_us)
			if (waiting++ == 0)
				due_us = at + 1000 * interval_ms(l);
		if (waiting && at >= due_us && flush_us <= 0) {
			flush_us += l->fixed * item_us + waiting * item_us;
			totals.fanout.sends += 1000;
			totals.fanout.items += (uint64_t)(1000 * waiting);
			waiting = 0;
		}
		double run = flush_us < (1 - l->other) * STEP_US ? flush_us : (1 - l->other) * STEP_US;
		flush_us -= run;
		fanned_us += run;
		cpu += run + l->other * STEP_US;
		if (at >= seconds * 5e5) {
			double ms = interval_ms(l);
			course->least_ms = ms < course->least_ms ? ms : course->least_ms;
			course->most_ms = ms > course->most_ms ? ms : course->most_ms;
			course->busy += (run + l->other * STEP_US) / (seconds * 5e5);
			course->fanout += run / (seconds * 5e5);
			double late = waiting && at > due_us ? (at - due_us) / 1000 : 0;
			course->late_ms = late > course->late_ms ? late : course->late_ms;
		}
		sampled += STEP_US;
		if (sampled >= SAMPLE_US) {
			totals.fanout.us += (uint64_t)fanned_us;
			pass(cpu / SAMPLE_US, 0);
			sampled = fanned_us = cpu = 0;
		}
	}
}

/* What fan-out takes if all is merged over `ms`. */
static double merged_cost(const struct load *l, double ms) {
	double items = ms / 13.7;
	return l->demand * (l->fixed / items + 1) / (l->fixed + 1);
}

Test(busy, waiting_settles_whatever_the_load) {
	static const double fixed[] = {1, 3, 8, 14}, other[] = {0, 0.1, 0.5}, most[] = {100, 350, 500};
	for (double demand = 0.05; demand < 6; demand *= 1.3)
		for (int f = 0; f < 4; f++)
			for (int o = 0; o < 3; o++) {
				struct load l = {demand, fixed[f], other[o], most[(f + o) % 3], 0};
				struct course c;
				if (merged_cost(&l, l.most_ms) + l.other > 0.95)
					continue; /* too much, however long it waits */
				begin();
				live(&l, 80, &c);
				cr_assert(c.most_ms - c.least_ms < 3 + 0.15 * c.most_ms,
				          "demand %.2f, fixed %.0f, other %.1f: %.1f to %.1f", demand, fixed[f], other[o], c.least_ms,
				          c.most_ms);
			}
}

Test(busy, the_wait_grows_with_the_load_without_a_step) {
	double before = 0;
	for (double demand = 0.05; demand < 4; demand *= 1.1) {
		struct load l = {.demand = demand, .fixed = 8, .other = 0.02};
		struct course c;
		begin();
		live(&l, 60, &c);
		cr_assert(c.most_ms >= 0.9 * before - 2 && c.most_ms <= before + 45, "demand %.2f: from %.1f to %.1f ms",
		          demand, before, c.most_ms);
		before = c.most_ms;
	}
	cr_assert_geq(before, MOST_MS - 1);
}

/* A third, two thirds and one and a third of a core: 500, 1000 and 2000 viewers of 2.5 Mbit/s. */
Test(busy, a_load_gets_the_wait_that_suits_it) {
	static const struct {
		double demand, least_ms, most_ms, busy;
	} wanted[] = {
	    {0.08, 0, 0, 0.1}, {0.14, 0, 0, 0.16}, {0.4, 15, 60, 0.2}, {0.7, 50, 120, 0.24}, {1.4, 130, 220, 0.35}};
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
		struct load l = {.demand = wanted[i].demand, .fixed = 8, .other = 0.01};
		struct course c;
		begin();
		live(&l, 60, &c);
		cr_assert(c.least_ms >= wanted[i].least_ms && c.most_ms <= wanted[i].most_ms, "%.2f: %.1f to %.1f ms",
		          wanted[i].demand, c.least_ms, c.most_ms);
		cr_assert_leq(c.busy, wanted[i].busy, "%.2f: %.2f", wanted[i].demand, c.busy);
	}
}

Test(busy, where_instant_has_no_time_left_it_costs_what_merging_does) {
	for (double fixed = 6; fixed <= 14; fixed += 4) {
		struct load l = {.demand = 1.4, .fixed = fixed, .other = 0.01};
		struct course c;
		begin();
		live(&l, 60, &c);
		cr_assert_leq(c.fanout, 1.1 * merged_cost(&l, 170), "fixed %.0f: %.3f of %.3f", fixed, c.fanout,
		              merged_cost(&l, 170));
	}
}

Test(busy, a_load_that_is_too_big_is_answered_within_seconds) {
	struct load l = {.demand = 2.5, .fixed = 8, .other = 0.05};
	struct course c;
	live(&l, 4, &c);
	struct busy then = b;
	live(&l, 2, &c);
	cr_assert_lt(c.busy, 0.9, "%.2f", c.busy);
	cr_assert_lt(c.late_ms, 100);
	cr_assert_gt(then.pressure, 0.3);
}

Test(busy, viewers_that_have_gone_take_the_wait_with_them) {
	struct load l = {.demand = 3, .fixed = 8, .other = 0.02};
	struct course c;
	live(&l, 30, &c);
	cr_assert_gt(b.pressure, 0.8);
	l.demand = 0.1;
	live(&l, 20, &c);
	cr_assert_eq(c.least_ms, 0);
	cr_assert_eq(interval_ms(&l), 0);
}
