/*
 * push.h: publishing through a node above: an intake's samples go over a link to an origin, which treats them as an
 * encoder's of its own.
 *
 *     push_begin → on_accepted | on_over ;  on_accepted → push_samples… → (on_over) → push_end
 */
#pragma once

#include "common/relay/pool.h"
#include "common/stream/publisher.h"

#include "common/base/hash.h"

struct push_ops {
	void (*on_accepted)(struct push *, uint64_t epoch);
	/* Refused, stopped, or the link is lost (PUBLISH_ELSEWHERE). It is over. */
	void (*on_over)(struct push *, enum publish_refusal refusal, const char *why);
	/* The node above is about to leave: it goes on for now, and had better go elsewhere. No push may be ended
	 * within the call. */
	void (*on_drain)(struct push *);
};

struct push {
	struct upstream *upstream; /* NULL: over */
	const struct push_ops *ops;
	uint64_t id;
	bool accepted;
	UT_hash_handle hh;
};

/* `u` must be up. 0 or UV_ENOMEM. */
int push_begin(struct push *p, struct upstream *u, const struct publish_request *request, const struct push_ops *ops);
void push_samples(struct push *p, const struct sample *samples, size_t count);
void push_end(struct push *p);

/* --- for pool.c --- */
/* Handles Accepted, Refused and Stopped of a push: false if the id is none's. */
bool push_on_answer(struct upstream *u, const Weir__Relay__Header *h);
void pushes_lost(struct upstream *u);
void pushes_draining(struct upstream *u);
