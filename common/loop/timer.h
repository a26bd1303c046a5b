/*
 * timer.h: one-shot timers of a worker, kept in one heap behind one libuv timer.
 *
 * A timer is embedded in its owner, used on its worker only, and may be stopped at any moment, its memory freed at
 * once after. It costs no handle and no wake-up of its own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct worker;
struct timer;

typedef void (*timer_fn)(struct timer *);

struct timer {
	struct worker *worker;
	timer_fn on_due;
	uint64_t due_ms; /* in the loop's clock */
	size_t slot;     /* 1 + index in the heap; 0: not running */
};

void timer_init(struct timer *t, struct worker *w, timer_fn on_due);

/* Runs `on_due` once, `delay_ms` from now; a running timer is set anew, which costs next to nothing where that puts it
 * off. 0, or UV_ENOMEM (the timer does not run). */
int timer_start(struct timer *t, uint64_t delay_ms);

/* Forgets it. Not running is fine. */
void timer_stop(struct timer *t);

static inline bool timer_running(const struct timer *t) {
	return t->slot != 0;
}

/* Where a timer stands: at the moment that it was set to, or at an earlier one if it was put off since. */
struct timer_place {
	uint64_t at_ms;
	struct timer *timer;
};

/* The heap, embedded in struct worker; for worker.c alone. */
struct timer_heap {
	struct timer_place *items;
	size_t count, capacity;
};

/* Runs those that are due at `now_ms`. Their callbacks may set timers that are due at once: such run in the next round,
 * so that this one ends. */
void timer_heap_run(struct timer_heap *h, uint64_t now_ms);
