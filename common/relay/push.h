/*
 * push.h: publishing through a node above: an intake's samples go over a link to an origin, which treats them as an
 * encoder's of its own.
 *
 *     push_begin → on_accepted | on_over ;  on_accepted → push_samples… → (on_over) → push_end
 *
 * What the link has no room for waits in the upstream's backlog, in the order in which all of its pushes have sent it:
 * many that move to one node at once, or an uplink that stalls, do not break the link.
 */
#pragma once

#include "common/relay/pool.h"
#include "common/stream/publisher.h"

#include "common/base/hash.h"

struct push_ops {
	void (*on_accepted)(struct push *, uint64_t epoch);
	/* Refused, stopped, or the link is lost (PUBLISH_ELSEWHERE; also within a call, and then the push's memory must
	 * outlive it). It is over. */
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
	size_t waiting; /* bytes in the backlog */
	UT_hash_handle hh;
};

/* Bytes of one push that may wait, above what forward.c holds of a publish that moves. */
enum { PUSH_WAITING_MAX = 24 * 1024 * 1024 };

/* `u` must be up. 0 or UV_ENOMEM. */
int push_begin(struct push *p, struct upstream *u, const struct publish_request *request, const struct push_ops *ops);

/* Sends them behind what waits, all of a call. 0, also when the push is over; UV_ENOBUFS: so much waits already that
 * the link does not keep up; UV_ENOMEM. After either there is a hole: what waited is dropped, and the push is to be
 * ended. */
int push_samples(struct push *p, const struct sample *samples, size_t count);

/* What waits still goes, and then the word that it ends. Over already is fine. */
void push_end(struct push *p);

/* --- for pool.c --- */
/* Handles Accepted, Refused and Stopped of a push: false if the id is none's. */
bool push_on_answer(struct upstream *u, const Weir__Relay__Header *h);
void pushes_lost(struct upstream *u);
/* The link has room. */
void pushes_writable(struct upstream *u);
void pushes_draining(struct upstream *u);
