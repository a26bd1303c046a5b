#include "common/loop/timer.h"

#include "common/loop/worker.h"

#include <stdlib.h>

enum { FIRST_CAPACITY = 64 };

static void place(struct timer_heap *h, size_t i, struct timer_place p) {
	h->items[i] = p;
	p.timer->slot = i + 1;
}

static void sift_up(struct timer_heap *h, size_t i) {
	struct timer_place p = h->items[i];
	for (; i > 0; i = (i - 1) / 2) {
		struct timer_place parent = h->items[(i - 1) / 2];
		if (parent.at_ms <= p.at_ms)
			break;
		place(h, i, parent);
	}
	place(h, i, p);
}

static void sift_down(struct timer_heap *h, size_t i) {
	struct timer_place p = h->items[i];
	for (;;) {
		size_t child = 2 * i + 1;
		if (child >= h->count)
			break;
		if (child + 1 < h->count && h->items[child + 1].at_ms < h->items[child].at_ms)
			child++;
		if (h->items[child].at_ms >= p.at_ms)
			break;
		place(h, i, h->items[child]);
		i = child;
	}
	place(h, i, p);
}

static void on_loop_timer(uv_timer_t *handle);

/* The loop's one timer stands at the earliest deadline. */
static void arm(struct worker *w) {
	if (uv_is_closing((uv_handle_t *)&w->timer_handle))
		return;
	if (w->timers.count == 0) {
		uv_timer_stop(&w->timer_handle);
		return;
	}
	uint64_t now = uv_now(&w->loop), due = w->timers.items[0].at_ms;
	uv_timer_start(&w->timer_handle, on_loop_timer, due > now ? due - now : 0, 0);
}

/* Runs the first timer, or moves it to where it was put off to. */
static void run_first(struct timer_heap *h) {
	struct timer *t = h->items[0].timer;
	if (t->due_ms > h->items[0].at_ms) {
		h->items[0].at_ms = t->due_ms;
		sift_down(h, 0);
		return;
	}
	timer_stop(t);
	t->on_due(t);
}

void timer_heap_run(struct timer_heap *h, uint64_t now_ms) {
	for (size_t most = h->count; most && h->count && h->items[0].at_ms <= now_ms; most--)
		run_first(h);
}

static void on_loop_timer(uv_timer_t *handle) {
	struct worker *w = handle->data;
	timer_heap_run(&w->timers, uv_now(&w->loop));
	arm(w);
}

void timer_init(struct timer *t, struct worker *w, timer_fn on_due) {
	*t = (struct timer){.worker = w, .on_due = on_due};
}

static int make_room(struct timer_heap *h) {
	if (h->count < h->capacity)
		return 0;
	size_t capacity = h->capacity ? 2 * h->capacity : FIRST_CAPACITY;
	struct timer_place *items = realloc(h->items, capacity * sizeof *items);
	if (!items)
		return UV_ENOMEM;
	h->items = items;
	h->capacity = capacity;
	return 0;
}

int timer_start(struct timer *t, uint64_t delay_ms) {
	struct timer_heap *h = &t->worker->timers;
	uint64_t due_ms = uv_now(&t->worker->loop) + delay_ms;
	if (t->slot && h->items[t->slot - 1].at_ms <= due_ms) { /* put off: it is moved when the time of its place comes */
		t->due_ms = due_ms;
		return 0;
	}
	timer_stop(t);
	int err = make_room(h);
	if (err)
		return err;
	t->due_ms = due_ms;
	place(h, h->count++, (struct timer_place){due_ms, t});
	sift_up(h, h->count - 1);
	if (t->slot == 1)
		arm(t->worker);
	return 0;
}

void timer_stop(struct timer *t) {
	if (!t->slot)
		return;
	struct timer_heap *h = &t->worker->timers;
	size_t i = t->slot - 1;
	t->slot = 0;
	struct timer_place last = h->items[--h->count];
	if (last.timer != t) {
		place(h, i, last);
		sift_up(h, i);
		sift_down(h, last.timer->slot - 1);
	}
	/* A timer that stood first leaves the loop's timer early: it then fires for nothing, once. */
}
