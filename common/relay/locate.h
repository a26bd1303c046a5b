/*
 * locate.h: asks all nodes that a pool is linked to where a stream is.
 *
 * One that does not answer must not keep the others' answers: after LOCATE_MOST_MS, or LOCATE_MORE_MS after the first
 * that has the stream, what has come counts. On the pool's worker.
 */
#pragma once

#include "common/relay/pool.h"

enum { POOL_PLACES_MAX = 8, LOCATE_MOST_MS = 1000, LOCATE_MORE_MS = 250 };

/* Who has a name: those that told its newest epoch, its owner first, unless that drains. */
struct pool_places {
	size_t count;                            /* 0: nobody has it */
	struct upstream *items[POOL_PLACES_MAX]; /* valid for the call */
	struct located best;                     /* what the first of them said */
};
typedef void (*pool_located_fn)(void *context, const struct pool_places *places);

/* Asks every upstream that is up. The answer comes exactly once, perhaps within the call; without memory: nobody. */
void link_pool_locate(struct link_pool *p, const struct stream_name *name, pool_located_fn fn, void *context);
