/*
 * registry_redis_nodes.c: the nodes in Redis: this one says each second that it is there and how busy it is, and the
 * list of all is read now and then, and when somebody hints that it has changed.
 */
#include "common/registry/node_list.h"
#include "common/registry/redis_answer.h"
#include "common/registry/redis_scripts.h"
#include "common/registry/registry_redis.h"

#include "common/base/logger.h"
#include "common/base/metrics.h"
#include "common/base/random.h"
#include "common/loop/limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum {
	NODE_EVERY_MS = 1000,
	NODES_MAX = 4096,
	/* When the list is read: so often, but where there are many nodes less often, so that what Redis does for all of
	 * them grows with their number and not with its square. */
	NODES_EVERY_MS = 5000,
	EVERY_PER_NODE_MS = 50,
	/* And soon after a hint; many that hear it do not ask all at once. */
	NODES_SOON_MS = 20,
	SOON_PER_NODE_MS = 2,
	/* Redis that was away may be empty: before this time not all nodes have said again that they are there. */
	NODES_SETTLE_MS = 2000,
};

static bool is_announcer(const struct registry_redis *s) {
	return s->base.worker->index == 0;
}

/* --- this node --- */

/* Where others reach `listen`: what the user says, else what it listens on, else the address it reaches Redis by. */
static void find_address(struct registry_redis *s, const char *advertise, const char *listen, char *out) {
	bool any = strncmp(listen, "0.0.0.0:", 8) == 0 || strncmp(listen, "[::]:", 5) == 0;
	if (*advertise || !any) {
		snprintf(out, NODE_ADDRESS_SIZE, "%s", *advertise ? advertise : listen);
		return;
	}
	struct sockaddr_storage local = {0};
	int size = sizeof local;
	char host[ADDRESS_TEXT_MAX];
	uv_tcp_getsockname(&s->commands.conn.tcp, (struct sockaddr *)&local, &size);
	address_print((struct sockaddr *)&local, host, sizeof host);
	char *port = strrchr(host, ':');
	if (port)
		*port = '\0';
	snprintf(out, NODE_ADDRESS_SIZE, "%s%s", port ? host : "127.0.0.1", strrchr(listen, ':'));
}

static unsigned busy_permille(struct workers *group) {
	double sum = 0;
	for (unsigned i = 0; i < workers_count(group); i++)
		sum += metric_share(M_WORKER_BUSY, i);
	return (unsigned)(1000 * sum / workers_count(group));
}

static struct registry_load load_now(struct registry_redis *s) {
	struct worker *w = s->base.worker;
	int64_t sent = metric_value(M_SOCKET_SENT);
	uint64_t now = worker_now_ms(w), passed = now - s->sent_ms;
	struct registry_load load = {.busy_permille = busy_permille(w->group)};
	if (s->sent_ms && passed)
		load.sent_bits = (uint64_t)(sent - s->sent_bytes) * 8 * 1000 / passed;
	s->sent_bytes = sent;
	s->sent_ms = now;
	return load;
}

/* Others do not find this node while it is so: told once. */
static void on_announced(void *context, const redisReply *reply) {
	struct registry_redis *s = context;
	bool refused = reply && reply->type == REDIS_REPLY_ERROR;
	if (refused && !s->refused)
		log_error("redis does not take that this node is there", log_str("reason", reply->str));
	if (reply)
		s->refused = refused;
}

void redis_nodes_announce(struct registry *r) {
	struct registry_redis *s = redis_of(r);
	const struct registry_shared *shared = r->shared;
	const struct config_node *c = redis_config_of(s);
	struct registry_load load = load_now(s);
	char key[256], ttl[8], capacity[NUMBER_SIZE], busy[NUMBER_SIZE], sent[NUMBER_SIZE];
	snprintf(key, sizeof key, "%s%s", s->node_prefix, shared->node);
	snprintf(ttl, sizeof ttl, "%d", NODE_TTL_S);
	snprintf(capacity, sizeof capacity, "%" PRIu64, limits_connections(r->worker));
	snprintf(busy, sizeof busy, "%u", load.busy_permille);
	snprintf(sent, sizeof sent, "%" PRIu64, load.sent_bits);
	const char *arguments[] = {shared->node, s->incarnation, ttl, s->channel, s->nodes_key,
	                           /* field by field */
	                           "role", shared->role, "address", s->address, "http", s->http_address, "region",
	                           c->node_region, "zone", c->node_zone, "version", WEIR_VERSION, "state",
	                           atomic_load(&shared->draining) ? "draining" : "up", "capacity", capacity, "busy", busy,
	                           "sent_bits", sent};
	redis_run(&s->commands, SCRIPT_NODE, key, sizeof arguments / sizeof *arguments, arguments, on_announced, s);
	if (timer_start(&s->announce, NODE_EVERY_MS))
		log_error("the node is not announced in redis any more: out of memory");
}

static void on_announce(struct timer *t) {
	redis_nodes_announce(&list_entry(t, struct registry_redis, announce)->base);
}

/* --- all nodes --- */

static void on_nodes_answer(void *context, const redisReply *reply) {
	struct registry_redis *s = context;
	s->reading_nodes = false;
	size_t most = reply ? redis_answer_nodes_count(reply) : 0;
	if (s->base.stopped || !reply || most > NODES_MAX)
		return;
	struct registry_node *nodes = calloc(most + 1, sizeof *nodes);
	int count = nodes ? redis_answer_nodes(nodes, most, reply) : UV_ENOMEM;
	struct node_list *list = count >= 0 ? node_list_copy(nodes, (size_t)count) : NULL;
	if (list)
		node_list_share(&s->base, list);
	node_list_unref(&list);
	free(nodes); /* without memory, or an answer: the next reading tells */
}

static size_t nodes_known(const struct registry_redis *s) {
	return s->base.nodes ? s->base.nodes->count : 0;
}

static void read_nodes_in(struct registry_redis *s, uint64_t ms) {
	if (timer_start(&s->nodes, ms))
		log_error("nodes are not read from redis any more: out of memory");
}

static void on_read_nodes(struct timer *t) {
	struct registry_redis *s = list_entry(t, struct registry_redis, nodes);
	const char *arguments[] = {s->node_prefix};
	uint64_t every = nodes_known(s) * EVERY_PER_NODE_MS;
	s->nodes_soon = false;
	if (!s->reading_nodes)
		s->reading_nodes = redis_run(&s->commands, SCRIPT_NODES, s->nodes_key, 1, arguments, on_nodes_answer, s) == 0;
	every = every > NODES_EVERY_MS ? every : NODES_EVERY_MS;
	read_nodes_in(s, every - random_below(every / 4));
}

void redis_nodes_hint(struct registry_redis *s) {
	uint64_t now = worker_now_ms(s->base.worker),
	         ms = NODES_SOON_MS + random_below(1 + nodes_known(s) * SOON_PER_NODE_MS);
	if (!is_announcer(s) || s->nodes_soon)
		return;
	s->nodes_soon = true;
	if (now + ms < s->settled_ms)
		ms = s->settled_ms - now;
	read_nodes_in(s, ms);
}

/* --- life --- */

void redis_nodes_init(struct registry_redis *s, struct worker *w) {
	snprintf(s->nodes_key, sizeof s->nodes_key, "%snodes", s->prefix);
	snprintf(s->node_prefix, sizeof s->node_prefix, "%snode:", s->prefix);
	timer_init(&s->announce, w, on_announce);
	timer_init(&s->nodes, w, on_read_nodes);
}

void redis_nodes_up(struct registry_redis *s) {
	const struct config_node *c = redis_config_of(s);
	find_address(s, c->relay_advertise, c->relay_listen, s->address);
	find_address(s, c->http_advertise, c->http_listen, s->http_address);
	if (!is_announcer(s))
		return;
	if (s->base.nodes)
		s->settled_ms = worker_now_ms(s->base.worker) + NODES_SETTLE_MS;
	redis_nodes_announce(&s->base);
	redis_nodes_hint(s);
}

void redis_nodes_down(struct registry_redis *s) {
	s->reading_nodes = false;
	timer_stop(&s->announce);
	timer_stop(&s->nodes);
	s->nodes_soon = false;
}

static void leave(struct registry_redis *s) {
	char key[256];
	snprintf(key, sizeof key, "%s%s", s->node_prefix, s->base.shared->node);
	const char *arguments[] = {s->base.shared->node, s->incarnation, s->channel, s->nodes_key};
	redis_run(&s->commands, SCRIPT_LEAVE, key, 4, arguments, NULL, NULL);
}

void redis_nodes_stop(struct registry_redis *s) {
	timer_stop(&s->announce);
	timer_stop(&s->nodes);
	if (is_announcer(s))
		leave(s);
}
