/*
 * peers.h: an origin's links to other origins, on one worker: one to each, opened when somebody needs it.
 *
 * Who the others are, the map says (redis: peers_nodes), or registry.origins (static). An origin that finds itself
 * there leaves itself out. With the static registry no id is known before a link was up: so there the first need opens
 * the links to all.
 *
 *     peer_link_open → on_up → on_down → on_up … ;  peer_link_close at any time
 */
#pragma once

#include "common/registry/registry.h"
#include "common/relay/pool.h"

struct peers;

/* What the origin does with what its peers say by themselves. */
struct peers_ops {
	/* Another origin claims a stream. */
	void (*on_announce)(struct peers *, const struct stream_name *name, uint64_t epoch, const char *node);
};

/* Another origin. */
struct peer {
	struct list node;
	char id[RELAY_NODE_SIZE]; /* "": not known yet (static) */
	char address[300];
	char zone[64];             /* "": not known */
	bool draining;             /* it takes nothing new */
	struct upstream *upstream; /* NULL: nobody has needed it yet */
	struct list links;         /* struct peer_link */
};

/* Somebody's need of a link to an origin, embedded in who needs it. */
struct peer_link {
	struct list node;
	struct peers *peers;
	char id[RELAY_NODE_SIZE], address[300]; /* which: by its id, else by its address */
	struct upstream *upstream;              /* while it is up; else NULL */
	const struct peer_link_ops *ops;
};

struct peer_link_ops {
	/* `l->upstream` may be used. Perhaps within peer_link_open. */
	void (*on_up)(struct peer_link *l);
	/* The link is lost; it is tried again. */
	void (*on_down)(struct peer_link *l);
};

/* Somebody who wants to know that other origins came, went, or are linked or not linked now. */
struct peer_watch {
	struct list node;
	void (*on_change)(struct peer_watch *);
};

struct peers {
	struct link_pool pool;
	const struct peers_ops *ops;
	struct list known;   /* struct peer */
	struct list waiting; /* struct peer_link whose origin is not known */
	struct list watches; /* struct peer_watch */
	struct turn_task tell;
	bool opened; /* all that are known are linked, and all that become known */
	void *owner;
};

/* In the start hook. 0 or a libuv code. */
int peers_init(struct peers *p, struct worker *w, const struct relay_node *self, const struct peers_ops *ops,
               void *owner);

/* Closes the links; nobody hears of it who has closed his. In the stop hook. */
void peers_stop(struct peers *p);
void peers_fini(struct peers *p);

/* What the map lists (struct registry_role's nodes). */
void peers_nodes(struct peers *p, const struct registry_node *nodes, size_t count);

/* Links all origins that are known, so that all can be asked (ask_linked with `p->pool`). */
void peers_open(struct peers *p);

/* The origin of that id, or NULL. */
struct peer *peers_find(struct peers *p, const char *id);

/* Its link can be used now. */
bool peer_up(const struct peer *peer);

/* True: it is this node itself, or the last attempt to link it has failed. */
bool peer_unusable(const struct peer *peer);

/* Needs the link to the origin of that id (NULL: the one at that address), which may become known later. */
void peer_link_open(struct peer_link *l, struct peers *p, const char *id, const char *address,
                    const struct peer_link_ops *ops);

/* The origin's host has answered the last attempt, and nobody listens there: it is not only out of reach. */
bool peer_link_refused(const struct peer_link *l);

/* Its link is down, and nothing has come from the origin for relay.dead_after. */
bool peer_link_silent(const struct peer_link *l);

/* Closed already, or all zero, is fine. */
void peer_link_close(struct peer_link *l);

/* `on_change` comes at the end of a turn, once however much has changed in it. */
void peer_watch_begin(struct peer_watch *watch, struct peers *p, void (*on_change)(struct peer_watch *));
void peer_watch_end(struct peer_watch *watch);
