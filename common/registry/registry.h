/*
 * registry.h: the stream map: which origin has which stream. One interface, a backend behind it.
 *
 * One handle a worker; a stream's claims happen on its home worker. Everything is asynchronous: answers come by
 * callback, may be late, and may say that they are not known. A map on another machine loses answers and outlives
 * owners: so a claim gives an epoch that only grows, progress and release of an older epoch than the map's are refused,
 * and an owner that the map has left is told (`lost`). While the map cannot be reached, a node goes on by what it knows
 * itself; when it is back, it is told again.
 *
 * | operation | who     | what it means                                                               |
 * |-----------|---------|-----------------------------------------------------------------------------|
 * | claim     | origin  | the name is mine from a new epoch on; what was known of its run comes back    |
 * | progress  | origin  | what the next owner must know: after each mark, and when it waits             |
 * | release   | origin  | the run is over                                                             |
 * | yield     | origin  | another origin claims the name: the map says whose it is                       |
 * | replicas  | origin  | who holds copies of the stream, for edges that look for it when the owner is gone |
 * | finish    | origin  | that holds a copy: its owner is gone, and no publisher came                     |
 * | locate    | edge    | which origin has it                                                         |
 * | watch     | both    | changes of others come by themselves, as hints: `changed`, `node`             |
 */
#pragma once

#include "common/base/config.h"
#include "common/base/name.h"
#include "common/loop/worker.h"
#include "common/registry/takeover.h"

#include <stdatomic.h>

enum { REGISTRY_OTHERS_MAX = 7 };

/* What the map knows of a stream beyond its owner. */
struct registry_state {
	uint64_t run, epoch;
	uint64_t number; /* the newest mark's */
	int64_t wall_us; /* when that was told; in a claim's answer by the clock of whoever asks */
	/* Media time told last. In a claim's answer it is, of a stream that had frames, not less than what viewers may
	 * have seen since. */
	int64_t highest_us;
	int64_t base_us;
	uint32_t discontinuity, target_ms, track;
	bool waiting; /* nobody publishes it just now */
	bool filled;  /* and yet there are frames (a slate): viewers go on */
};

/* Who wants a name. Texts are borrowed for the call. */
struct registry_request {
	const char *publisher;  /* its address with port */
	const char *credential; /* NULL: none is configured */
	enum takeover_policy policy;
	int64_t stall_ms;    /* a holder silent for so long may be replaced by anybody */
	int64_t silent_ms;   /* of the holder, when it publishes to this node; -1: it does not */
	bool waiting;        /* it only fills a gap: the name stays free for whoever publishes */
	bool held;           /* the stream is at this node already: nobody else need be asked of it */
	uint64_t gone_epoch; /* not 0: only if the map still has it of this epoch, and has not heard of its owner, however
	                        it holds the name, */
	int64_t gone_ms;     /* for so long. Where no map can say, it is refused, but for */
	bool gone_sure;      /* whoever has seen by itself that the owner is gone: then the linked nodes are asked */
};

struct registry_claim {
	uint64_t epoch;      /* granted; 0: not */
	const char *refusal; /* not granted: why, for this call's time; NULL: out of memory */
	bool passed;         /* not granted: the name is over, or has another epoch than `gone_epoch` */
	bool known;          /* `previous` says something */
	struct registry_state previous;
};

struct registry_location {
	bool found;
	uint64_t epoch;
	void *where;         /* an answer of the role's own `ask`: its upstream; else */
	const char *address; /* the owner's relay address, for this call's time */
	/* Who else holds the stream: of an answer of `ask` their upstreams; else their ids, each ended by a newline, for
	 * this call's time. */
	size_t other_count;
	void *others[REGISTRY_OTHERS_MAX];
	const char *replicas;               /* may be NULL */
	const struct registry_state *state; /* of an answer of `ask`: of the run, for this call's time; NULL: not told */
};

typedef void (*registry_claim_fn)(void *context, const struct registry_claim *c);
typedef void (*registry_locate_fn)(void *context, const struct registry_location *l);

/* Shared by a node's workers; made in main. */
struct registry_shared {
	const struct config *config;
	char node[160];
	const char *role;
	uint64_t incarnation;           /* of this process */
	_Atomic int redis_away;         /* connections to it that are known to be of no use */
	_Atomic uint64_t highest_epoch; /* of all that this node gave, saw or learned */
	_Atomic bool draining;
	/* Set before workers start, called once, on any of them: the map is one that can never be used, which was logged.
	 * May be NULL. */
	void (*unusable)(struct registry_shared *s);
	_Atomic bool unusable_told;
	_Atomic(struct worker *) announcer;      /* whose registry says that this node is there; NULL: none yet */
	struct registry *on_worker[WORKERS_MAX]; /* each entry is that worker's alone; NULL: not there, or stopped */
};

void registry_shared_init(struct registry_shared *s, const struct config *config, const char *node, const char *role,
                          uint64_t incarnation);

/* Notes an epoch seen anywhere: later ones of this node are above it. Any worker. */
void registry_note_epoch(struct registry_shared *s, uint64_t epoch);

/* A new epoch: milliseconds × 256 + a byte of the node's hash, above every one noted. Any worker. */
uint64_t registry_next_epoch(struct registry_shared *s, int64_t wall_us);

/* From now on the map says that this node drains, or that it does not: at once if the map can be reached, else when it
 * is back. Any worker, or main while the workers run. */
void registry_set_draining(struct registry_shared *s, bool draining);

/* How much a node does just now. */
struct registry_load {
	unsigned busy_permille; /* of its workers' time, all together */
	uint64_t sent_bits;     /* a second */
};

/* A node that the map lists. Texts are never NULL, and borrowed for the call. */
struct registry_node {
	const char *id, *role;    /* "origin", "edge" */
	const char *address;      /* of its relay */
	const char *http_address; /* "": it serves none */
	const char *region, *zone, *version;
	enum registry_node_state { REGISTRY_NODE_UP, REGISTRY_NODE_DRAINING } state; /* draining: give it nothing new */
	uint64_t incarnation;
	uint64_t capacity; /* connections that it may have; 0: it does not say */
	struct registry_load load;
};

typedef void (*registry_node_fn)(void *context, const struct registry_node *n);

/* What the map says of a run whose owner is gone. */
enum registry_run {
	REGISTRY_RUN_ELSEWHERE, /* it knows a newer epoch */
	REGISTRY_RUN_OVER,      /* it has forgotten it, now or before */
	REGISTRY_RUN_OWNED,     /* its owner is there, or was a moment ago */
};

/* What the role does for its registry; any may be NULL. On the registry's worker. */
struct registry_role {
	/* Asks all linked nodes who may know, and calls `answer` exactly once, perhaps within the call. */
	void (*ask)(void *context, const struct stream_name *name, registry_locate_fn answer, void *answer_context);
	/* `epoch` of a name that this node owns is not the map's any more: `holder` has a newer one. */
	void (*lost)(void *context, const struct stream_name *name, uint64_t epoch, const char *holder);
	/* A name has a new epoch, a new state or is gone (epoch 0). A hint: it may come twice, late or never. */
	void (*changed)(void *context, const struct stream_name *name, uint64_t epoch);
	/* The answer to registry_finish. */
	void (*finished)(void *context, const struct stream_name *name, uint64_t epoch, enum registry_run run);
	/* All nodes that the map lists, this one too; told now and then, and when they change (but not for their load). */
	void (*nodes)(void *context, const struct registry_node *nodes, size_t count);
	void *context;
};

struct registry;

/* The backend that the configuration names. `role` (NULL: nothing) is copied. static reads node.state_dir, blocking:
 * from the start hook. 0 or a libuv code. */
int registry_new(struct registry **out, struct worker *w, struct registry_shared *shared,
                 const struct registry_role *role);

/* Lets go: answers that are awaited do not come any more; state is written. From the stop hook. */
void registry_stop(struct registry *r);
void registry_free(struct registry **r);

/* The answer comes once, later, unless it was forgotten or the registry stopped. A refusal follows the rules of
 * takeover.h. */
void registry_claim(struct registry *r, const struct stream_name *name, const struct registry_request *request,
                    registry_claim_fn fn, void *context);

/* That the owner goes on; `state->epoch` is the claim's. Of an epoch that is not this node's newest: nothing. */
void registry_progress(struct registry *r, const struct stream_name *name, const struct registry_state *state);
void registry_release(struct registry *r, const struct stream_name *name, uint64_t epoch);

/* This node has let go of the name, for another one claims it: what the map says is the other's. */
void registry_yield(struct registry *r, const struct stream_name *name, uint64_t epoch);

/* Which other origins hold copies of this node's stream, by their ids, each ended by a newline. Of an epoch that is not
 * this node's newest: nothing. */
void registry_replicas(struct registry *r, const struct stream_name *name, uint64_t epoch, const char *ids);

/* A copy's owner has been gone for long: is the run over? So it is unless the map knows a newer epoch, or that the
 * owner is there; then it forgets the stream. `finished` tells, once, perhaps within the call. Where no map can say,
 * the run is over. */
void registry_finish(struct registry *r, const struct stream_name *name, uint64_t epoch);

/* A copy whose owner is gone waits here for a publisher: the map is not to forget the name yet. */
void registry_keep(struct registry *r, const struct stream_name *name);

/* Single flight for each name; "not found" is remembered for a second. The answer may come within the call. */
void registry_locate(struct registry *r, const struct stream_name *name, registry_locate_fn fn, void *context);

/* What was remembered of the name is old: a claim was announced. */
void registry_hint(struct registry *r, const struct stream_name *name);

/* True: the map can be reached. Else `*why`, valid until the next turn, and in `*ever` whether it could be once. */
bool registry_up(const struct registry *r, const char **why, bool *ever);

/* The map can be reached, but something is wrong with this node in it: what, valid until the next turn. NULL: nothing,
 * or this worker does not know. */
const char *registry_warning(const struct registry *r);

/* The nodes that the map listed last, also while it is away; none with the static registry. */
void registry_each_node(const struct registry *r, registry_node_fn fn, void *context);

/* The one of them with that relay address, valid until the next turn. NULL: the map lists none. */
const struct registry_node *registry_node_at(const struct registry *r, const char *address);

/* What it shares with the node's other workers. */
struct registry_shared *registry_shared_of(const struct registry *r);

/* No answer about that name comes to that context any more. A claim that is granted all the same is
 * released. */
void registry_forget(struct registry *r, const struct stream_name *name, void *context);
