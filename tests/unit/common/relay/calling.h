/*
 * calling.h: the other end of a serving node's link, a pool of one upstream, on the same worker: for tests of what is
 * asked over links. `up` counts how often the link was there.
 */
#pragma once

#include "common/relay/pool.h"
#include "tests/unit/common/relay/serving.h"

#include <string.h>

static struct relay_node puller;
static struct link_pool pool;
static struct upstream *upstream;
static _Atomic int up;

static inline void on_up(struct upstream *u) {
	upstream = u;
	atomic_fetch_add(&up, 1);
}

static inline void on_down(struct upstream *u) {
	(void)u;
}

static inline void on_announce(struct upstream *u, const struct stream_name *what, uint64_t epoch) {
	(void)u;
	(void)what;
	(void)epoch;
}

static const struct link_pool_ops pool_ops = {.on_up = on_up, .on_down = on_down, .on_announce = on_announce};

static inline int start_client(struct worker *w) {
	puller = (struct relay_node){.config = config, .id = "client", .role = WEIR__RELAY__ROLE__ROLE_EDGE};
	return link_pool_init(&pool, w, &puller, &(struct config_list){.items = {address}, .count = 1}, &pool_ops, NULL);
}

static inline void stop_client(void) {
	link_pool_stop(&pool);
}

static inline void fini_client(void) {
	link_pool_fini(&pool);
}

static const struct serving_client calling_ends = {.start = start_client, .stop = stop_client, .fini = fini_client};
