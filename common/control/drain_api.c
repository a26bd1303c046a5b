#include "common/control/drain_api.h"
#include "common/control/authority.h"
#include "common/control/node.h"

#include <jansson.h>
#include <stdlib.h>

enum { SECONDS_MAX = 86400 };

static struct node *node_of(const struct http_exchange *x) {
	return node_worker_of(x->worker)->node;
}

static void respond(struct http_exchange *x, int status) {
	const struct drain *d = &node_of(x)->drain;
	json_t *o = json_pack("{s:s}", "state", drain_is_on(d) ? "draining" : "serving");
	if (drain_is_on(d)) {
		struct drain_left left = drain_sum_left(d, workers_count(x->worker->group));
		json_object_set_new(o, "elapsed_ms", json_integer((json_int_t)drain_elapsed_ms(d)));
		json_object_set_new(o, "remaining_ms", json_integer((json_int_t)drain_remaining_ms(d)));
		json_object_set_new(o, "left",
		                    json_pack("{s:I, s:I, s:I, s:I}", "publishers", (json_int_t)left.of[DRAIN_PUBLISHERS],
		                              "viewers", (json_int_t)left.of[DRAIN_VIEWERS], "players",
		                              (json_int_t)left.of[DRAIN_PLAYERS], "subscriptions",
		                              (json_int_t)left.of[DRAIN_SUBSCRIPTIONS]));
	}
	admin_respond(x, status, o);
}

static void on_get(struct http_exchange *x) {
	respond(x, 200);
}

/* {"seconds": N}, or nothing: what is configured. False: answered. */
static bool read_limit(struct http_exchange *x, uint64_t *limit_ms) {
	*limit_ms = (uint64_t)config_node(node_of(x)->config)->node_drain;
	if (!x->body.size)
		return true;
	json_t *o = json_loadb((const char *)x->body.data, x->body.size, JSON_REJECT_DUPLICATES, NULL);
	const json_t *seconds = json_object_get(o, "seconds");
	bool known = json_is_object(o) && json_object_size(o) == (seconds ? 1 : 0);
	double value = seconds ? json_number_value(seconds) : 0;
	bool right = known && (!seconds || (json_is_number(seconds) && value >= 0 && value <= SECONDS_MAX));
	if (right && seconds)
		*limit_ms = (uint64_t)(value * 1000);
	json_decref(o);
	if (!right)
		http_respond_error(x, 400, "bad_drain", "the body is empty or {\"seconds\": N}, N from 0 to 86400");
	return right;
}

static void on_post(struct http_exchange *x) {
	uint64_t limit_ms;
	if (!authority_check(x) || !read_limit(x, &limit_ms))
		return;
	drain_begin(&node_of(x)->drain, x->worker->group, limit_ms);
	respond(x, 202);
}

static const struct http_route routes[] = {
    {HTTP_GET_METHOD, "/api/v1/drain", on_get},
    {HTTP_POST_METHOD, "/api/v1/drain", on_post},
};

void drain_api_init(struct http_server *server) {
	http_server_add(server, routes, sizeof routes / sizeof *routes);
}
