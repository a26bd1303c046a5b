/*
 * redis_sentinels.h: where the master is that a group of Sentinels watches.
 *
 * Two connections are kept to one of them: a subscription to +switch-master, which comes first, so that no switch is
 * missed between the answer and the subscription, and one that is asked. When either is lost, the next Sentinel is
 * tried. On one worker.
 */
#pragma once

#include "common/base/config.h"
#include "common/registry/redis_client.h"

enum { REDIS_SENTINELS_CLIENTS = 4 };

struct redis_sentinels {
	struct redis_client watch, ask;
	const struct config_node *config; /* registry.sentinel* */
	size_t at;                        /* of registry.sentinels: the one that is spoken to */
	bool ask_waits;                   /* for the subscription */
	bool asking;                      /* an answer is awaited */
	bool useless;                     /* its answer was none: the next question goes to another one */
	char master[REDIS_PLACE_SIZE];    /* the newest answer; "": none yet */
	struct redis_client *waiting[REDIS_SENTINELS_CLIENTS]; /* to be told */
	size_t waiting_count;
	void (*on_switch)(void *context, const char *master);
	void *context;
};

/* `on_switch`: the master is another one than was said before. 0 or a libuv code. */
int redis_sentinels_init(struct redis_sentinels *s, struct worker *w, const struct config_node *config,
                         void (*on_switch)(void *context, const char *master), void *context);

/* Tells `c`, one of at most REDIS_SENTINELS_CLIENTS, where the master is, or why that is not known
 * (redis_client_found). */
void redis_sentinels_find(struct redis_sentinels *s, struct redis_client *c);

/* Never begun but zeroed, is fine. Its memory may go once the worker's holds are released. */
void redis_sentinels_stop(struct redis_sentinels *s);
