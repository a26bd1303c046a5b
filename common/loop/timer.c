#include "common/loop/timer.h"

#include "common/loop/worker.h"

#include <stdlib.h>

enum { FIRST_CAPACITY = 64 };

static void place(struct timer_heap *h, size_t i, struct timer *t) {
	h->items[i] = t;
	t->slot = i + 1;
}

static void sift_up(struct timer_heap *h, size_t i) {
	struct timer *t = h->items[i];
	for (; i > 0; i = (i - 1) / 2) {
		struct timer *parent = h->items[(i - 1) / 2];
		if (parent->due_ms <= t->due_ms)
			break;
		place(h, i, parent);
	}
	place(h, i, t);
}

static void sift_down(struct timer_heap *h, size_t i) {
	struct timer *t = h->items[i];
	for (;;) {
		size_t child = 2 * i + 1;
		if (child >= h->count)
			break;
		if (child + 1 < h->count && h->items[child + 1]->due_ms < h->items[child]->due_ms)
			child++;
		if (h->items[child]->due_ms >= t->due_ms)
			break;
		place(h, i, h->items[child]);
		i = child;
	}
	place(h, i, t);
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
	uint64_t now = uv_now(&w->loop), due = w->timers.items[0]->due_ms;
	uv_timer_start(&w->timer_handle, on_loop_timer, due > now ? due - now : 0, 0);
}

static void on_loop_timer(uv_timer_t *handle) {
	struct worker *w = handle->data;
	uint64_t now = uv_now(&w->loop);
	/* A callback may set timers that are due at once: they run in the next round, so that this one ends. */
	for (size_t most = w->timers.count; most && w->timers.count && w->timers.items[0]->due_ms <= now; most--) {
		struct timer *t = w->timers.items[0];
		timer_stop(t);
		t->on_due(t);
	}
	arm(w);
}

void timer_init(struct timer *t, struct worker *w, timer_fn on_due) {
	*t = (struct timer){.worker = w, .on_due = on_due};
}

int timer_start(struct timer *t, uint64_t delay_ms) {
	struct timer_heap *h = &t->worker->timers;
	timer_stop(t);
	if (h->count == h->capacity) {
		size_t capacity = h->capacity ? 2 * h->capacity : FIRST_CAPACITY;
		struct timer **items = realloc(h->items, capacity * sizeof(struct timer *));
		if (!items)
			return UV_ENOMEM;
		h->items = items;
		h->capacity = capacity;
	}
	t->due_ms = uv_now(&t->worker->loop) + delay_ms;
	place(h, h->count++, t);
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
	struct timer *last = h->items[--h->count];
	if (last != t) {
		place(h, i, last);
		sift_up(h, i);
		sift_down(h, last->slot - 1);
	}
	/* A timer that stood first leaves the loop's timer early: it then fires for nothing, once. */
}
