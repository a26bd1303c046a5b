#include "common/loop/worker.h"

#include "common/base/clock.h"
#include "common/base/metrics.h"

#include <assert.h>
#include <stdlib.h>

enum { TURN_PASSES_MAX = 16 };

struct workers {
	unsigned count;
	struct worker *items;
	const struct worker_hooks *hooks;
	void *context;
	/* Objects that hold their worker, and messages on their way. At 0 while stopping, nothing can come to life again.
	 */
	_Atomic int64_t alive;
	_Atomic int stopping;
	uv_sem_t started, quiet;
	struct connection_limit connections;
};

static void group_release(struct workers *g) {
	if (atomic_fetch_sub(&g->alive, 1) == 1 && atomic_load(&g->stopping))
		uv_sem_post(&g->quiet);
}

void worker_hold(struct worker *w) {
	atomic_fetch_add(&w->group->alive, 1);
}

void worker_release(struct worker *w) {
	group_release(w->group);
}

int worker_stopping(const struct worker *w) {
	return atomic_load_explicit(&w->group->stopping, memory_order_relaxed);
}

/* --- mailbox --- */

void worker_post(struct worker *to, struct message *m) {
	m->next = NULL;
	worker_hold(to);
	uv_mutex_lock(&to->mailbox_lock);
	bool was_empty = !to->mailbox_first;
	*to->mailbox_last = m;
	to->mailbox_last = &m->next;
	uv_mutex_unlock(&to->mailbox_lock);
	if (was_empty)
		uv_async_send(&to->mailbox_wake);
}

static void on_mailbox(uv_async_t *handle) {
	struct worker *w = handle->data;
	uv_mutex_lock(&w->mailbox_lock);
	struct message *m = w->mailbox_first;
	w->mailbox_first = NULL;
	w->mailbox_last = &w->mailbox_first;
	uv_mutex_unlock(&w->mailbox_lock);
	while (m) {
		struct message *next = m->next;
		m->deliver(w, m);
		worker_release(w);
		m = next;
	}
}

/* --- turn's end --- */

void turn_task_init(struct turn_task *task, void (*run)(struct turn_task *)) {
	list_init(&task->node);
	task->run = run;
}

void worker_at_turn_end(struct worker *w, struct turn_task *task) {
	if (list_empty(&task->node))
		list_append(&w->turn_tasks, &task->node);
}

static void on_again(uv_idle_t *handle) {
	(void)handle;
}

void worker_at_next_turn(struct worker *w, struct turn_task *task) {
	if (!list_empty(&task->node))
		return;
	list_append(&w->next_turn_tasks, &task->node);
	uv_idle_start(&w->again, on_again);
}

/* Tasks may queue more; a chain that goes on for long waits for the next turn, which is then made to come at once. */
static void run_turn_tasks(struct worker *w) {
	for (int pass = 0; pass < TURN_PASSES_MAX && !list_empty(&w->turn_tasks); pass++) {
		struct list batch;
		list_init(&batch);
		list_splice(&batch, &w->turn_tasks);
		while (!list_empty(&batch)) {
			struct turn_task *task = list_entry(batch.next, struct turn_task, node);
			list_remove(&task->node);
			task->run(task);
		}
	}
	if (!list_empty(&w->turn_tasks))
		uv_async_send(&w->mailbox_wake);
}

/* After the poll come what sockets and messages asked for; before it, what timers and closing handles did. */
static void on_after_poll(uv_check_t *handle) {
	struct worker *w = handle->data;
	struct list due; /* asked for before this turn: what its own tasks ask for is the next one's */
	list_init(&due);
	list_splice(&due, &w->next_turn_tasks);
	uv_idle_stop(&w->again);
	run_turn_tasks(w);
	if (list_empty(&due))
		return;
	list_splice(&w->turn_tasks, &due);
	run_turn_tasks(w);
}

static void on_before_poll(uv_prepare_t *handle) {
	run_turn_tasks(handle->data);
}

/* --- life --- */

static int worker_init(struct worker *w, struct workers *g, unsigned index) {
	w->group = g;
	w->index = index;
	list_init(&w->turn_tasks);
	list_init(&w->next_turn_tasks);
	w->mailbox_last = &w->mailbox_first;
	int err = uv_loop_init(&w->loop);
	if (err)
		return err;
	w->loop.data = w;
	err = uv_mutex_init(&w->mailbox_lock);
	assert(!err);
	err = uv_async_init(&w->loop, &w->mailbox_wake, on_mailbox);
	if (err) {
		uv_mutex_destroy(&w->mailbox_lock);
		uv_loop_close(&w->loop);
		return err;
	}
	uv_timer_init(&w->loop, &w->timer_handle);
	uv_prepare_init(&w->loop, &w->before_poll);
	uv_check_init(&w->loop, &w->after_poll);
	uv_idle_init(&w->loop, &w->again);
	uv_prepare_start(&w->before_poll, on_before_poll);
	uv_check_start(&w->after_poll, on_after_poll);
	w->mailbox_wake.data = w->timer_handle.data = w->before_poll.data = w->after_poll.data = w;
	return 0;
}

static void close_handles(struct worker *w) {
	uv_close((uv_handle_t *)&w->mailbox_wake, NULL);
	uv_close((uv_handle_t *)&w->timer_handle, NULL);
	uv_close((uv_handle_t *)&w->before_poll, NULL);
	uv_close((uv_handle_t *)&w->after_poll, NULL);
	uv_close((uv_handle_t *)&w->again, NULL);
	busy_meter_close(&w->busy);
}

static void worker_fini(struct worker *w) {
	int err = uv_loop_close(&w->loop);
	assert(err == 0); /* a handle that is still open was not held */
	uv_mutex_destroy(&w->mailbox_lock);
	free(w->timers.items);
	free(w->tls_scratch);
}

static void worker_main(void *arg) {
	struct worker *w = arg;
	struct workers *g = w->group;
	metrics_thread(METRIC_FIRST_WORKER + w->index);
	busy_meter_start(&w->busy, &w->loop);
	w->start_status = g->hooks->start(w, g->context);
	uv_sem_post(&g->started);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	/* The handles that fini closes need a last run. */
	uv_run(&w->loop, UV_RUN_DEFAULT);
}

static void deliver_stop(struct worker *w, struct message *m) {
	free(m);
	w->group->hooks->stop(w, w->group->context);
}

static void deliver_fini(struct worker *w, struct message *m) {
	free(m);
	if (w->group->hooks->fini)
		w->group->hooks->fini(w, w->group->context);
	close_handles(w);
}

static void post_to_all(struct workers *g, message_fn deliver) {
	for (unsigned i = 0; i < g->count; i++) {
		struct message *m = malloc(sizeof *m);
		if (!m)
			abort(); /* stopping needs a few bytes; nothing sane is left without them */
		m->deliver = deliver;
		worker_post(&g->items[i], m);
	}
}

static void destroy(struct workers *g, unsigned inited) {
	for (unsigned i = 0; i < inited; i++)
		worker_fini(&g->items[i]);
	uv_sem_destroy(&g->started);
	uv_sem_destroy(&g->quiet);
	free(g->items);
	free(g);
}

static struct workers *group_new(unsigned count, const struct worker_hooks *hooks, void *context) {
	struct workers *g = calloc(1, sizeof *g);
	struct worker *items = calloc(count, sizeof *items);
	if (!g || !items) {
		free(g);
		free(items);
		return NULL;
	}
	g->count = count;
	g->items = items;
	g->hooks = hooks;
	g->context = context;
	uv_sem_init(&g->started, 0);
	uv_sem_init(&g->quiet, 0);
	return g;
}

static int run_threads(struct workers *g) {
	unsigned running = 0;
	int err = 0;
	while (running < g->count && !err) {
		err = uv_thread_create(&g->items[running].thread, worker_main, &g->items[running]);
		running += !err;
	}
	if (err)
		return err; /* the process is about to exit: threads that run do no harm */
	for (unsigned i = 0; i < g->count; i++)
		uv_sem_wait(&g->started);
	for (unsigned i = 0; i < g->count && !err; i++)
		err = g->items[i].start_status;
	return err;
}

int workers_start(struct workers **out, unsigned count, const struct worker_hooks *hooks, void *context) {
	if (count < 1 || count > WORKERS_MAX)
		return UV_EINVAL;
	struct workers *g = group_new(count, hooks, context);
	if (!g)
		return UV_ENOMEM;
	for (unsigned i = 0; i < count; i++) {
		int err = worker_init(&g->items[i], g, i);
		if (err) {
			for (unsigned k = 0; k < i; k++) {
				close_handles(&g->items[k]);
				uv_run(&g->items[k].loop, UV_RUN_DEFAULT);
			}
			destroy(g, i);
			return err;
		}
	}
	*out = g; /* set before the hooks run, for they may look at their group */
	int err = run_threads(g);
	if (err) {
		workers_stop(out, 5000);
		*out = NULL;
	}
	return err;
}

int workers_stop(struct workers **group, uint64_t timeout_ms) {
	struct workers *g = *group;
	atomic_fetch_add(&g->alive, 1);
	atomic_store(&g->stopping, 1);
	post_to_all(g, deliver_stop);
	group_release(g);
	uint64_t deadline = clock_monotonic_ms() + timeout_ms;
	while (uv_sem_trywait(&g->quiet) != 0) {
		if (clock_monotonic_ms() >= deadline)
			return UV_ETIMEDOUT;
		uv_sleep(1); /* libuv has no wait with a bound for semaphores */
	}
	post_to_all(g, deliver_fini);
	for (unsigned i = 0; i < g->count; i++)
		uv_thread_join(&g->items[i].thread);
	destroy(g, g->count);
	*group = NULL;
	return 0;
}

unsigned workers_count(const struct workers *g) {
	return g->count;
}

struct worker *workers_at(struct workers *g, unsigned index) {
	return &g->items[index];
}

struct connection_limit *worker_connection_limit(struct worker *w) {
	return &w->group->connections;
}

struct worker *workers_home(struct workers *g, uint64_t hash) {
	return &g->items[hash % g->count];
}
