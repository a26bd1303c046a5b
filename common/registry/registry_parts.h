/*
 * registry_parts.h: what the backends share, for registry*.c alone.
 *
 * registry.c keeps this node's own streams (records), who waits for answers, and what was not found; a backend carries
 * claims, progress and questions to its map.
 */
#pragma once

#include "common/base/buffer.h"
#include "common/base/list.h"
#include "common/registry/registry.h"

#include "common/base/hash.h"

struct node_list;

enum { PUBLISHER_SIZE = 64, CREDENTIAL_SIZE = 72 };

/* A stream of our own. */
struct record {
	struct stream_name name;
	struct registry_state state;
	char publisher[PUBLISHER_SIZE], credential[CREDENTIAL_SIZE]; /* of the holder; empty credential: none */
	bool live;                                                   /* it publishes to this node */
	struct takeover_history takeovers;
	uint64_t told_ms;   /* redis: when it was told last, in the loop's time; */
	struct list untold; /* and linked while it is to be told */
	char *replicas;     /* ids of the origins that hold copies, each ended by a newline; NULL: nobody */
	UT_hash_handle hh;
};

/* A claim that waits for its answer. */
struct claiming {
	struct list node;
	struct registry *registry;
	struct stream_name name;
	registry_claim_fn fn; /* NULL: forgotten */
	void *context;
	char publisher[PUBLISHER_SIZE], credential[CREDENTIAL_SIZE];
	enum takeover_policy policy;
	int64_t stall_ms, silent_ms;
	bool waiting, held;
	uint64_t gone_epoch;
	int64_t gone_ms;
	bool gone_sure;
	bool kept; /* the map was not tried yet: sent, or decided, as soon as that is known */
	struct registry_claim answer;
	char refusal[160];
};

/* A name that is being looked for, or was not found just now. */
struct search {
	struct stream_name name;
	struct registry *registry;
	struct list waiters;
	bool asking;
	uint64_t not_found_ms; /* loop time; 0: never */
	struct timer expire;
	UT_hash_handle hh;
};

struct registry_backend {
	/* Answers by claim_answer, once. */
	void (*claim)(struct registry *, struct claiming *);
	/* The record was changed, or is about to be freed. */
	void (*progress)(struct registry *, struct record *);
	void (*release)(struct registry *, struct record *);
	/* The record is about to be freed, and the map is not to be told. May be NULL. */
	void (*yield)(struct registry *, struct record *);
	/* Answers by role.finished, once; NULL: over. */
	void (*finish)(struct registry *, const struct stream_name *name, uint64_t epoch);
	/* NULL: nothing expires. */
	void (*keep)(struct registry *, const struct stream_name *name);
	/* Answers by search_answer, once. */
	void (*locate)(struct registry *, struct search *);
	/* What this node says of itself has changed. May be NULL. */
	void (*announce)(struct registry *);
	bool (*up)(const struct registry *, const char **why, bool *ever);
	/* What registry_warning says. May be NULL. */
	const char *(*warning)(const struct registry *);
	void (*stop)(struct registry *);
	void (*free)(struct registry *);
};

/* A backend's struct begins with it. */
struct registry {
	const struct registry_backend *backend;
	struct worker *worker;
	struct registry_shared *shared;
	struct registry_role role;
	struct record *records;
	struct search *searches;
	struct answering *answering; /* whoever is being told just now what was found; NULL: nobody */
	struct list claims;          /* that wait for the backend */
	struct list answered;        /* that are told at the turn's end */
	struct turn_task tell;
	struct node_list *nodes; /* NULL: none was read yet */
	bool stopped;
};

int registry_static_new(struct registry **out);
int registry_redis_new(struct registry **out, struct worker *w, struct registry_shared *shared);

/* Called by registry_new for the backend to begin, once all of the base is set. */
int registry_static_start(struct registry *r);
int registry_redis_start(struct registry *r);

/* The record of that name, made if need be; NULL: out of memory. */
struct record *record_get(struct registry *r, const struct stream_name *name);
struct record *record_find(struct registry *r, const struct stream_name *name);
/* Out of the table, and freed. */
void record_free(struct registry *r, struct record *k);

/* Decides by what this node knows, and answers. `heard`: what another one knows of the run; NULL: nothing. */
void claim_locally(struct registry *r, struct claiming *c, const struct registry_state *heard);

/* The same, after the linked nodes were asked what they know of the name's run. */
void claim_by_peers(struct registry *r, struct claiming *c);

/* Warns that a refusal begins a time in which the holder stays. */
void claim_fought_over(const struct claiming *c);

/* Granted with `epoch` (0: refused for `refusal`), noted in the record, told at the turn's end. */
void claim_answer(struct claiming *c, uint64_t epoch, const struct registry_state *previous, const char *refusal);

/* Tells all who wait. */
void search_answer(struct search *s, const struct registry_location *l);

/* Asks the role's peers. */
void search_peers(struct search *s);
