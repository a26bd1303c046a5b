/*
 * registry.h: the stream map: which origin has which stream. One interface, a backend behind it.
 *
 * One handle a worker; a stream's claims happen on its home worker. Everything is asynchronous: answers come by
 * callback in a later turn, may be late, and may say that they are not known. A backend on another machine loses
 * answers and outlives owners: so a claim gives an epoch that only grows, and progress and release of an older epoch
 * than the map's are refused.
 *
 * | operation | who     | what it means                                                               |
 * |-----------|---------|-----------------------------------------------------------------------------|
 * | claim     | origin  | the name is mine from a new epoch on; what was known of its run comes back    |
 * | progress  | origin  | what the next owner must know: after each mark, and when it waits             |
 * | release   | origin  | the run is over                                                             |
 * | locate    | edge    | which origin has it                                                         |
 */
#pragma once

#include "common/base/config.h"
#include "common/base/name.h"
#include "common/loop/worker.h"

#include <stdatomic.h>

/* What the map knows of a stream beyond its owner. */
struct registry_state {
	uint64_t run, epoch;
	uint64_t number; /* the newest mark's */
	int64_t wall_us; /* when that was told */
	int64_t highest_us, base_us;
	uint32_t discontinuity, target_ms, track;
};

struct registry_claim {
	uint64_t epoch; /* granted; 0: not */
	bool known;     /* `previous` says something */
	struct registry_state previous;
	const char *holder; /* not granted: who has it, or NULL: the map did not answer */
};

struct registry_location {
	bool found;
	uint64_t epoch;
	void *where; /* as the backend's peers know it: an upstream (static) */
};

typedef void (*registry_claim_fn)(void *context, const struct registry_claim *c);
typedef void (*registry_locate_fn)(void *context, const struct registry_location *l);

/* Shared by a node's workers; made in main. */
struct registry_shared {
	const struct config *config;
	char node[160];
	_Atomic uint64_t highest_epoch; /* of all that this node gave, saw or learned */
};

void registry_shared_init(struct registry_shared *s, const struct config *config, const char *node);

/* Notes an epoch seen anywhere: later ones of this node are above it. Any worker. */
void registry_note_epoch(struct registry_shared *s, uint64_t epoch);

/* A new epoch: milliseconds × 256 + a byte of the node's hash, above every one noted. Any worker. */
uint64_t registry_next_epoch(struct registry_shared *s, int64_t wall_us);

/* How the static backend asks other nodes: the role provides it. */
struct registry_peers {
	/* Asks all who may know, and calls `answer` exactly once, perhaps within the call. */
	void (*ask)(void *context, const struct stream_name *name, registry_locate_fn answer, void *answer_context);
	void *context;
};

struct registry;

/* The static backend, which needs nothing but the node's own memory, its state_dir and its peers (NULL: none). Reads
 * state_dir, blocking: from the start hook. 0 or a libuv code. */
int registry_static_new(struct registry **out, struct worker *w, struct registry_shared *shared,
                        const struct registry_peers *peers);

/* Lets go: answers that are awaited do not come any more; state is written. From the stop hook. */
void registry_stop(struct registry *r);
void registry_free(struct registry **r);

/* The answer comes once, later, unless registry_stop was called. */
void registry_claim(struct registry *r, const struct stream_name *name, registry_claim_fn fn, void *context);

/* False: the map has a newer epoch; the caller has lost the stream. */
bool registry_progress(struct registry *r, const struct stream_name *name, const struct registry_state *state);
bool registry_release(struct registry *r, const struct stream_name *name, uint64_t epoch);

/* Single flight for each name; "not found" is remembered for a second. The answer may come within the call. */
void registry_locate(struct registry *r, const struct stream_name *name, registry_locate_fn fn, void *context);

/* What was remembered of the name is old: a claim was announced. */
void registry_hint(struct registry *r, const struct stream_name *name);

/* What it shares with the node's other workers. */
struct registry_shared *registry_shared_of(struct registry *r);

/* No answer comes to that context any more. */
void registry_forget(struct registry *r, void *context);
