/*
 * pool.h: the links that a worker keeps up to other nodes (an edge to those above it, an origin to other origins): one
 * a node, reconnected with a jittered backoff, and what is asked over them: where a stream is, its entries (pull.h,
 * fetch.h), and to publish (push.h).
 */
#pragma once

#include "common/base/name.h"
#include "common/relay/backlog.h"
#include "common/relay/link.h"
#include "common/relay/lull.h"

struct link_pool;
struct upstream;
struct pull;
struct push;
struct fetch;
struct location;

struct link_pool_ops {
	void (*on_up)(struct upstream *);
	/* The link is lost, or an attempt to link has failed. */
	void (*on_down)(struct upstream *);
	/* The node above is about to leave. May be NULL. */
	void (*on_drain)(struct upstream *);
	/* A node above claims a stream. */
	void (*on_announce)(struct upstream *, const struct stream_name *name, uint64_t epoch);
};

struct upstream {
	struct list node; /* in the pool */
	struct link_pool *pool;
	char address[300];
	struct address to;
	struct link *link; /* NULL: down */
	bool up;           /* ready for use */
	bool is_self;      /* its address leads to this node itself: not tried again */
	bool draining;     /* it said so: others are better */
	bool refused;      /* nobody listened there at the last attempt: its process is gone */
	uint64_t backoff_ms;
	struct timer retry;
	struct lull lull;
	char peer[RELAY_NODE_SIZE]; /* the node's id, once it has been up */
	char why[RELAY_WHY_SIZE];   /* it is down */
	uint64_t heard_ms;          /* and nothing has come since, in the loop's time; 0: it was never up */
	bool told;                  /* that it is down was logged */
	uint64_t next_id;
	struct pull *pulls; /* hash by id */
	struct pull *pulls_by_handle;
	struct push *pushes;        /* hash by id */
	struct backlog backlog;     /* of pushes */
	struct fetch *fetches;      /* hash by id */
	struct location *locations; /* hash by id: Locate answers awaited */
};

struct link_pool {
	struct worker *worker;
	const struct relay_node *self;
	const struct link_pool_ops *ops;
	void *owner;
	struct list upstreams;
	bool stopping;
};

/* Begins to connect to each address. 0, UV_EINVAL for what is no address, UV_ENOMEM. */
int link_pool_init(struct link_pool *p, struct worker *w, const struct relay_node *self,
                   const struct config_list *addresses, const struct link_pool_ops *ops, void *owner);

/* The upstream with that address, added if need be. NULL: no address, or out of memory. */
struct upstream *link_pool_get(struct link_pool *p, const char *address);

/* Drops the upstreams whose link is down and whose address is not among these: their nodes are gone for good. */
void link_pool_keep(struct link_pool *p, const char *const *addresses, size_t count);

/* Drops one whose link is down. */
void link_pool_drop(struct upstream *u);

/* Closes all links; pulls, pushes and fetches hear of it. */
void link_pool_stop(struct link_pool *p);
void link_pool_fini(struct link_pool *p);

/* The answer to Locate; not found also when the link is lost before it came. */
struct located {
	bool found;
	bool replica; /* another node owns it, this one holds a copy */
	bool waiting; /* for its publisher */
	uint64_t epoch;
	/* What the next owner of the run must know; run 0: not told. */
	uint64_t run, number;
	int64_t highest_us, base_us;
	uint32_t discontinuity, target_ms, track;
};
typedef void (*located_fn)(void *context, struct upstream *u, const struct located *l);

/* Asks one upstream, which must be up. Out of memory: answered "not found" at once. */
void upstream_locate(struct upstream *u, const struct stream_name *name, located_fn fn, void *context);

/* Forgets questions with that context: no answer comes. */
void upstream_forget(struct upstream *u, void *context);
