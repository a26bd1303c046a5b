/*
 * registry_redis_nodes.c: this node in Redis: it says each second that it is there and how busy it is.
 */
#include "common/registry/redis_scripts.h"
#include "common/registry/registry_redis.h"

#include "common/base/logger.h"
#include "common/base/metrics.h"
#include "common/loop/limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { NODE_EVERY_MS = 1000 };

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
	if (!reply)
		return;
	bool refused = reply->type == REDIS_REPLY_ERROR, younger = reply->type == REDIS_REPLY_STRING;
	if (refused && !s->refused)
		log_error("redis does not take that this node is there", log_str("reason", reply->str));
	if (younger && !s->younger)
		log_error("another process has this node's node.id: the map has that one, and not this",
		          log_str("node", s->base.shared->node));
	s->refused = refused;
	s->younger = younger;
	s->announced = s->announced || !(refused || younger);
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
	const char *arguments[] = {shared->node, s->incarnation, ttl, s->channel, s->nodes_key, s->announced ? "again" : "",
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

/* --- life --- */

void redis_nodes_init(struct registry_redis *s, struct worker *w) {
	snprintf(s->node_prefix, sizeof s->node_prefix, "%snode:", s->prefix);
	timer_init(&s->announce, w, on_announce);
	redis_list_init(s, w);
}

void redis_nodes_up(struct registry_redis *s) {
	const struct config_node *c = redis_config_of(s);
	find_address(s, c->relay_advertise, c->relay_listen, s->address);
	find_address(s, c->http_advertise, c->http_listen, s->http_address);
	if (!is_announcer(s))
		return;
	redis_nodes_announce(&s->base);
	redis_list_up(s);
}

void redis_nodes_down(struct registry_redis *s) {
	s->younger = false;
	timer_stop(&s->announce);
	redis_list_down(s);
}

static void leave(struct registry_redis *s) {
	char key[256];
	snprintf(key, sizeof key, "%s%s", s->node_prefix, s->base.shared->node);
	const char *arguments[] = {s->base.shared->node, s->incarnation, s->channel, s->nodes_key};
	redis_run(&s->commands, SCRIPT_LEAVE, key, 4, arguments, NULL, NULL);
}

void redis_nodes_stop(struct registry_redis *s) {
	timer_stop(&s->announce);
	redis_list_down(s);
	if (is_announcer(s))
		leave(s);
}
