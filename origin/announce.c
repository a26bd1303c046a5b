#include "origin/announce.h"

#include "common/base/logger.h"

#include <stdlib.h>

struct announce {
	struct message message;
	struct stream_name name;
	uint64_t epoch;
	uint64_t link; /* 0: all */
};

static void deliver_announce(struct worker *w, struct message *message) {
	struct announce *a = (struct announce *)message;
	relay_announce(&node_worker_of(w)->relay, a->link, &a->name, a->epoch);
	free(a);
}

static void post_announce(struct worker *to, uint64_t link, const struct stream_name *name, uint64_t epoch) {
	struct announce *a = malloc(sizeof *a);
	if (!a) {
		log_error("a claim could not be announced: out of memory", log_str("stream", name->text));
		return;
	}
	*a = (struct announce){.message.deliver = deliver_announce, .name = *name, .epoch = epoch, .link = link};
	worker_post(to, &a->message);
}

void origin_announce(struct origin *o, const struct stream_name *name, uint64_t epoch) {
	struct workers *group = o->base.worker->group;
	for (unsigned i = 0; i < workers_count(group); i++)
		post_announce(workers_at(group, i), 0, name, epoch);
}

/* --- who comes later --- */

/* To each worker: what do you have? It answers to the link's worker. */
struct greeting {
	struct message message;
	struct worker *worker;
	uint64_t link;
	bool origin; /* it is another origin's */
};

static void announce_stream(struct stream *s, void *context) {
	const struct greeting *g = context;
	if (s->replica && g->origin)
		return; /* who announces a stream to them owns it, and is taken over from when it dies */
	if (s->phase != STREAM_PENDING && stream_tellable(s))
		post_announce(g->worker, g->link, &s->name, stream_told_epoch(s));
}

static void deliver_greeting(struct worker *w, struct message *message) {
	streams_each(w, announce_stream, message);
	free(message);
}

void origin_greet(struct relay_server *server, struct link *l) {
	struct workers *group = server->worker->group;
	for (unsigned i = 0; i < workers_count(group); i++) {
		struct greeting *g = malloc(sizeof *g);
		if (!g) {
			log_error("a new link is not told of all streams: out of memory", log_str("peer", l->peer));
			return;
		}
		*g = (struct greeting){.message.deliver = deliver_greeting,
		                       .worker = server->worker,
		                       .link = l->id,
		                       .origin = l->peer_role == WEIR__RELAY__ROLE__ROLE_ORIGIN};
		worker_post(workers_at(group, i), &g->message);
	}
}
