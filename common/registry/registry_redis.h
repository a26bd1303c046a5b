/*
 * registry_redis.h: the backend in Redis, for registry_redis*.c alone: registry_redis.c has the streams,
 * registry_redis_tell.c when they are told, registry_redis_hints.c what is heard of them, registry_redis_nodes.c this
 * node, registry_redis_list.c the others.
 */
#pragma once

#include "common/registry/redis_sentinels.h"
#include "common/registry/registry_parts.h"

enum { NUMBER_SIZE = 24, NODE_ADDRESS_SIZE = 300 };

enum { NODE_TTL_S = 10 }; /* how long the map remembers a node that is not heard of */

/* Redis that was away may be empty: before this time not all nodes have said again what they hold, and that they are
 * there. */
enum { REDIS_SETTLE_MS = 2000 };

enum { REDIS_IDS_MAX = 16, REDIS_ID_SIZE = 160 };

/* Some nodes' ids. */
struct redis_ids {
	size_t count;
	char texts[REDIS_IDS_MAX][REDIS_ID_SIZE];
};

struct registry_redis {
	struct registry base;                /* first */
	struct redis_client commands, hints; /* hints: worker 0's alone */
	struct redis_sentinels sentinels;    /* if the configuration names some */
	char prefix[64], channel[96], trial_key[80], incarnation[NUMBER_SIZE];
	char address[NODE_ADDRESS_SIZE]; /* of this node's relay, as others reach it */
	uint64_t up_ms;                  /* loop time since which Redis can be used */

	/* registry_redis_tell.c's own. */
	struct timer look;              /* which streams were not told for long */
	struct list untold;             /* records that are to be told */
	struct turn_task tell;          /* some of them */
	unsigned awaited, awaited_most; /* what was told and not answered, and how much that may be when more is told */
	/* registry_redis_nodes.c's own; worker 0 alone announces. */
	char http_address[NODE_ADDRESS_SIZE];
	char node_prefix[80];
	struct timer announce; /* that this node is there */
	bool announced;        /* Redis took it once */
	bool refused;          /* the announcement, by Redis */
	bool younger;          /* another process of that id has the key */
	int64_t sent_bytes;    /* M_SOCKET_SENT when it was announced last */
	uint64_t sent_ms;

	/* registry_redis_list.c's own. */
	char nodes_key[80];
	struct timer whole, some; /* the whole list, or those that were named, are read again */
	struct redis_ids hinted;  /* who was named */
	bool whole_wanted;        /* sooner than it would be read */
	bool whole_twice;         /* and once more behind that */
	uint64_t settled_ms;      /* loop time before which the list may not be whole */
	uint64_t whole_after_ms;  /* and before which it is not read again */
};

static inline struct registry_redis *redis_of(struct registry *r) {
	return (struct registry_redis *)r;
}

static inline const struct config_node *redis_config_of(const struct registry_redis *s) {
	return config_node(s->base.shared->config);
}

/* Before anything else. */
void redis_nodes_init(struct registry_redis *s, struct worker *w);

/* Redis can be used: finds the node's addresses, says that it is there, has the list read. */
void redis_nodes_up(struct registry_redis *s);
void redis_nodes_down(struct registry_redis *s);

/* Says what is new of this node. */
void redis_nodes_announce(struct registry *r);

/* Ends it, and says that the node goes. */
void redis_nodes_stop(struct registry_redis *s);

/* Before anything else of it. */
void redis_tell_init(struct registry_redis *s, struct worker *w);

/* Begins and ends the renewals. 0 or UV_ENOMEM. */
int redis_tell_start(struct registry_redis *s);
void redis_tell_stop(struct registry_redis *s);

/* Redis can be used, and may know nothing of our streams: it is told all of them, a part at a time. */
void redis_tell_all(struct registry_redis *s);

/* The stream was sent just now. */
void redis_told(struct registry_redis *s, struct record *k);

/* What was sent at that loop time has been answered (else its connection is lost): tells more, if there is more. */
void redis_tell_answered(struct registry_redis *s, bool answered, uint64_t sent_ms);

/* Another origin has the name: this node lets go of it, and its role is told. */
void redis_lose(struct registry *r, struct record *k, uint64_t newer, const char *holder);

/* For redis_client_ops.find; `context` is the struct registry_redis. */
void redis_find(void *context, struct redis_client *c);

/* What the subscription does. */
extern const struct redis_client_ops redis_hints_ops;

/* Before anything else of the list. */
void redis_list_init(struct registry_redis *s, struct worker *w);

/* Redis can be used, or hints may have been missed: all is read. And when it cannot be used, and at the end. */
void redis_list_up(struct registry_redis *s);
void redis_list_down(struct registry_redis *s);

/* There is news of that node. */
void redis_list_hint(struct registry_redis *s, const char *id);
