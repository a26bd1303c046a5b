/*
 * admin.h: what a node tells of itself over HTTP: /healthz, /readyz, /metrics and /api/v1 (docs/openapi.yaml).
 */
#pragma once

#include "common/control/drain.h"
#include "common/control/listing.h"
#include "common/http/server.h"
#include "common/registry/registry.h"
#include "common/relay/link.h"
#include "common/rtmp/session.h"
#include "common/stream/stream.h"

#include <jansson.h>

/* What a role adds; functions run on the worker that they are given. Each appends JSON objects to `array`. */
struct admin_providers {
	/* One of this worker's streams, as `object` with what admin.c knows: adds the role's own (publisher, upstream,
	 * warnings). May be NULL. */
	void (*stream)(struct stream *s, json_t *object);
	/* This worker's RTMP and HTTP viewers and publishers. */
	void (*sessions)(struct worker *w, json_t *array);
	/* Nodes that this worker is linked to: {id, role, address, state}. */
	void (*nodes)(struct worker *w, json_t *array);
	/* What is missing for the node to be ready, and what is not as it should be, as texts; asked on each worker. */
	void (*not_ready)(struct worker *w, json_t *missing, json_t *warnings);
};

struct admin {
	struct http_server *server;
	const struct relay_node *self;
	const struct admin_providers *providers;
	const struct drain *drain; /* the node's */
	struct listing streams, sessions, nodes;
};

/* Adds the routes to the worker's server. */
void admin_init(struct admin *a, struct http_server *server, const struct relay_node *self,
                const struct admin_providers *providers, const struct drain *drain);

/* The worker's admin: `worker->node` begins with one (node.h). */
struct admin *admin_of_worker(struct worker *w);

/* An answer of JSON, never cached; takes the reference (NULL: out of memory). */
void admin_respond(struct http_exchange *x, int status, json_t *o);

/* An RTMP session as the API tells it, for the roles' `sessions`. `context` is the array. */
void admin_add_rtmp_session(const struct rtmp_session_info *info, void *context);

/* For `not_ready`: a map that was never reached is missing; one that is away just now is a warning. */
void admin_add_registry(json_t *missing, json_t *warnings, const struct registry *r);

/* This node, with how busy each of its workers is. */
void admin_add_self(json_t *array, const struct worker *w, const char *id, const char *role, const char *address);

/* What the map says, added to the nodes in `array` that it lists; and those of its nodes that are not there yet. From
 * the roles' `nodes`, last. */
void admin_add_map(json_t *array, const struct registry *r);

/* A node as the API tells it. */
void admin_add_node(json_t *array, const char *id, const char *role, const char *address, const char *state,
                    const char *why);
