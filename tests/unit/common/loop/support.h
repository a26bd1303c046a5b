/*
 * support.h: runs a piece of a test on a real worker of a real group and waits for it, with a bound.
 */
#pragma once

#include "common/loop/worker.h"

#include <criterion/criterion.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum { WAIT_MAX_MS = 10000 };

static inline int no_start(struct worker *w, void *context) {
	(void)w;
	(void)context;
	return 0;
}

static inline void no_stop(struct worker *w, void *context) {
	(void)w;
	(void)context;
}

static const struct worker_hooks no_hooks = {.start = no_start, .stop = no_stop};

struct call {
	struct message message;
	void (*fn)(struct worker *, void *);
	void *context;
};

static inline void deliver_call(struct worker *w, struct message *m) {
	struct call *c = (struct call *)m;
	c->fn(w, c->context);
	free(c);
}

/* Runs `fn` on the worker's thread, some time soon. */
static inline void call_on(struct worker *w, void (*fn)(struct worker *, void *), void *context) {
	struct call *c = malloc(sizeof *c);
	*c = (struct call){.message.deliver = deliver_call, .fn = fn, .context = context};
	worker_post(w, &c->message);
}

/* Waits until `*value` is at least `want`; fails the test after WAIT_MAX_MS. */
static inline void wait_for_count(_Atomic int *value, int want) {
	struct timespec pause = {.tv_nsec = 1000000};
	for (int i = 0; i < WAIT_MAX_MS && atomic_load(value) < want; i++)
		nanosleep(&pause, NULL);
	cr_assert_geq(atomic_load(value), want, "waited in vain for %d, have %d", want, atomic_load(value));
}
