/*
 * listing.h: a question to all workers, asked once for all requests that wait for its answer.
 *
 * A list may be long, and to make it takes the time of viewers. So requests that come while an answer is being made
 * wait together for the next one, which is begun when the workers have had `LISTING_REST` times as long for everything
 * else, on each worker's behalf: however many ask, it is no more than a tenth of the node's time. Nobody gets an answer
 * from before its request.
 *
 * Each worker has its own, for the requests that came to it.
 */
#pragma once

#include "common/control/gather.h"
#include "common/http/http.h"

#include <stdbool.h>

enum { LISTING_REST = 10, LISTING_REST_MAX_MS = 2000 };

/* The answer's body, JSON, of what the workers said; NULL: out of memory. */
typedef struct bytes *(*listing_join_fn)(const struct slice *parts, size_t count);

struct listing {
	struct worker *worker;
	gather_collect_fn collect;
	listing_join_fn join;
	struct list asked;   /* requests that the answer under way is for */
	struct list waiting; /* that came since */
	bool under_way;
	uint64_t began_ns;
	uint64_t rested_ms; /* loop time from which the next may be begun */
	struct timer rest;
};

/* `collect` gets the worker alone: its context is NULL. */
void listing_init(struct listing *l, struct worker *w, gather_collect_fn collect, listing_join_fn join);

/* Answers the exchange, in a later turn. */
void listing_ask(struct listing *l, struct http_exchange *x);
