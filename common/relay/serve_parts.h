/*
 * serve_parts.h: the parts of the serving side. Internal: serve.c (links, dispatch), serve_subscribe.c,
 * serve_publish.c, serve_ask.c (Locate and Fetch, which are answered by the stream's home).
 */
#pragma once

#include "common/relay/convert.h"
#include "common/relay/serve.h"
#include "common/stream/mirror.h"
#include "common/stream/publisher.h"
#include "common/stream/stream.h"

#include "common/base/hash.h"

enum {
	SERVE_SUBSCRIPTIONS_MAX = 100000,
	SERVE_PUBLISHERS_MAX = 100000,
	SERVE_FETCHES_MAX = 10000, /* that wait for their turn */
	FETCH_BYTES = 1024 * 1024
};

/* What a link is served; link->serve. */
struct serve {
	struct link *link;
	struct relay_server *server;
	struct subscription *subscriptions; /* hash by id */
	struct upload *uploads;             /* hash by id */
	size_t full_uploads;                /* whose homes do not keep up: nothing is read while there are any */
	struct list fetches;                /* that wait: one answer at a time, while the link has room */
	size_t fetches_count;
	bool fetching; /* an answer is being made */
};

void serve_refuse(struct serve *s, uint64_t id, Weir__Relay__Reason reason, const char *why);

void serve_subscribe(struct serve *s, const Weir__Relay__Subscribe *m);
void serve_unsubscribe(struct serve *s, uint64_t id);
void serve_subscriptions_writable(struct serve *s);
void serve_subscriptions_end(struct serve *s);
size_t serve_subscriptions_count(const struct serve *s);

void serve_publish(struct serve *s, const Weir__Relay__Publish *m);
int serve_sample(struct serve *s, const struct relay_message *m);
void serve_unpublish(struct serve *s, uint64_t id);
/* The node drains: each is told to go elsewhere. */
void serve_uploads_stop(struct serve *s);
void serve_uploads_end(struct serve *s);
size_t serve_uploads_count(const struct serve *s);

/* Says Drain to one link. */
void serve_drain(struct relay_server *s, struct link *l);

/* The answer comes later; the link is found again by its id. */
void serve_locate(struct serve *s, const Weir__Relay__Locate *m);
void serve_fetch(struct serve *s, const Weir__Relay__Fetch *m);

/* The link has room: the Fetch that waits longest goes to its home. */
void serve_fetches_writable(struct serve *s);
void serve_fetches_end(struct serve *s);

/* Tells the stream's home what number the puller has. */
void serve_tell_number(struct serve *s, const struct stream_name *name, uint64_t epoch, uint64_t number);

/* The link of that id on this worker, or NULL: it has gone meanwhile. */
struct link *relay_server_link(struct relay_server *s, uint64_t id);
