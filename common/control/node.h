/*
 * node.h: a node's life, which both roles share: command line, configuration, log, limits, workers, drain, end; and
 * what every worker of a node has: servers for RTMP, HTTP and the relay with their listeners.
 */
#pragma once

#include "common/base/config.h"
#include "common/control/admin.h"
#include "common/control/drain_worker.h"
#include "common/http/server.h"
#include "common/loop/listener.h"
#include "common/loop/tls.h"
#include "common/registry/registry.h"
#include "common/relay/serve.h"
#include "common/rtmp/session.h"

/* What a node's workers share; constant while they run, but for what says otherwise. */
struct node {
	const struct node_role *role;
	struct config *config;
	struct tls *tls; /* NULL: no HTTPS */
	struct relay_node relay;
	struct registry_shared registry;
	struct drain drain;
	struct workers *workers;
	uint64_t open_files; /* the process may have */
	void *shared;        /* the role's own, made before its workers start */
};

/* What each worker has; roles embed it first in theirs. */
struct node_worker {
	struct admin admin; /* first: admin_of_worker */
	struct node *node;
	struct worker *worker;
	struct rtmp_server rtmp;
	struct http_server http;
	struct relay_server relay;
	struct drain_worker drain;
	struct listener rtmp_listener, rtmps_listener, http_listener, https_listener, relay_listener;
};

struct node_role {
	const char *name; /* "origin" */
	enum config_role role;
	Weir__Relay__Role relay_role;
	size_t worker_size; /* of the role's struct that begins with node_worker */
	const struct streams_ops *streams;
	const struct admin_providers *providers;
	/* For --check as well: reads the files that the configuration names into node->shared. 0, or a code, with what is
	 * wrong in `why`, a line each. May be NULL. */
	int (*read)(struct node *node, struct buffer *why);
	/* Before workers start and after they have ended: makes and frees node->shared, constant between. May be NULL. */
	void (*prepare)(struct node *node);
	void (*dispose)(struct node *node);
	/* On each worker, after its servers are made and before it listens: sets what the servers may do, adds routes,
	 * opens registry and links. 0 or a libuv code. */
	int (*start)(struct node_worker *w);
	/* The node drains (drain_worker.h): closes the role's own viewers, at their next keyframe or at once; adds to what
	 * is left. May be NULL. */
	void (*end_viewers)(struct node_worker *w, bool at_keyframe);
	void (*count_left)(struct node_worker *w, struct drain_left *left);
	/* Before streams and servers are stopped, and after all is gone. */
	void (*stop)(struct node_worker *w);
	void (*fini)(struct node_worker *w);
};

/* The whole program. Returns its exit status. */
int node_main(int argc, char **argv, const struct node_role *role);

/* The worker's node_worker. */
struct node_worker *node_worker_of(struct worker *w);
