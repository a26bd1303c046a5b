/*
 * registry_redis.h: the backend in Redis, for registry_redis*.c alone: registry_redis.c has the streams,
 * registry_redis_tell.c when they are told, registry_redis_nodes.c the nodes.
 */
#pragma once

#include "common/registry/redis_sentinels.h"
#include "common/registry/registry_parts.h"

enum { NUMBER_SIZE = 24, NODE_ADDRESS_SIZE = 300 };

enum { NODE_TTL_S = 10 }; /* how long the map remembers a node that is not heard of */

struct registry_redis {
	struct registry base; /* first */
	struct redis_client commands, hints;
	struct redis_sentinels sentinels; /* if the configuration names some */
	struct timer look;                /* which streams were not told for long */
	bool untold;                      /* there may be streams to tell */
	char prefix[64], channel[80], incarnation[NUMBER_SIZE];
	char address[NODE_ADDRESS_SIZE]; /* of this node's relay, as others reach it */

	/* registry_redis_nodes.c's own; worker 0 alone announces and reads. */
	char http_address[NODE_ADDRESS_SIZE];
	char nodes_key[80], node_prefix[80];
	struct timer announce;       /* that this node is there */
	struct timer nodes;          /* read the list of nodes again */
	bool reading_nodes, refused; /* refused: the announcement, by Redis */
	bool nodes_soon;             /* the timer is set by a hint */
	uint64_t settled_ms;         /* loop time before which the list may not be whole */
	int64_t sent_bytes;          /* M_SOCKET_SENT when it was announced last */
	uint64_t sent_ms;
};

static inline struct registry_redis *redis_of(struct registry *r) {
	return (struct registry_redis *)r;
}

static inline const struct config_node *redis_config_of(const struct registry_redis *s) {
	return config_node(s->base.shared->config);
}

/* Before anything else. */
void redis_nodes_init(struct registry_redis *s, struct worker *w);

/* Redis can be used: finds the node's addresses, says that it is there, reads the list. */
void redis_nodes_up(struct registry_redis *s);
void redis_nodes_down(struct registry_redis *s);

/* The list may have changed. */
void redis_nodes_hint(struct registry_redis *s);

/* Says what is new of this node. */
void redis_nodes_announce(struct registry *r);

/* Ends it, and says that the node goes. */
void redis_nodes_stop(struct registry_redis *s);

/* Begins and ends the renewals. 0 or UV_ENOMEM. */
int redis_tell_start(struct registry_redis *s);
void redis_tell_stop(struct registry_redis *s);

/* Redis may know nothing of our streams: it is told all of them, a part at a time. */
void redis_tell_all(struct registry_redis *s);

/* Answers have come: tells more, if there is more. */
void redis_tell_more(struct registry_redis *s);

/* The stream was sent just now. */
void redis_told(struct registry_redis *s, struct record *k);
