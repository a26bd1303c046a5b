/*
 * counted.h: the reference count that every shared, immutable object begins with.
 *
 * A counted object is written by the one who made it, then published, and never changed again. Any thread may hold a
 * reference and drop it; the last one to drop it frees it. Everything that is not immutable has exactly one owner and
 * no count.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

struct counted {
	_Atomic uint32_t refs;
	/* Frees the object and what it holds. Called once, on whichever thread drops the last reference. */
	void (*destroy)(struct counted *);
};

/* Begins a life with one reference, the caller's. */
static inline void counted_init(struct counted *c, void (*destroy)(struct counted *)) {
	atomic_init(&c->refs, 1);
	c->destroy = destroy;
}

/* Takes one more reference; returns `c`. The caller must hold one already. */
static inline struct counted *counted_ref(struct counted *c) {
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

/* Drops one reference. NULL is allowed. */
static inline void counted_unref(struct counted *c) {
	if (c && atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1)
		c->destroy(c);
}
