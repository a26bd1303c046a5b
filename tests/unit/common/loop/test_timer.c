#include "tests/unit/common/loop/support.h"

enum { MANY = 500 };

static struct timer timers[MANY];
static uint64_t wanted[MANY];
static int fired[MANY], last_fired;
static bool in_order = true;
static _Atomic int counted;

static void on_due(struct timer *t) {
	int i = (int)(t - timers);
	fired[last_fired++] = i;
	if (worker_now_ms(t->worker) < wanted[i])
		in_order = false;
	atomic_fetch_add(&counted, 1);
}

static void start_many(struct worker *w, void *context) {
	(void)context;
	for (int i = 0; i < MANY; i++) {
		uint64_t delay = (uint64_t)(i * 7919 % 101);
		timer_init(&timers[i], w, on_due);
		wanted[i] = worker_now_ms(w) + delay;
		cr_assert_eq(timer_start(&timers[i], delay), 0);
	}
	for (int i = 0; i < MANY; i += 2)
		timer_stop(&timers[i]);
}

Test(timer, fires_in_order_never_early_and_not_when_stopped) {
	struct workers *g;
	cr_assert_eq(workers_start(&g, 1, &no_hooks, NULL), 0);
	call_on(workers_at(g, 0), start_many, NULL);
	wait_for_count(&counted, MANY / 2);
	cr_assert_eq(workers_stop(&g, 5000), 0);
	cr_assert(in_order);
	cr_assert_eq(last_fired, MANY / 2);
	for (int i = 0; i < last_fired; i++) {
		cr_assert_eq(fired[i] % 2, 1, "a stopped timer fired");
		if (i)
			cr_assert_leq(wanted[fired[i - 1]], wanted[fired[i]]);
	}
}

static void again(struct timer *t) {
	if (atomic_fetch_add(&counted, 1) < 9)
		timer_start(t, 0);
}

static void start_again(struct worker *w, void *context) {
	(void)context;
	timer_init(&timers[0], w, again);
	timer_start(&timers[0], 0);
}

Test(timer, may_be_set_anew_from_its_own_callback) {
	struct workers *g;
	cr_assert_eq(workers_start(&g, 1, &no_hooks, NULL), 0);
	call_on(workers_at(g, 0), start_again, NULL);
	wait_for_count(&counted, 10);
	cr_assert_eq(workers_stop(&g, 5000), 0);
}

enum { PUT_OFF_MS = 30 };

static void put_off(struct worker *w, void *context) {
	(void)context;
	for (int i = 0; i < 3; i++) {
		timer_init(&timers[i], w, on_due);
		timer_start(&timers[i], 1);
	}
	wanted[0] = worker_now_ms(w) + 2 * PUT_OFF_MS;
	timer_start(&timers[0], 4 * PUT_OFF_MS);
	timer_start(&timers[0], 2 * PUT_OFF_MS); /* back again, but still later than at first */
	wanted[1] = worker_now_ms(w) + PUT_OFF_MS;
	timer_start(&timers[1], PUT_OFF_MS);
	timer_start(&timers[2], PUT_OFF_MS);
	timer_stop(&timers[2]);
}

Test(timer, one_that_was_put_off_fires_once_and_when_it_was_put_off_to) {
	struct workers *g;
	cr_assert_eq(workers_start(&g, 1, &no_hooks, NULL), 0);
	call_on(workers_at(g, 0), put_off, NULL);
	wait_for_count(&counted, 2);
	cr_assert_eq(workers_stop(&g, 5000), 0);
	cr_assert(in_order);
	cr_assert_eq(last_fired, 2);
	cr_assert_eq(fired[0], 1);
	cr_assert_eq(fired[1], 0);
}

static void bring_forward(struct worker *w, void *context) {
	(void)context;
	timer_init(&timers[0], w, on_due);
	timer_init(&timers[1], w, on_due);
	timer_start(&timers[0], 3600 * 1000);
	timer_start(&timers[0], 7200 * 1000);
	timer_start(&timers[1], 20);
	timer_start(&timers[0], 0);
}

Test(timer, one_that_is_set_to_an_earlier_moment_fires_then) {
	struct workers *g;
	cr_assert_eq(workers_start(&g, 1, &no_hooks, NULL), 0);
	call_on(workers_at(g, 0), bring_forward, NULL);
	wait_for_count(&counted, 2);
	cr_assert_eq(workers_stop(&g, 5000), 0);
	cr_assert_eq(fired[0], 0);
	cr_assert_eq(fired[1], 1);
}
