#include "origin/messages.h"

#include "common/base/logger.h"
#include "origin/ingest.h"
#include "origin/replica.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct note {
	struct message message;
	struct stream_name name;
	uint64_t epoch;
	bool yes;
	char node[RELAY_NODE_SIZE]; /* who says it */
	char why[RELAY_WHY_SIZE];
};

/* Whoever owns the name here hears of a newer claim first. */
static void deliver_replicate(struct worker *home, struct message *message) {
	struct note *n = (struct note *)message;
	struct origin *o = origin_of(home);
	if (n->yes)
		ingest_newer(home, &n->name, n->epoch, n->node);
	if (ingest_owns(home, &n->name)) {
		log_warn("an origin wants a replica of an epoch that is over", log_str("stream", n->name.text),
		         log_u64("epoch", n->epoch), log_str("origin", n->node)); /* it is told of the newer by our links */
	} else if (n->yes) {
		replica_hold(o, &n->name, n->epoch, n->node);
	} else {
		replica_drop(o, &n->name, n->epoch, n->node);
	}
	free(n);
}

static void deliver_replicated(struct worker *home, struct message *message) {
	struct note *n = (struct note *)message;
	ingest_replicated(home, &n->name, n->node, n->epoch, n->yes, n->why);
	free(n);
}

static int post(struct relay_server *server, const struct link *l, const char *stream, const struct note *note) {
	struct note *n = malloc(sizeof *n);
	if (!n)
		return UV_ENOMEM;
	*n = *note;
	if (stream_name_parse(&n->name, stream, strlen(stream))) {
		free(n);
		return UV_EPROTO;
	}
	snprintf(n->node, sizeof n->node, "%s", l->peer);
	worker_post(stream_home(server->worker, &n->name), &n->message);
	return 0;
}

int origin_on_message(struct relay_server *server, struct link *l, const struct relay_message *m) {
	const Weir__Relay__Header *h = m->header;
	struct note n = {0};
	if (l->peer_role != WEIR__RELAY__ROLE__ROLE_ORIGIN)
		return 0; /* not for others to say */
	switch (h->body_case) {
	case WEIR__RELAY__HEADER__BODY_REPLICATE:
		n.message.deliver = deliver_replicate;
		n.epoch = h->replicate->epoch;
		n.yes = h->replicate->hold;
		return post(server, l, h->replicate->stream, &n);
	case WEIR__RELAY__HEADER__BODY_REPLICATED:
		n.message.deliver = deliver_replicated;
		n.epoch = h->replicated->epoch;
		n.yes = h->replicated->held;
		snprintf(n.why, sizeof n.why, "%s", h->replicated->why);
		return post(server, l, h->replicated->stream, &n);
	default:
		return 0;
	}
}
