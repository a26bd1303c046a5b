/*
 * pull.h: the pulling side of a subscription: what comes over a link goes into the log of a stream at home here.
 *
 *     pull_begin → on_accepted … on_waiting … on_end | on_refused | on_lost → (over)
 *
 * It asks for what follows what the rendition has already; repeats are dropped, holes are left to the log, which marks
 * them.
 */
#pragma once

#include "common/relay/pool.h"
#include "common/stream/stream.h"

#include "common/base/hash.h"

struct pull_ops {
	void (*on_accepted)(struct pull *, uint64_t epoch, bool waiting);
	void (*on_refused)(struct pull *, bool not_found, const char *why);
	void (*on_waiting)(struct pull *, bool waiting);
	/* The run is over. */
	void (*on_end)(struct pull *, const char *reason);
	/* The link is gone. */
	void (*on_lost)(struct pull *);
};

struct pull {
	struct upstream *upstream; /* NULL: over */
	const struct pull_ops *ops;
	struct rendition *rendition;
	struct rendition_source source; /* lull.h */
	uint64_t id, handle;
	struct tracks *tracks; /* the newest revision read */
	uint64_t refused;      /* entries that were no successor or could not be read */
	UT_hash_handle hh, hh_handle;
};

#define PULL_ALL_HISTORY INT64_MIN

/* `u` must be up. With nothing to go on from it begins `history_us` before the newest keyframe, or with the oldest
 * (PULL_ALL_HISTORY). 0 or UV_ENOMEM. The struct must be zeroed before its first use, and may be used again when it is
 * over. */
int pull_begin(struct pull *p, struct upstream *u, struct rendition *r, int64_t history_us, const struct pull_ops *ops);

/* Unsubscribes. Over already is fine. */
void pull_end(struct pull *p);

/* --- for pool.c --- */
int pull_on_message(struct upstream *u, const struct relay_message *m);
/* Handles Accepted and Refused of a pull: false if the id is none's. */
bool pull_on_answer(struct upstream *u, const Weir__Relay__Header *h);
void pulls_lost(struct upstream *u);
