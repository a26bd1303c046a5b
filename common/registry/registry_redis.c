/*
 * registry_redis.c: the map in Redis. What it says comes by redis_scripts.h; while it is away, claims are decided and
 * epochs given by what this node knows, the linked nodes are asked where a stream is, and when it is back it is told
 * all that this node holds.
 */
#include "common/registry/registry_redis.h"
#include "common/registry/redis_answer.h"
#include "common/registry/redis_scripts.h"

#include "common/base/clock.h"
#include "common/base/logger.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum {
	STREAM_TTL_S = 60,
	KEY_SIZE = STREAM_NAME_SIZE + 80,
};

static void stream_key(const struct registry_redis *s, const struct stream_name *name, char out[KEY_SIZE]) {
	snprintf(out, KEY_SIZE, "%sstream:%s", s->prefix, name->text);
}

/* "198.51.100.7:5000" → "198.51.100.7": the port of a publisher says nothing. */
static void host_of(const char *address, char out[PUBLISHER_SIZE]) {
	snprintf(out, PUBLISHER_SIZE, "%s", address);
	char *colon = strrchr(out, ':');
	if (colon)
		*colon = '\0';
}

static void complain(const char *what, const struct stream_name *name, const redisReply *reply) {
	log_error(what, log_str("stream", name->text), log_str("reason", redis_answer_trouble(reply)));
}

/* --- a name that is not ours any more --- */

void redis_lose(struct registry *r, struct record *k, uint64_t newer, const char *holder) {
	struct stream_name name = k->name;
	uint64_t epoch = k->state.epoch;
	registry_note_epoch(r->shared, newer);
	record_free(r, k);
	log_warn("another origin has the stream", log_str("stream", name.text), log_u64("epoch", epoch),
	         log_u64("newer", newer), log_str("origin", holder));
	if (r->role.lost)
		r->role.lost(r->role.context, &name, epoch, holder);
}

/* --- progress --- */

/* An answer finds its record by name: it may be gone by then. */
struct told {
	struct registry *registry;
	struct stream_name name;
	uint64_t epoch, sent_ms;
};

static void on_progress_answer(void *context, const redisReply *reply) {
	struct told *t = context;
	struct redis_progress_answer answer;
	struct record *k = record_find(t->registry, &t->name);
	if (reply && redis_answer_progress(&answer, reply))
		complain("redis did not take a stream's progress", &t->name, reply);
	else if (reply && answer.lost && k && k->state.epoch == t->epoch)
		redis_lose(t->registry, k, answer.newer, answer.holder);
	redis_tell_answered(redis_of(t->registry), reply, t->sent_ms);
	free(t);
}

static void print_numbers(char out[][NUMBER_SIZE], const struct registry_state *s) {
	snprintf(out[0], NUMBER_SIZE, "%" PRIu64, s->run);
	snprintf(out[1], NUMBER_SIZE, "%" PRIu64, s->number);
	snprintf(out[2], NUMBER_SIZE, "%" PRId64, s->wall_us);
	snprintf(out[3], NUMBER_SIZE, "%" PRId64, s->highest_us);
	snprintf(out[4], NUMBER_SIZE, "%" PRId64, s->base_us);
	snprintf(out[5], NUMBER_SIZE, "%" PRIu32, s->discontinuity);
	snprintf(out[6], NUMBER_SIZE, "%" PRIu32, s->target_ms);
	snprintf(out[7], NUMBER_SIZE, "%" PRIu32, s->track);
}

static const char *state_text(bool live, bool filled) {
	return live ? "live" : filled ? "filled" : "waiting";
}

static void on_progress(struct registry *r, struct record *k) {
	struct registry_redis *s = redis_of(r);
	struct told *t = redis_client_up(&s->commands) ? malloc(sizeof *t) : NULL;
	if (!t)
		return; /* it is told when Redis is back, or with the next mark */
	*t = (struct told){r, k->name, k->state.epoch, worker_now_ms(r->worker)};
	char key[KEY_SIZE], epoch[NUMBER_SIZE], ttl[NUMBER_SIZE], host[PUBLISHER_SIZE], n[8][NUMBER_SIZE];
	stream_key(s, &k->name, key);
	snprintf(epoch, sizeof epoch, "%" PRIu64, k->state.epoch);
	snprintf(ttl, sizeof ttl, "%d", STREAM_TTL_S);
	host_of(k->publisher, host);
	print_numbers(n, &k->state);
	const char *arguments[] = {r->shared->node, s->incarnation, s->address, epoch, ttl, s->channel, k->name.text,
	                           /* field by field */
	                           "state", state_text(k->live, k->state.filled), "publisher", host, "credential",
	                           k->credential, "run", n[0], "number", n[1], "wall_us", n[2], "highest_us", n[3],
	                           "base_us", n[4], "discontinuity", n[5], "target_ms", n[6], "track", n[7], "replicas",
	                           k->replicas ? k->replicas : ""};
	size_t count = sizeof arguments / sizeof *arguments;
	if (redis_run(&s->commands, SCRIPT_PROGRESS, key, count, arguments, on_progress_answer, t))
		free(t);
	else
		redis_told(s, k);
}

static void on_release(struct registry *r, struct record *k) {
	struct registry_redis *s = redis_of(r);
	char key[KEY_SIZE], epoch[NUMBER_SIZE];
	stream_key(s, &k->name, key);
	snprintf(epoch, sizeof epoch, "%" PRIu64, k->state.epoch);
	const char *arguments[] = {r->shared->node, s->incarnation, epoch, s->channel, k->name.text};
	redis_run(&s->commands, SCRIPT_RELEASE, key, 5, arguments, NULL, NULL); /* lost: its TTL releases it */
}

/* --- of a copy --- */

static void on_finish_answer(void *context, const redisReply *reply) {
	struct told *t = context;
	struct registry *r = t->registry;
	enum registry_run run = REGISTRY_RUN_OVER;
	if (reply && redis_answer_finish(&run, reply))
		complain("redis did not say whether a run is over", &t->name, reply);
	if (!r->stopped && r->role.finished)
		r->role.finished(r->role.context, &t->name, t->epoch, run);
	free(t);
}

static void on_finish(struct registry *r, const struct stream_name *name, uint64_t epoch) {
	struct registry_redis *s = redis_of(r);
	struct told *t = malloc(sizeof *t);
	char key[KEY_SIZE], text[NUMBER_SIZE];
	stream_key(s, name, key);
	snprintf(text, sizeof text, "%" PRIu64, epoch);
	const char *arguments[] = {r->shared->node, s->incarnation, text, s->channel, name->text, s->node_prefix};
	if (t)
		*t = (struct told){r, *name, epoch, 0};
	if (t && redis_run(&s->commands, SCRIPT_FINISH, key, 6, arguments, on_finish_answer, t) == 0)
		return;
	free(t);
	if (r->role.finished)
		r->role.finished(r->role.context, name, epoch, REGISTRY_RUN_OVER);
}

static void on_keep(struct registry *r, const struct stream_name *name) {
	struct registry_redis *s = redis_of(r);
	char key[KEY_SIZE], ttl[NUMBER_SIZE];
	stream_key(s, name, key);
	snprintf(ttl, sizeof ttl, "%d", STREAM_TTL_S);
	const char *arguments[] = {"EXPIRE", key, ttl};
	redis_send(&s->commands, 3, arguments, NULL, NULL); /* lost: it is kept again in a while */
}

/* --- claims --- */

static void on_claim_answer(void *context, const redisReply *reply) {
	struct claiming *c = context;
	struct registry *r = c->registry;
	struct redis_claim_answer answer;
	if (r->stopped)
		return;
	int err = reply ? redis_answer_claim(&answer, reply) : UV_ENOTCONN;
	if (err) {
		if (reply)
			complain("redis did not answer a claim", &c->name, reply);
		claim_by_peers(r, c);
	} else if (answer.granted) {
		answer.previous.wall_us = clock_wall_us() - answer.age_us;
		claim_answer(c, answer.epoch, &answer.previous, NULL);
	} else {
		if (answer.fight)
			claim_fought_over(c);
		c->answer.passed = answer.passed;
		claim_answer(c, 0, NULL, answer.refusal);
	}
}

static void on_claim(struct registry *r, struct claiming *c) {
	struct registry_redis *s = redis_of(r);
	if (!s->commands.tried) { /* the node has just started: what Redis knows of the name is worth the moment */
		c->kept = true;
		return;
	}
	char key[KEY_SIZE], byte[8], floor[NUMBER_SIZE], ttl[8], host[PUBLISHER_SIZE], stall[NUMBER_SIZE],
	    silent[NUMBER_SIZE], slack[NUMBER_SIZE], gone_epoch[NUMBER_SIZE], gone_ms[NUMBER_SIZE], node_ttl[8];
	const struct config_app *app = config_app(r->shared->config, c->name.text, stream_name_app_size(&c->name));
	stream_key(s, &c->name, key);
	host_of(c->publisher, host);
	snprintf(byte, sizeof byte, "%u", (unsigned)(name_hash(r->shared->node, strlen(r->shared->node)) & 0xff));
	snprintf(floor, sizeof floor, "%" PRIu64, (uint64_t)atomic_load(&r->shared->highest_epoch));
	snprintf(ttl, sizeof ttl, "%d", STREAM_TTL_S);
	snprintf(stall, sizeof stall, "%" PRId64, c->stall_ms);
	snprintf(silent, sizeof silent, "%" PRId64, c->silent_ms);
	snprintf(slack, sizeof slack, "%" PRId64, 2 * (int64_t)app->package_segment);
	snprintf(gone_epoch, sizeof gone_epoch, "%" PRIu64, c->gone_epoch);
	snprintf(node_ttl, sizeof node_ttl, "%d", NODE_TTL_S);
	snprintf(gone_ms, sizeof gone_ms, "%" PRId64, c->gone_ms);
	const char *arguments[] = {r->shared->node,
	                           s->incarnation,
	                           s->address,
	                           byte,
	                           floor,
	                           ttl,
	                           s->channel,
	                           c->name.text,
	                           host,
	                           c->credential,
	                           c->policy == TAKEOVER_REJECT ? "reject" : "takeover",
	                           stall,
	                           silent,
	                           slack,
	                           s->node_prefix,
	                           state_text(!c->waiting, c->waiting),
	                           gone_epoch,
	                           gone_ms,
	                           node_ttl};
	size_t count = sizeof arguments / sizeof *arguments;
	if (redis_run(&s->commands, SCRIPT_CLAIM, key, count, arguments, on_claim_answer, c))
		claim_by_peers(r, c);
}

static void claim_kept(struct registry *r) {
	list_each (node, &r->claims) {
		struct claiming *c = list_entry(node, struct claiming, node);
		if (c->kept) {
			c->kept = false;
			on_claim(r, c);
		}
	}
}

/* --- locate --- */

static void on_locate_answer(void *context, const redisReply *reply) {
	struct search *search = context;
	struct registry *r = search->registry;
	struct registry_location location;
	if (r->stopped)
		return;
	bool told = reply && redis_answer_location(&location, reply) == 0;
	bool settled = worker_now_ms(r->worker) - redis_of(r)->up_ms >= REDIS_SETTLE_MS;
	if (told && (location.found || settled))
		search_answer(search, &location);
	else
		search_peers(search);
}

static void on_locate(struct registry *r, struct search *search) {
	struct registry_redis *s = redis_of(r);
	char key[KEY_SIZE];
	stream_key(s, &search->name, key);
	const char *arguments[] = {"HMGET", key, "epoch", "address", "replicas"};
	if (redis_send(&s->commands, 5, arguments, on_locate_answer, search))
		search_peers(search);
}

/* --- up and down --- */

static void on_up(void *context) {
	struct registry_redis *s = context;
	s->up_ms = worker_now_ms(s->base.worker);
	redis_client_hurry(&s->hints);
	redis_nodes_up(s);
	redis_tell_all(s);
	claim_kept(&s->base);
}

static void on_down(void *context) {
	struct registry_redis *s = context;
	redis_nodes_down(s);
	claim_kept(&s->base);
}

/* --- where it is --- */

void redis_find(void *context, struct redis_client *c) {
	struct registry_redis *s = context;
	if (redis_config_of(s)->registry_sentinels.count)
		redis_sentinels_find(&s->sentinels, c);
	else
		redis_client_found(c, redis_config_of(s)->registry_redis, NULL);
}

static void on_switch(void *context, const char *master) {
	struct registry_redis *s = context;
	static const char why[] = "another server is the master now";
	if (s->base.worker->index == 0)
		log_info("redis: another server is the master now", log_str("redis", master));
	redis_client_move(&s->commands, why);
	if (s->base.worker->index == 0)
		redis_client_move(&s->hints, why);
}

static void on_unusable(void *context, const char *why) {
	struct registry_shared *shared = ((struct registry_redis *)context)->base.shared;
	if (atomic_exchange(&shared->unusable_told, true))
		return;
	log_error("the registry cannot be used", log_str("redis", ((struct registry_redis *)context)->commands.place),
	          log_str("reason", why));
	if (shared->unusable)
		shared->unusable(shared);
}

static const struct redis_client_ops commands_ops = {
    .on_up = on_up, .on_down = on_down, .find = redis_find, .on_unusable = on_unusable};

static bool is_up(const struct registry *r, const char **why, bool *ever) {
	const struct registry_redis *s = (const struct registry_redis *)r;
	*why = s->commands.why;
	*ever = s->commands.ever;
	return redis_client_up(&s->commands);
}

static const char *warning(const struct registry *r) {
	return ((const struct registry_redis *)r)->younger
	           ? "another process has this node's node.id, and the map has that one"
	           : NULL;
}

/* --- life --- */

int registry_redis_start(struct registry *r) {
	struct registry_redis *s = redis_of(r);
	const struct config_node *c = redis_config_of(s);
	struct redis_client_options options = {.user = c->registry_redis_user,
	                                       .password = c->registry_redis_password,
	                                       .user_key = "registry.redis_user",
	                                       .password_key = "registry.redis_password",
	                                       .db = c->registry_redis_db,
	                                       .timeout_ms = (uint64_t)c->registry_timeout,
	                                       .scripts = redis_scripts,
	                                       .trial_key = s->trial_key,
	                                       .trial_channel = s->channel,
	                                       .away = &r->shared->redis_away};
	int err = c->registry_sentinels.count ? redis_sentinels_init(&s->sentinels, r->worker, c, on_switch, s) : 0;
	if (!err)
		err = redis_client_init(&s->commands, r->worker, &options, &commands_ops, s);
	options.scripts = NULL;
	options.trial_key = NULL;
	options.channel = s->channel;
	if (!err && r->worker->index == 0)
		err = redis_client_init(&s->hints, r->worker, &options, &redis_hints_ops, s);
	if (!err)
		err = redis_tell_start(s);
	return err;
}

static void on_stop(struct registry *r) {
	struct registry_redis *s = redis_of(r);
	struct record *k, *next;
	redis_tell_stop(s);
	/* What is published here waits for its encoder elsewhere: the run goes on there. */
	HASH_ITER(hh, r->records, k, next) {
		k->live = false;
		on_progress(r, k);
	}
	redis_nodes_stop(s);
	redis_client_stop(&s->commands);
	redis_client_stop(&s->hints);
	redis_sentinels_stop(&s->sentinels);
}

static void on_free(struct registry *r) {
	free(redis_of(r));
}

static const struct registry_backend backend = {.claim = on_claim,
                                                .progress = on_progress,
                                                .release = on_release,
                                                .finish = on_finish,
                                                .keep = on_keep,
                                                .locate = on_locate,
                                                .announce = redis_nodes_announce,
                                                .up = is_up,
                                                .warning = warning,
                                                .stop = on_stop,
                                                .free = on_free};

int registry_redis_new(struct registry **out, struct worker *w, struct registry_shared *shared) {
	struct registry_redis *s = calloc(1, sizeof *s);
	if (!s)
		return UV_ENOMEM;
	const struct config_node *c = config_node(shared->config);
	s->base.backend = &backend;
	snprintf(s->prefix, sizeof s->prefix, "%s", c->registry_redis_prefix);
	snprintf(s->trial_key, sizeof s->trial_key, "%strial", s->prefix);
	/* A channel is the server's, not a database's: other databases hold other clusters. */
	if (c->registry_redis_db)
		snprintf(s->channel, sizeof s->channel, "%schanges:%" PRId64, s->prefix, c->registry_redis_db);
	else
		snprintf(s->channel, sizeof s->channel, "%schanges", s->prefix);
	snprintf(s->incarnation, sizeof s->incarnation, "%" PRIu64, shared->incarnation);
	redis_nodes_init(s, w);
	redis_tell_init(s, w);
	*out = &s->base;
	return 0;
}
