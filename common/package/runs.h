/*
 * runs.h: bytes to send that lie in several blocks: a part or a segment, as it goes out. Immutable, counted, any
 * thread.
 *
 * Nothing of the media is copied: the runs point into the frames' own blocks, which they keep.
 */
#pragma once

#include "common/loop/conn.h"

struct runs {
	struct counted counted;
	size_t size;  /* bytes in all */
	size_t count; /* of the items */
	struct conn_slice items[];
};

/* `items` gain a reference to each owner. NULL when memory is out. */
struct runs *runs_new(const struct conn_slice *items, size_t count);

/* All runs of `parts`, in order, as one; their number is `count`. NULL when memory is out. */
struct runs *runs_join(struct runs *const *parts, size_t count);

static inline struct runs *runs_ref(struct runs *r) {
	counted_ref(&r->counted);
	return r;
}

/* Nulls `*r`; NULL is allowed. */
static inline void runs_unref(struct runs **r) {
	if (*r)
		counted_unref(&(*r)->counted);
	*r = NULL;
}
