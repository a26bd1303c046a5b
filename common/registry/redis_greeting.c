#include "common/registry/redis_greeting.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

static bool is_error(const redisReply *reply) {
	return reply->type == REDIS_REPLY_ERROR;
}

/* --- the login --- */

static void on_logged_in(void *context, const redisReply *reply) {
	struct redis_client *c = context;
	char why[sizeof c->why];
	if (!reply || !is_error(reply))
		return;
	snprintf(why, sizeof why, "%s%s%s refused: %s", *c->options.user ? c->options.user_key : "",
	         *c->options.user ? " with " : "", c->options.password_key, reply->str);
	redis_fail(c, why);
}

static int log_in(struct redis_client *c) {
	const struct redis_client_options *o = &c->options;
	const char *both[] = {"AUTH", o->user, o->password}, *password[] = {"AUTH", o->password};
	if (!*o->password)
		return 0;
	return redis_call(c, *o->user ? 3 : 2, *o->user ? both : password, on_logged_in, c);
}

/* --- the right server --- */

/* ROLE is the first command that needs a login. */
static void on_role(void *context, const redisReply *reply) {
	struct redis_client *c = context;
	char why[sizeof c->why];
	if (!reply)
		return;
	if (is_error(reply)) {
		redis_fail(c, reply->str);
		return;
	}
	bool known = reply->type == REDIS_REPLY_ARRAY && reply->elements && reply->element[0]->type == REDIS_REPLY_STRING;
	const char *role = known ? reply->element[0]->str : "none";
	if (strcmp(role, "master") == 0)
		return;
	snprintf(why, sizeof why, "it is no master (its role is %.20s)%s", role,
	         strcmp(role, "sentinel") == 0 ? ": Sentinels belong into registry.sentinels" : "");
	redis_fail(c, why);
}

static void on_cluster(void *context, const redisReply *reply) {
	static const char why[] =
	    "it is a Redis Cluster, which is not supported: use a single server, or one with Sentinels";
	struct redis_client *c = context;
	if (!reply)
		return;
	if (is_error(reply)) {
		redis_fail(c, reply->str);
		return;
	}
	if (reply->type != REDIS_REPLY_STRING || !strstr(reply->str, "cluster_enabled:1"))
		return;
	redis_fail(c, why);
	if (!c->ever && c->ops->on_unusable)
		c->ops->on_unusable(c->context, why);
}

static int check_server(struct redis_client *c) {
	int err = redis_call(c, 1, (const char *[]){"ROLE"}, on_role, c);
	return err ? err : redis_call(c, 2, (const char *[]){"INFO", "cluster"}, on_cluster, c);
}

/* --- what is needed there --- */

static void on_done(void *context, const redisReply *reply) {
	if (reply && is_error(reply))
		redis_fail(context, reply->str);
}

/* The scripts' answers come in their order. */
static void on_loaded(void *context, const redisReply *reply) {
	struct redis_client *c = context;
	if (!reply)
		return;
	if (reply->type != REDIS_REPLY_STRING || reply->len != REDIS_SHA_SIZE - 1) {
		redis_fail(c, is_error(reply) ? reply->str : "a script was not loaded");
		return;
	}
	unsigned i = 0;
	while (i < REDIS_SCRIPTS_MAX - 1 && *c->sha[i])
		i++;
	memcpy(c->sha[i], reply->str, REDIS_SHA_SIZE);
}

static int load_scripts(struct redis_client *c) {
	const char *const *scripts = c->options.scripts;
	int err = 0;
	memset(c->sha, 0, sizeof c->sha);
	for (size_t i = 0; !err && scripts && scripts[i]; i++)
		err = redis_call(c, 3, (const char *[]){"SCRIPT", "LOAD", scripts[i]}, on_loaded, c);
	return err;
}

int redis_try(struct redis_client *c, redis_reply_fn fn) {
	size_t last = 0;
	while (c->options.scripts[last + 1])
		last++;
	return redis_call(
	    c, 5, (const char *[]){"EVALSHA", c->sha[last], "1", c->options.trial_key, c->options.trial_channel}, fn, c);
}

static void on_last(void *context, const redisReply *reply) {
	if (!reply)
		return;
	if (is_error(reply))
		redis_fail(context, reply->str);
	else
		redis_greeted(context);
}

/* Now the scripts' names are known. */
static void on_ready_to_try(void *context, const redisReply *reply) {
	struct redis_client *c = context;
	if (!reply || is_error(reply) || c->failing) {
		on_done(c, reply);
		return;
	}
	int err = redis_try(c, on_last);
	if (err)
		redis_fail(c, uv_strerror(err));
}

int redis_greet(struct redis_client *c) {
	const struct redis_client_options *o = &c->options;
	char db[24];
	snprintf(db, sizeof db, "%lld", (long long)o->db);
	int err = log_in(c);
	if (!err && o->away)
		err = check_server(c);
	if (!err && o->db)
		err = redis_call(c, 2, (const char *[]){"SELECT", db}, on_done, c);
	if (!err)
		err = load_scripts(c);
	if (err)
		return err;
	return o->channel ? redis_call(c, 2, (const char *[]){"SUBSCRIBE", o->channel}, on_last, c)
	                  : redis_call(c, 1, (const char *[]){"PING"}, o->trial_key ? on_ready_to_try : on_last, c);
}
