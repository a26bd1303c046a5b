#include "common/control/gather.h"

#include "tests/unit/common/loop/support.h"

#include <string.h>

static struct workers *group;
static _Atomic int done;
static char joined[1000];
static char word[] = "worker";
static uv_thread_t done_thread, asker_thread;

static void say_index(struct worker *w, void *context, struct buffer *part) {
	buffer_printf(part, "%s %u;", (const char *)context, w->index);
}

static void say_nothing_on_odd(struct worker *w, void *context, struct buffer *part) {
	if (w->index % 2)
		part->error = UV_ENOMEM;
	say_index(w, context, part);
}

static void on_done(void *context, const struct slice *parts, size_t count) {
	(void)context;
	done_thread = uv_thread_self();
	for (size_t i = 0; i < count; i++)
		if (parts[i].size)
			strncat(joined, (const char *)parts[i].data, parts[i].size);
	atomic_store(&done, 1);
}

static void ask(struct worker *w, void *context) {
	asker_thread = uv_thread_self();
	cr_expect_eq(gather(w, context ? say_nothing_on_odd : say_index, on_done, word), 0);
	cr_expect_eq(atomic_load(&done), 0, "never within the call");
}

Test(gather, hands_on_what_every_worker_says_in_their_order_where_it_was_asked) {
	cr_assert_eq(workers_start(&group, 4, &no_hooks, NULL), 0);
	call_on(workers_at(group, 2), ask, NULL);
	wait_for_count(&done, 1);
	cr_expect_str_eq(joined, "worker 0;worker 1;worker 2;worker 3;");
	cr_expect(uv_thread_equal(&done_thread, &asker_thread));
	cr_assert_eq(workers_stop(&group, 5000), 0);
}

Test(gather, a_worker_without_memory_says_nothing) {
	cr_assert_eq(workers_start(&group, 4, &no_hooks, NULL), 0);
	call_on(workers_at(group, 0), ask, &done);
	wait_for_count(&done, 1);
	cr_expect_str_eq(joined, "worker 0;worker 2;");
	cr_assert_eq(workers_stop(&group, 5000), 0);
}

Test(gather, is_finished_before_the_group_stops) {
	cr_assert_eq(workers_start(&group, 4, &no_hooks, NULL), 0);
	call_on(workers_at(group, 3), ask, NULL);
	cr_assert_eq(workers_stop(&group, 5000), 0);
	cr_expect_eq(atomic_load(&done), 1);
}
