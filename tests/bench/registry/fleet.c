#include "tests/bench/registry/fleet.h"

#include "common/base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

enum {
	TICK_MS = 10,
	LATE_MS = 5,
	MARK_EVERY_MS = 2000,
	CLAIMS_A_TICK = 20,
	PUBLISHED_AT_MOST = 10, /* origins that have streams */
	STOP_WITHIN_MS = 20000
};

/* --- streams --- */

static void mark(struct fleet_stream *s) {
	if (!s->state.epoch)
		return;
	s->state.number++;
	s->state.wall_us = clock_wall_us();
	s->state.highest_us = s->state.wall_us;
	registry_progress(s->owner->registry, &s->name, &s->state);
}

/* The claim is followed by the first mark, as an origin does. */
static void on_claimed(void *context, const struct registry_claim *c) {
	struct fleet_stream *s = context;
	if (!c->epoch)
		return; /* never ready, which is told */
	s->state = (struct registry_state){.run = c->epoch, .epoch = c->epoch, .target_ms = 2000, .track = 3};
	atomic_fetch_add(&s->owner->fleet->claimed, 1);
	mark(s);
}

static void claim_some(struct fleet *f) {
	for (int i = 0; i < CLAIMS_A_TICK && f->next_claim < f->options.streams; i++) {
		struct fleet_stream *s = &f->streams[f->next_claim++];
		struct registry_request request = {.publisher = "198.51.100.7:5000", .stall_ms = 2000, .silent_ms = -1};
		registry_claim(s->owner->registry, &s->name, &request, on_claimed, s);
	}
}

/* Their marks are spread over the time between two of one stream. */
static void mark_some(struct fleet *f) {
	size_t phase = f->next_mark, ticks = MARK_EVERY_MS / TICK_MS;
	f->next_mark = (f->next_mark + 1) % ticks;
	for (size_t i = phase; i < f->options.streams; i += ticks)
		mark(&f->streams[i]);
}

/* --- nodes --- */

static void on_nodes(void *context, const struct registry_node *nodes, size_t count) {
	struct fleet_node *n = context;
	(void)nodes;
	if (n->complete || count < n->fleet->options.nodes)
		return;
	n->complete = true;
	atomic_fetch_add(&n->fleet->complete, 1);
}

static int start_node(struct worker *w, struct fleet *f, size_t i) {
	struct fleet_node *n = &f->nodes[i];
	bool origin = i % 2 == 0;
	/* All nodes' work is done by one process here: an answer may wait long for its turn. */
	char id[32], backend[] = "registry.backend=redis", timeout[] = "registry.timeout=60s", redis[300], listen[64];
	char *overrides[] = {backend, timeout, redis, listen, NULL};
	struct buffer why;
	buffer_init(&why, 0);
	snprintf(id, sizeof id, "node%zu", i);
	snprintf(redis, sizeof redis, "registry.redis=%s", f->options.redis);
	snprintf(listen, sizeof listen, "relay.listen=127.0.0.1:%zu", 20000 + i);
	int err = config_parse(&n->config, origin ? CONFIG_ORIGIN : CONFIG_EDGE,
	                       &(struct config_sources){.overrides = overrides}, &why);
	buffer_fini(&why);
	if (err)
		return err;
	n->fleet = f;
	registry_shared_init(&n->shared, n->config, id, origin ? "origin" : "edge", (uint64_t)clock_wall_us() + i);
	return registry_new(&n->registry, w, &n->shared, &(struct registry_role){.nodes = on_nodes, .context = n});
}

static bool is_up(const struct fleet_node *n) {
	const char *why;
	bool ever;
	return registry_up(n->registry, &why, &ever);
}

static void name_streams(struct fleet *f) {
	size_t all = (f->options.nodes + 1) / 2, origins = all < PUBLISHED_AT_MOST ? all : PUBLISHED_AT_MOST;
	for (size_t i = 0; i < f->options.streams; i++) {
		f->streams[i].owner = &f->nodes[2 * (i % origins)];
		snprintf(f->streams[i].name.text, sizeof f->streams[i].name.text, "live/s%zu", i);
	}
}

static int begin_all(struct worker *w, struct fleet *f) {
	int err = 0;
	while (!err && f->next_node < f->options.nodes)
		err = start_node(w, f, f->next_node++);
	claim_some(f);
	return err;
}

/* The nodes that have streams, the streams, the other nodes, one after the other: what begins is told to all who are
 * there, so no faster than this one process, and Redis, can bear the news of it. */
static int begin_more(struct worker *w, struct fleet *f) {
	if (f->options.at_once)
		return begin_all(w, f);
	bool late = worker_now_ms(w) - f->ticked_ms > TICK_MS + LATE_MS;
	f->ticked_ms = worker_now_ms(w);
	if (late || (f->next_node && !is_up(&f->nodes[f->next_node - 1])))
		return 0;
	if (f->next_node == 2 * PUBLISHED_AT_MOST || f->next_node == f->options.nodes)
		claim_some(f);
	if (f->next_node == f->options.nodes ||
	    (f->next_node == 2 * PUBLISHED_AT_MOST && atomic_load(&f->claimed) < f->options.streams))
		return 0;
	return start_node(w, f, f->next_node++);
}

static void on_tick(struct timer *t) {
	struct fleet *f = list_entry(t, struct fleet, tick);
	int err = begin_more(t->worker, f);
	mark_some(f);
	if (!err)
		err = timer_start(t, TICK_MS);
	if (err)
		fprintf(stderr, "registry: no node is started, and nothing claimed any more: %s\n", uv_strerror(err));
}

static int on_start(struct worker *w, void *context) {
	struct fleet *f = context;
	name_streams(f);
	timer_init(&f->tick, w, on_tick);
	return timer_start(&f->tick, TICK_MS);
}

static void on_stop(struct worker *w, void *context) {
	struct fleet *f = context;
	(void)w;
	timer_stop(&f->tick);
	for (size_t i = 0; i < f->options.nodes; i++)
		if (f->nodes[i].registry)
			registry_stop(f->nodes[i].registry);
}

static void on_fini(struct worker *w, void *context) {
	struct fleet *f = context;
	(void)w;
	for (size_t i = 0; i < f->options.nodes; i++)
		registry_free(&f->nodes[i].registry);
}

static const struct worker_hooks hooks = {.start = on_start, .stop = on_stop, .fini = on_fini};

/* --- all --- */

int fleet_start(struct fleet *f, const struct fleet_options *o) {
	*f = (struct fleet){.options = *o};
	f->nodes = calloc(o->nodes, sizeof *f->nodes);
	f->streams = calloc(o->streams, sizeof *f->streams);
	if (!f->nodes || !f->streams)
		return UV_ENOMEM;
	return workers_start(&f->workers, 1, &hooks, f);
}

bool fleet_ready(const struct fleet *f) {
	return atomic_load(&f->claimed) == f->options.streams && atomic_load(&f->complete) == f->options.nodes;
}

int fleet_stop(struct fleet *f) {
	int err = workers_stop(&f->workers, STOP_WITHIN_MS);
	for (size_t i = 0; i < f->options.nodes && !err; i++)
		config_free(&f->nodes[i].config);
	free(f->nodes);
	free(f->streams);
	return err;
}
