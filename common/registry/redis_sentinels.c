#include "common/registry/redis_sentinels.h"

#include "common/base/random.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

static const char channel[] = "+switch-master";

static const char *current(const struct redis_sentinels *s) {
	return s->config->registry_sentinels.items[s->at];
}

/* --- who waits --- */

static void tell_waiting(struct redis_sentinels *s, const char *address, const char *why) {
	struct redis_client *waiting[REDIS_SENTINELS_CLIENTS];
	size_t count = s->waiting_count;
	memcpy(waiting, s->waiting, sizeof waiting);
	s->waiting_count = 0; /* who is told of trouble may ask again */
	for (size_t i = 0; i < count; i++)
		redis_client_found(waiting[i], address, why);
}

static void tell_trouble(struct redis_sentinels *s, const char *sentinel, const char *what) {
	char why[REDIS_PLACE_SIZE + 250];
	snprintf(why, sizeof why, "the Sentinel at %s: %s", sentinel, what);
	tell_waiting(s, NULL, why);
}

static void try_another(struct redis_sentinels *s) {
	static const char why[] = "another Sentinel is tried";
	s->at = (s->at + 1) % s->config->registry_sentinels.count;
	s->useless = false;
	redis_client_drop(&s->watch, why);
	redis_client_drop(&s->ask, why);
}

/* `c` is down: the other goes with it. It may be down because of that one, which has moved on already. */
static void lost(struct redis_sentinels *s, const struct redis_client *c) {
	char place[REDIS_PLACE_SIZE];
	snprintf(place, sizeof place, "%s", c->place);
	if (strcmp(place, current(s)) == 0)
		try_another(s);
	tell_trouble(s, place, c->why);
}

/* --- asking --- */

static void note_master(struct redis_sentinels *s, const char *address) {
	char before[REDIS_PLACE_SIZE];
	memcpy(before, s->master, sizeof before);
	snprintf(s->master, sizeof s->master, "%s", address);
	if (*before && strcmp(before, s->master) != 0)
		s->on_switch(s->context, s->master);
}

static void on_master(void *context, const redisReply *reply) {
	struct redis_sentinels *s = context;
	char why[200], address[REDIS_PLACE_SIZE];
	s->asking = false;
	if (!reply)
		return; /* the connection is lost, which tells all */
	int err = redis_answer_master(address, reply);
	if (!err) {
		note_master(s, address);
		tell_waiting(s, address, NULL);
		return;
	}
	if (err == UV_ENOENT)
		snprintf(why, sizeof why, "it knows no master named %.100s (registry.sentinel_master)",
		         s->config->registry_sentinel_master);
	else
		snprintf(why, sizeof why, "%.180s", redis_answer_trouble(reply));
	s->useless = true;
	tell_trouble(s, current(s), why);
}

static void ask_now(struct redis_sentinels *s) {
	const char *question[] = {"SENTINEL", "get-master-addr-by-name", s->config->registry_sentinel_master};
	if (!s->asking)
		s->asking = redis_send(&s->ask, 3, question, on_master, s) == 0;
}

/* What was said before a switch that nobody heard of may be old: it is asked again whenever the connection is new. */
static void on_ask_up(void *context) {
	ask_now(context);
}

static void on_ask_down(void *context) {
	struct redis_sentinels *s = context;
	s->asking = false;
	if (redis_client_up(&s->watch)) /* else it is down because of that one */
		lost(s, &s->ask);
}

static void find_ask(void *context, struct redis_client *c) {
	struct redis_sentinels *s = context;
	s->ask_waits = !redis_client_up(&s->watch);
	if (!s->ask_waits)
		redis_client_found(c, current(s), NULL);
}

/* --- the subscription --- */

static void on_watch_up(void *context) {
	struct redis_sentinels *s = context;
	if (s->ask_waits)
		redis_client_found(&s->ask, current(s), NULL);
	s->ask_waits = false;
}

static void on_watch_down(void *context) {
	struct redis_sentinels *s = context;
	lost(s, &s->watch);
}

static void find_watch(void *context, struct redis_client *c) {
	redis_client_found(c, current(context), NULL);
}

static void on_message(void *context, struct slice payload) {
	struct redis_sentinels *s = context;
	char address[REDIS_PLACE_SIZE];
	if (redis_switch_read(address, payload, s->config->registry_sentinel_master) == 0)
		note_master(s, address);
}

/* --- life --- */

static const struct redis_client_ops ask_ops = {.on_up = on_ask_up, .on_down = on_ask_down, .find = find_ask};
static const struct redis_client_ops watch_ops = {
    .on_up = on_watch_up, .on_down = on_watch_down, .on_message = on_message, .find = find_watch};

void redis_sentinels_find(struct redis_sentinels *s, struct redis_client *c) {
	for (size_t i = 0; i < s->waiting_count; i++)
		if (s->waiting[i] == c)
			return;
	s->waiting[s->waiting_count++] = c;
	if (s->useless)
		try_another(s);
	else if (redis_client_up(&s->ask))
		ask_now(s);
}

int redis_sentinels_init(struct redis_sentinels *s, struct worker *w, const struct config_node *config,
                         void (*on_switch)(void *context, const char *master), void *context) {
	struct redis_client_options options = {.user = config->registry_sentinel_user,
	                                       .password = config->registry_sentinel_password,
	                                       .user_key = "registry.sentinel_user",
	                                       .password_key = "registry.sentinel_password",
	                                       .timeout_ms = (uint64_t)config->registry_timeout};
	*s = (struct redis_sentinels){.config = config, .on_switch = on_switch, .context = context};
	s->at = random_below(config->registry_sentinels.count); /* nodes spread over them */
	int err = redis_client_init(&s->ask, w, &options, &ask_ops, s);
	options.channel = channel;
	return err ? err : redis_client_init(&s->watch, w, &options, &watch_ops, s);
}

void redis_sentinels_stop(struct redis_sentinels *s) {
	redis_client_stop(&s->watch);
	redis_client_stop(&s->ask);
}
