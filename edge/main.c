/*
 * main.c of weir-edge: relays streams from origins and serves viewers by RTMP, HTTP-FLV, HLS and DASH; takes publishers
 * and passes them on.
 */
#include "edge/edge.h"
#include "edge/forward.h"
#include "edge/page.h"
#include "edge/upstream.h"
#include "edge/viewer_http.h"
#include "edge/viewer_stream.h"

#include "common/base/clock.h"

#include <stdlib.h>
#include <string.h>

/* --- links --- */

static void on_up(struct upstream *u) {
	upstream_link_up(u->pool->owner);
}

static void on_down(struct upstream *u) {
	(void)u; /* what was pulled over it has heard */
}

static void on_drain(struct upstream *u) {
	upstream_draining(u->pool->owner, u);
}

static void on_announce(struct upstream *u, const struct stream_name *name, uint64_t epoch) {
	struct edge *e = u->pool->owner;
	upstream_announced(e, u, name, epoch);
	if (heard_note(e, name, epoch)) /* each passed on once, also where edges were linked in a circle */
		relay_announce(&e->base.relay, 0, name, epoch);
}

/* --- edges below ask where a stream is --- */

struct asking_below {
	relay_located_fn answer;
	void *context;
};

static void on_located(void *context, const struct registry_location *l) {
	struct asking_below *a = context;
	a->answer(a->context, l->found, l->epoch);
	free(a);
}

static void locate_above(struct worker *home, const struct stream_name *name, relay_located_fn fn, void *context) {
	struct asking_below *a = malloc(sizeof *a);
	if (!a || worker_stopping(home)) {
		free(a);
		fn(context, false, 0);
		return;
	}
	*a = (struct asking_below){fn, context};
	registry_locate(edge_of(home)->registry, name, on_located, a);
}

static const struct link_pool_ops pool_ops = {
    .on_up = on_up, .on_down = on_down, .on_drain = on_drain, .on_announce = on_announce};

/* --- what the map says --- */

/* A link is kept to each origin of the map. */
static void on_nodes(void *context, const struct registry_node *nodes, size_t count) {
	struct edge *e = context;
	const char **origins = calloc(count + 1, sizeof *origins);
	size_t found = 0;
	if (!origins)
		return; /* told again in a moment */
	for (size_t i = 0; i < count; i++) {
		if (strcmp(nodes[i].role, "origin") == 0 && link_pool_get(&e->pool, nodes[i].address))
			origins[found++] = nodes[i].address;
	}
	link_pool_keep(&e->pool, origins, found);
	free(origins);
}

/* --- the API --- */

/* How old the newest frame is, by its programme time: players that know no such time measure latency by it. */
static void describe_age(struct stream *s, json_t *object) {
	if (s->phase == STREAM_PENDING)
		return;
	int64_t us = clock_wall_us() - (s->anchor.wall_us + s->highest_us - s->anchor.media_us);
	json_object_set_new(object, "behind_ms", json_integer(us > 0 ? us / 1000 : 0));
}

static void describe_stream(struct stream *s, json_t *object) {
	const char *origin = upstream_origin(s);
	describe_age(s, object);
	json_object_set_new(object, "upstream", json_pack("{s:s, s:s?}", "state", upstream_state(s), "origin", origin));
}

static void list_sessions(struct worker *w, json_t *array) {
	rtmp_server_each(&node_worker_of(w)->rtmp, admin_add_rtmp_session, array);
	viewer_stream_list(edge_of(w), array);
	packagings_list_sessions(edge_of(w), array);
}

static void add_link(const struct link *l, void *context) {
	admin_add_node(context, l->peer, "edge", l->remote, "up", NULL);
}

static void list_nodes(struct worker *w, json_t *array) {
	struct edge *e = edge_of(w);
	struct node_worker *n = &e->base;
	admin_add_self(array, w, n->node->relay.id, "edge", config_node(n->node->config)->relay_listen);
	list_each (node, &e->pool.upstreams) {
		struct upstream *u = list_entry(node, struct upstream, node);
		admin_add_node(array, u->peer, "origin", u->address, u->up ? "up" : "down", u->up ? NULL : u->why);
	}
	relay_server_each(&n->relay, add_link, array);
	admin_add_map(array, e->registry);
}

/* An edge is ready when it can reach an origin. */
static void list_missing(struct worker *w, json_t *missing, json_t *warnings) {
	struct edge *e = edge_of(w);
	admin_add_registry(missing, warnings, e->registry);
	list_each (node, &e->pool.upstreams) {
		if (list_entry(node, struct upstream, node)->up)
			return;
	}
	json_array_append_new(missing, json_string("no link to an origin is up"));
}

static const struct admin_providers providers = {
    .stream = describe_stream, .sessions = list_sessions, .nodes = list_nodes, .not_ready = list_missing};

/* --- life --- */

static const struct http_route routes[] = {
    {HTTP_GET_METHOD, "/api/v1/live", heard_list},
    {HTTP_GET_METHOD, "/{app}/{name}.flv", viewer_stream_flv},
    {HTTP_GET_METHOD, "/{app}/{name}.ts", viewer_stream_ts},
    {HTTP_GET_METHOD, "/{app}/{name}/index.m3u8", viewer_http_multivariant},
    {HTTP_GET_METHOD, "/{app}/{name}/manifest.mpd", viewer_http_manifest},
    {HTTP_GET_METHOD, "/{app}/{name}/steering.json", viewer_http_steering},
    {HTTP_GET_METHOD, "/{app}/{name}/{track}/index.m3u8", viewer_http_playlist},
    {HTTP_GET_METHOD, "/{app}/{name}/{track}/{epoch}/{file}", viewer_http_media},
};

static void prepare(struct node *node) {
	node->shared = page_read(node->config);
}

static void dispose(struct node *node) {
	struct assets *page = node->shared;
	assets_free(&page);
	node->shared = NULL;
}

static int start(struct node_worker *n) {
	struct edge *e = (struct edge *)n;
	list_init(&e->stream_viewers);
	packagings_init(&e->packagings);
	heard_init(&e->heard);
	n->rtmp.may_play = n->rtmp.may_publish = true;
	n->relay.wait_for_streams = n->relay.take_publishers = true;
	n->relay.locate_above = locate_above;
	n->relay.greet = heard_greet;
	n->http.owner = e;
	http_server_add(&n->http, routes, sizeof routes / sizeof *routes);
	page_add_routes(&n->http);
	const struct config_node *c = config_node(n->node->config);
	static const struct config_list none;
	const struct config_list *origins = c->registry_backend == CONFIG_BACKEND_STATIC ? &c->registry_origins : &none;
	int err = link_pool_init(&e->pool, n->worker, &n->node->relay, origins, &pool_ops, e);
	struct registry_role callbacks = {
	    .ask = upstream_ask, .changed = upstream_changed, .nodes = on_nodes, .context = e};
	return err ? err : registry_new(&e->registry, n->worker, &n->node->registry, &callbacks);
}

static void stop(struct node_worker *n) {
	struct edge *e = (struct edge *)n;
	packagings_stop(e);
	if (e->registry)
		registry_stop(e->registry);
	if (e->pool.worker)
		link_pool_stop(&e->pool);
}

static void fini(struct node_worker *n) {
	struct edge *e = (struct edge *)n;
	if (e->pool.worker)
		link_pool_fini(&e->pool);
	heard_fini(e);
	registry_free(&e->registry);
}

static void end_viewers(struct node_worker *n, bool at_keyframe) {
	viewer_stream_end_all((struct edge *)n, at_keyframe);
}

static void count_left(struct node_worker *n, struct drain_left *left) {
	const struct edge *e = (struct edge *)n;
	left->of[DRAIN_VIEWERS] += viewer_stream_count(e);
	left->of[DRAIN_PLAYERS] += packagings_players(e);
}

static const struct streams_ops streams = {.wanted = upstream_wanted,
                                           .unwanted = upstream_unwanted,
                                           .ended = upstream_ended,
                                           .told_number = upstream_told_number,
                                           .publish = forward_publish,
                                           .samples = forward_samples,
                                           .unpublish = forward_unpublish};

static const struct node_role role = {.name = "edge",
                                      .role = CONFIG_EDGE,
                                      .relay_role = WEIR__RELAY__ROLE__ROLE_EDGE,
                                      .worker_size = sizeof(struct edge),
                                      .streams = &streams,
                                      .providers = &providers,
                                      .prepare = prepare,
                                      .dispose = dispose,
                                      .start = start,
                                      .end_viewers = end_viewers,
                                      .count_left = count_left,
                                      .stop = stop,
                                      .fini = fini};

int main(int argc, char **argv) {
	return node_main(argc, argv, &role);
}
