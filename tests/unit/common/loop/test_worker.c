#include "tests/unit/common/loop/support.h"

static _Atomic int counted;
static int order[3];

static void count(struct worker *w, void *context) {
	(void)w;
	(void)context;
	atomic_fetch_add(&counted, 1);
}

Test(worker, every_message_arrives_in_order_of_its_sender) {
	struct workers *g;
	cr_assert_eq(workers_start(&g, 2, &no_hooks, NULL), 0);
	for (int i = 0; i < 10000; i++)
		call_on(workers_at(g, (unsigned)i % 2), count, NULL);
	cr_assert_eq(workers_stop(&g, 5000), 0);
	cr_assert_eq(atomic_load(&counted), 10000, "stopping loses no message");
}

static void forward(struct worker *w, void *context) {
	if (atomic_fetch_add(&counted, 1) < 999)
		call_on(workers_at(w->group, 1 - w->index), forward, context);
}

Test(worker, messages_that_beget_messages_are_all_delivered_before_the_end) {
	struct workers *g;
	cr_assert_eq(workers_start(&g, 2, &no_hooks, NULL), 0);
	call_on(workers_at(g, 0), forward, NULL);
	cr_assert_eq(workers_stop(&g, 5000), 0);
	cr_assert_eq(atomic_load(&counted), 1000);
}

static struct turn_task task;

static void run_task(struct turn_task *t) {
	(void)t;
	order[atomic_fetch_add(&counted, 1)] = 2;
}

static void ask_twice(struct worker *w, void *context) {
	(void)context;
	turn_task_init(&task, run_task);
	worker_at_turn_end(w, &task);
	worker_at_turn_end(w, &task);
	order[atomic_fetch_add(&counted, 1)] = 1;
}

Test(worker, a_turn_task_runs_once_after_what_asked_for_it) {
	struct workers *g;
	cr_assert_eq(workers_start(&g, 1, &no_hooks, NULL), 0);
	call_on(workers_at(g, 0), ask_twice, NULL);
	wait_for_count(&counted, 2);
	cr_assert_eq(workers_stop(&g, 5000), 0);
	cr_assert_eq(atomic_load(&counted), 2);
	cr_assert_eq(order[0], 1);
	cr_assert_eq(order[1], 2);
}

/* A task in slices, and a handle that counts the loop's turns, just before each poll. */
static struct turn_task slices;
static uv_prepare_t counter;
static struct worker *sliced;
static int turns, turns_before[4];

static void on_turn(uv_prepare_t *handle) {
	(void)handle;
	turns++;
}

static void run_slice(struct turn_task *t) {
	int n = atomic_load(&counted);
	turns_before[n] = turns;
	if (n < 3)
		worker_at_next_turn(sliced, t);
	else
		uv_close((uv_handle_t *)&counter, NULL);
	atomic_store(&counted, n + 1);
}

static void begin_slices(struct worker *w, void *context) {
	(void)context;
	sliced = w;
	uv_prepare_init(&w->loop, &counter);
	uv_prepare_start(&counter, on_turn);
	turn_task_init(&slices, run_slice);
	worker_at_turn_end(w, &slices);
}

Test(worker, the_loop_polls_between_the_slices_of_a_task) {
	struct workers *g;
	cr_assert_eq(workers_start(&g, 1, &no_hooks, NULL), 0);
	call_on(workers_at(g, 0), begin_slices, NULL);
	wait_for_count(&counted, 4);
	cr_assert_eq(workers_stop(&g, 5000), 0);
	for (int i = 1; i < 4; i++)
		cr_expect_eq(turns_before[i], turns_before[i - 1] + 1, "slice %d", i);
}

static void hold(struct worker *w, void *context) {
	(void)context;
	worker_hold(w);
	atomic_fetch_add(&counted, 1);
}

static void release(struct worker *w, void *context) {
	(void)context;
	worker_release(w);
}

Test(worker, stopping_waits_for_held_objects_and_says_when_it_gives_up) {
	struct workers *g;
	cr_assert_eq(workers_start(&g, 1, &no_hooks, NULL), 0);
	call_on(workers_at(g, 0), hold, NULL);
	wait_for_count(&counted, 1);
	cr_assert_eq(workers_stop(&g, 50), UV_ETIMEDOUT);
	call_on(workers_at(g, 0), release, NULL);
	cr_assert_eq(workers_stop(&g, 5000), 0);
}

static int refuse_on_second(struct worker *w, void *context) {
	(void)context;
	return w->index == 1 ? UV_EADDRINUSE : 0;
}

Test(worker, a_failed_start_hook_fails_the_group) {
	struct workers *g;
	struct worker_hooks hooks = {.start = refuse_on_second, .stop = no_stop};
	cr_assert_eq(workers_start(&g, 3, &hooks, NULL), UV_EADDRINUSE);
	cr_assert_eq(workers_start(&g, 0, &no_hooks, NULL), UV_EINVAL);
}
