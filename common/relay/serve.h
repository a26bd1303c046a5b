/*
 * serve.h: the serving side of the relay: what a node does for others that connect to it. An origin serves its edges;
 * an edge serves edges below it.
 *
 * Per worker: its links, and for each link the subscriptions and the publishers that came over it.
 */
#pragma once

#include "common/base/name.h"
#include "common/relay/link.h"

/* The answer to a Locate that this node's own streams cannot give; `waiting` is not known then. */
typedef void (*relay_located_fn)(void *context, bool found, uint64_t epoch);

struct relay_server {
	struct worker *worker;
	const struct relay_node *self;
	bool wait_for_streams; /* a Subscribe for an unknown name waits (an edge fetches it); else it is refused */
	bool take_publishers;
	/* An edge asks the nodes above it in turn: on the home worker of the name, answers exactly once. NULL: nobody is
	 * above. */
	void (*locate_above)(struct worker *home, const struct stream_name *name, relay_located_fn fn, void *context);
	/* A message that is none of the relay's own. A negative code closes the link. NULL: such are skipped. */
	int (*on_message)(struct relay_server *, struct link *, const struct relay_message *m);
	/* A link is ready: the role tells it what is announced already. NULL: nothing. */
	void (*greet)(struct relay_server *, struct link *);
	bool draining;           /* relay_server_drain */
	uint64_t drain_until_ms; /* loop time */
	struct list coming;      /* links that are not ready yet */
	struct list links;       /* ready ones */
	uint64_t next_link_id;
};

/* One a worker; `worker->node` must lead to it by relay_server_of, which the role provides (link_accept's on_here needs
 * it). */
void relay_server_init(struct relay_server *s, struct worker *w, const struct relay_node *self);

/* Takes the connection that the listener has waiting. `on_here` is called with its link on the worker that the other
 * node wants (link_accept), and calls relay_serve there. */
void relay_server_accept(struct relay_server *s, struct listener *listener, void (*on_here)(struct link *));

/* A link that has come to this worker: gives it its ops. The role's on_here calls this with the worker's server. */
void relay_serve(struct relay_server *s, struct link *l);

/* Closes all links, also those that are not ready; one that is still on its way here closes when it comes, for the
 * worker is stopping. */
void relay_server_stop(struct relay_server *s);

/* Tells of a claim: every link of this worker (`link_id` 0; the role calls it on each worker), or the one of that id if
 * it is still there. */
void relay_announce(struct relay_server *s, uint64_t link_id, const struct stream_name *name, uint64_t epoch);

/* --- a node that drains --- */

/* Tells all links, and those that come, that the node leaves within `limit_ms`; takes no new publishers. */
void relay_server_drain(struct relay_server *s, uint64_t limit_ms);

/* Ends the publishes that came over links: their nodes choose another origin. */
void relay_server_end_publishers(struct relay_server *s);

/* What came over links: publishes, and subscriptions to streams. */
struct relay_left {
	size_t publishers, subscriptions;
};
struct relay_left relay_server_left(const struct relay_server *s);

/* Links of this worker, for the API. */
void relay_server_each(struct relay_server *s, void (*fn)(const struct link *, void *context), void *context);
