#include "common/registry/redis_greeting.h"

#include "common/base/logger.h"
#include "common/base/metrics.h"
#include "common/base/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum {
	FIRST_BACKOFF_MS = 50,
	BACKOFF_MAX_MS = 500,
	TICK_MS = 250,
	PING_AFTER_MS = 1000,
	LAST_WORDS_MS = 200,
	ANSWER_MAX = 64 << 20
};

/* A command that waits for its answer. */
struct call {
	struct list node;
	redis_reply_fn fn; /* NULL: forgotten */
	void *context;
	uint64_t sent_ms;
};

static struct redis_client *client_of(struct conn *conn) {
	return list_entry(conn, struct redis_client, conn);
}

static const char *what(const struct redis_client *c) {
	return c->options.channel ? "subscription" : "commands";
}

static bool keeps_map(const struct redis_client *c) {
	return c->options.away;
}

/* --- down --- */

static void answer_all_lost(struct redis_client *c) {
	struct list lost;
	list_init(&lost);
	list_splice(&lost, &c->calls);
	while (!list_empty(&lost)) {
		struct call *call = list_entry(lost.next, struct call, node);
		list_remove(&call->node);
		if (call->fn)
			call->fn(call->context, NULL);
		free(call);
	}
}

void redis_fail(struct redis_client *c, const char *why) {
	if (c->failing || c->phase == REDIS_STOPPED)
		return;
	c->failing = true;
	snprintf(c->why, sizeof c->why, "%s", why);
	conn_close(&c->conn);
}

static void retry_in(struct redis_client *c, uint64_t ms) {
	if (timer_start(&c->retry, ms))
		log_error("redis is given up: out of memory", log_str("redis", c->place));
}

/* Half to all of the backoff, which doubles. */
static void retry_later(struct redis_client *c) {
	uint64_t delay = c->backoff_ms;
	c->backoff_ms = 2 * delay < BACKOFF_MAX_MS ? 2 * delay : BACKOFF_MAX_MS;
	retry_in(c, delay / 2 + random_below(delay / 2 + 1));
}

/* Told once for all of a node's connections. */
static void tell_away(struct redis_client *c) {
	if (keeps_map(c) && !c->told && atomic_fetch_add(c->options.away, 1) == 0)
		log_warn("redis cannot be used; it is tried again, and what runs goes on",
		         log_str("redis", *c->place ? c->place : NULL), log_str("connection", what(c)),
		         log_str("reason", c->why));
	c->told = true;
}

static void went_down(struct redis_client *c) {
	bool was_up = c->phase == REDIS_UP;
	if (c->phase == REDIS_STOPPED)
		return;
	c->phase = REDIS_DOWN;
	c->failing = false;
	if (was_up && keeps_map(c))
		metric_dec(M_REGISTRY_UP);
	tell_away(c);
	retry_later(c);
	c->tried = true;
	answer_all_lost(c);
	c->ops->on_down(c->context);
}

static void on_closed(struct conn *conn) {
	struct redis_client *c = client_of(conn);
	timer_stop(&c->tick);
	if (c->reader)
		redisReaderFree(c->reader);
	c->reader = NULL;
	went_down(c);
}

static void on_end(struct conn *conn, int error) {
	redis_fail(client_of(conn), error == UV_EOF ? "the server closed the connection" : uv_strerror(error));
}

/* --- sending --- */

static int transmit(struct redis_client *c, size_t count, const char *const *arguments) {
	char *text = NULL;
	int size = redisFormatCommandArgv(&text, (int)count, (const char **)arguments, NULL);
	if (size < 0)
		return UV_ENOMEM;
	struct bytes *b = bytes_copy(text, (size_t)size);
	free(text);
	if (!b)
		return UV_ENOMEM;
	int err = conn_send(&c->conn, b);
	if (err)
		redis_fail(c, uv_strerror(err));
	return err;
}

int redis_call(struct redis_client *c, size_t count, const char *const *arguments, redis_reply_fn fn, void *context) {
	struct call *k = calloc(1, sizeof *k);
	int err = k ? transmit(c, count, arguments) : UV_ENOMEM;
	if (err) {
		free(k);
		return err;
	}
	*k = (struct call){.fn = fn, .context = context, .sent_ms = worker_now_ms(c->worker)};
	c->sent_ms = k->sent_ms;
	list_append(&c->calls, &k->node);
	metric_inc(M_REGISTRY_COMMANDS);
	return 0;
}

int redis_send(struct redis_client *c, size_t count, const char *const *arguments, redis_reply_fn fn, void *context) {
	return redis_client_up(c) ? redis_call(c, count, arguments, fn, context) : UV_ENOTCONN;
}

int redis_run(struct redis_client *c, unsigned index, const char *key, size_t count, const char *const *arguments,
              redis_reply_fn fn, void *context) {
	const char *all[REDIS_ARGUMENTS_MAX + 4] = {"EVALSHA", c->sha[index], "1", key};
	if (count > REDIS_ARGUMENTS_MAX)
		return UV_E2BIG;
	memcpy(all + 4, arguments, count * sizeof *arguments);
	return redis_send(c, count + 4, all, fn, context);
}

void redis_forget(struct redis_client *c, void *context) {
	list_each (node, &c->calls) {
		struct call *k = list_entry(node, struct call, node);
		if (k->context == context)
			k->fn = NULL;
	}
}

/* --- answers --- */

/* Errors that say that this server, or this login, is not the one to talk to now. One that reads but does not write
 * (too few replicas, a disk or a memory that is full) forgets what it is not told, and would soon say of what lives
 * that it is not there. */
static bool is_fatal(const redisReply *reply) {
	static const char *const codes[] = {"NOSCRIPT", "READONLY", "NOREPLICAS", "MISCONF", "OOM",
	                                    "NOAUTH",   "LOADING",  "MASTERDOWN", "MOVED",   "NOPERM"};
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (redis_answer_has_code(reply, codes[i]))
			return true;
	return redis_answer_not_allowed(reply);
}

static bool is_text(const redisReply *reply, const char *text) {
	return reply->type == REDIS_REPLY_STRING && strcmp(reply->str, text) == 0;
}

/* What a subscriber is sent without asking. */
static bool is_message(const redisReply *reply) {
	return reply->type == REDIS_REPLY_ARRAY && reply->elements == 3 && is_text(reply->element[0], "message") &&
	       reply->element[2]->type == REDIS_REPLY_STRING;
}

/* What it means for the user, where Redis does not say which key it is about. */
static void fail_by_answer(struct redis_client *c, const redisReply *reply) {
	bool allowed = !redis_answer_has_code(reply, "NOPERM") && !redis_answer_not_allowed(reply);
	const char *key = redis_answer_has_code(reply, "NOAUTH") ? c->options.password_key
	                  : allowed                              ? NULL
	                                                         : c->options.user_key;
	char why[sizeof c->why];
	snprintf(why, sizeof why, "%s%s%s", key ? key : "", key ? ": " : "", reply->str);
	redis_fail(c, why);
}

static void take_answer(struct redis_client *c, const redisReply *reply) {
	if (c->options.channel && is_message(reply)) {
		const redisReply *payload = reply->element[2];
		c->ops->on_message(c->context, (struct slice){(const uint8_t *)payload->str, payload->len});
		return;
	}
	if (list_empty(&c->calls)) {
		redis_fail(c, "an answer without a question");
		return;
	}
	bool fatal = is_fatal(reply);
	if (reply->type == REDIS_REPLY_ERROR)
		metric_inc(M_REGISTRY_ERRORS);
	else if (c->phase == REDIS_UP)
		c->backoff_ms = FIRST_BACKOFF_MS;
	if (fatal)
		fail_by_answer(c, reply);
	struct call *k = list_entry(c->calls.next, struct call, node);
	list_remove(&k->node);
	if (k->fn)
		k->fn(k->context, fatal ? NULL : reply);
	free(k);
}

static void on_read(struct conn *conn, const uint8_t *data, size_t size) {
	struct redis_client *c = client_of(conn);
	if (redisReaderFeed(c->reader, (const char *)data, size) != REDIS_OK || c->reader->len > ANSWER_MAX) {
		redis_fail(c, "an answer is too large");
		return;
	}
	while (!c->failing && c->phase != REDIS_STOPPED) {
		void *reply = NULL;
		if (redisReaderGetReply(c->reader, &reply) != REDIS_OK) {
			redis_fail(c, *c->reader->errstr ? c->reader->errstr : "an answer that is none of Redis's");
			return;
		}
		if (!reply)
			return;
		take_answer(c, reply);
		freeReplyObject(reply);
	}
}

/* --- opening --- */

void redis_greeted(struct redis_client *c) {
	if (c->failing)
		return;
	c->phase = REDIS_UP;
	if (keeps_map(c) && c->told && atomic_fetch_sub(c->options.away, 1) == 1)
		log_info("redis can be used again", log_str("redis", c->place));
	c->ever = c->tried = true;
	c->told = false;
	if (keeps_map(c))
		metric_inc(M_REGISTRY_UP);
	c->ops->on_up(c->context);
}

static void on_pong(void *context, const redisReply *reply) {
	if (reply && reply->type == REDIS_REPLY_ERROR)
		redis_fail(context, reply->str);
}

/* What one connection was refused, one that only reads does not notice: when another one of the node's cannot use Redis
 * any more, this one tries whether it still can. */
static void doubt(struct redis_client *c) {
	int away = c->options.trial_key ? atomic_load(c->options.away) : 0;
	if (away > c->seen_away && c->phase == REDIS_UP)
		redis_try(c, on_pong);
	c->seen_away = away;
}

static void on_tick(struct timer *t) {
	struct redis_client *c = list_entry(t, struct redis_client, tick);
	uint64_t now = worker_now_ms(c->worker);
	if (!list_empty(&c->calls)) {
		struct call *oldest = list_entry(c->calls.next, struct call, node);
		if (now - oldest->sent_ms >= c->options.timeout_ms) {
			redis_fail(c, "no answer in time");
			return;
		}
	} else if (now - c->sent_ms >= PING_AFTER_MS) {
		redis_call(c, 1, (const char *[]){"PING"}, on_pong, c);
	}
	doubt(c);
	if (!c->failing && timer_start(&c->tick, TICK_MS))
		redis_fail(c, "out of memory");
}

static void on_connect(struct conn *conn, int error) {
	struct redis_client *c = client_of(conn);
	if (!error)
		error = redis_greet(c);
	if (!error)
		error = timer_start(&c->tick, TICK_MS);
	if (error)
		redis_fail(c, uv_strerror(error));
}

static const struct conn_ops conn_ops = {
    .on_read = on_read, .on_end = on_end, .on_closed = on_closed, .on_connect = on_connect};

static int connect_to(struct redis_client *c, const char *address) {
	struct address to;
	int err = address_parse(&to, address);
	if (err)
		return err;
	c->reader = redis_answer_reader(&c->limit);
	err = c->reader ? conn_connect(&c->conn, c->worker, &to, c->options.timeout_ms, &conn_ops) : UV_ENOMEM;
	if (err && c->reader) {
		redisReaderFree(c->reader);
		c->reader = NULL;
	}
	return err;
}

void redis_client_found(struct redis_client *c, const char *address, const char *why) {
	if (c->phase != REDIS_FINDING)
		return;
	snprintf(c->place, sizeof c->place, "%s", address ? address : "");
	int err = address ? connect_to(c, address) : 0;
	if (address && !err) {
		c->phase = REDIS_OPENING;
		return;
	}
	snprintf(c->why, sizeof c->why, "%s", err ? uv_strerror(err) : why);
	went_down(c);
}

static void on_retry(struct timer *t) {
	struct redis_client *c = list_entry(t, struct redis_client, retry);
	c->phase = REDIS_FINDING;
	c->ops->find(c->context, c);
}

void redis_client_drop(struct redis_client *c, const char *why) {
	if (c->phase == REDIS_OPENING || c->phase == REDIS_UP)
		redis_fail(c, why);
}

void redis_client_hurry(struct redis_client *c) {
	if (c->worker && c->phase == REDIS_DOWN)
		retry_in(c, 0);
}

void redis_client_move(struct redis_client *c, const char *why) {
	c->backoff_ms = FIRST_BACKOFF_MS;
	if (c->phase == REDIS_DOWN)
		retry_later(c);
	redis_client_drop(c, why);
}

/* --- life --- */

int redis_client_init(struct redis_client *c, struct worker *w, const struct redis_client_options *options,
                      const struct redis_client_ops *ops, void *context) {
	*c = (struct redis_client){
	    .worker = w, .options = *options, .ops = ops, .context = context, .backoff_ms = FIRST_BACKOFF_MS};
	snprintf(c->why, sizeof c->why, "not tried yet");
	list_init(&c->calls);
	timer_init(&c->retry, w, on_retry);
	timer_init(&c->tick, w, on_tick);
	return timer_start(&c->retry, 0);
}

void redis_client_stop(struct redis_client *c) {
	bool was_up = c->phase == REDIS_UP, open = was_up || c->phase == REDIS_OPENING;
	if (c->phase == REDIS_STOPPED || !c->worker)
		return;
	if (was_up && keeps_map(c))
		metric_dec(M_REGISTRY_UP);
	c->phase = REDIS_STOPPED;
	timer_stop(&c->retry);
	timer_stop(&c->tick);
	if (was_up && !c->failing)
		conn_close_after_send(&c->conn, LAST_WORDS_MS);
	else if (open && !c->failing)
		conn_close(&c->conn);
	answer_all_lost(c);
}
