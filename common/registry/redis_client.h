/*
 * redis_client.h: one connection to a Redis server or a Sentinel, kept up: hiredis reads and writes its protocol, our
 * own conn and timers do the rest. On one worker.
 *
 *   phase     | what happens                                         | leaves by
 *   DOWN      | waits, with a jittered backoff                        | the timer
 *   FINDING   | asks where the server is                              | redis_client_found: OPENING or DOWN
 *   OPENING   | connects, logs in, loads the scripts and tries one,  | the last answer: UP; trouble: DOWN
 *             | or subscribes                                        |
 *   UP        | takes commands; a ping goes when nothing else does   | an answer that does not come, an error: DOWN
 *   STOPPED   | for ever                                             |
 *
 * An answer that does not come within the time-out ends the connection: what was sent may yet be carried out. So does
 * an error that says that this server, or this login, is of no use now.
 */
#pragma once

#include "common/base/list.h"
#include "common/loop/conn.h"
#include "common/registry/redis_answer.h"

#include <hiredis/hiredis.h>
#include <stdatomic.h>

enum { REDIS_SCRIPTS_MAX = 8, REDIS_ARGUMENTS_MAX = 72, REDIS_SHA_SIZE = 41 };

/* A command's answer; NULL: the connection was lost before it came. Errors come as REDIS_REPLY_ERROR. */
typedef void (*redis_reply_fn)(void *context, const redisReply *reply);

struct redis_client;

struct redis_client_ops {
	void (*on_up)(void *context);
	void (*on_down)(void *context); /* lost, or an attempt failed; after every command was answered with NULL */
	/* Of a subscriber. */
	void (*on_message)(void *context, struct slice payload);
	/* Where is the server? Calls redis_client_found once, within the call or later. */
	void (*find)(void *context, struct redis_client *c);
	/* The server is none that we can ever use, and it is so from the start: `why` says what to do. May be NULL. */
	void (*on_unusable)(void *context, const char *why);
};

/* Borrowed for the client's life. */
struct redis_client_options {
	const char *user, *password, *user_key, *password_key; /* "": none; and the keys that they come from */
	int64_t db;
	uint64_t timeout_ms;
	const char *const *scripts; /* loaded before it is up; NULL-terminated; NULL: none */
	/* The last script is run on that key, with that channel, before it is up; NULL: none is. */
	const char *trial_key, *trial_channel;
	const char *channel; /* a subscriber's; NULL: it takes commands */
	/* It keeps the map: it must be a master and no Redis Cluster, and what happens to it is logged and counted. How
	 * many of a node's clients, which share this, cannot use it. NULL: it is a Sentinel. */
	_Atomic int *away;
};

struct redis_client {
	struct conn conn;
	struct worker *worker;
	struct redis_client_options options;
	const struct redis_client_ops *ops;
	void *context;
	char place[REDIS_PLACE_SIZE]; /* where it was tried last */
	enum { REDIS_DOWN, REDIS_FINDING, REDIS_OPENING, REDIS_UP, REDIS_STOPPED } phase;
	bool ever, tried; /* it was up once; it was up once, or an attempt failed */
	bool told, failing;
	int seen_away; /* what options.away was when it was looked at last */
	redisReader *reader;
	struct redis_answer_limit limit;
	struct list calls; /* that wait for an answer, oldest first */
	struct timer retry, tick;
	uint64_t backoff_ms, sent_ms;
	char sha[REDIS_SCRIPTS_MAX][REDIS_SHA_SIZE];
	char why[200]; /* it is not up */
};

/* Begins to look for the server and to connect. `context` is for the ops. 0 or a libuv code. */
int redis_client_init(struct redis_client *c, struct worker *w, const struct redis_client_options *options,
                      const struct redis_client_ops *ops, void *context);

/* The answer to ops.find: an address as a user writes it; NULL: it is not known, for `why`. */
void redis_client_found(struct redis_client *c, const char *address, const char *why);

/* What is open is given up for `why`; it is tried again as after any loss. */
void redis_client_drop(struct redis_client *c, const char *why);

/* Another connection has just reached the server: this one, if it waits to be tried again, is tried at once. Nothing
 * before redis_client_init. */
void redis_client_hurry(struct redis_client *c);

/* The server is elsewhere now: what is open is given up for `why`, and it is looked for at once. */
void redis_client_move(struct redis_client *c, const char *why);

/* Stops for good: what was sent still goes out; its answers are NULL, at once. Its memory may go once the worker's
 * holds are released. */
void redis_client_stop(struct redis_client *c);

static inline bool redis_client_up(const struct redis_client *c) {
	return c->phase == REDIS_UP && !c->failing;
}

/* Sends a command of `count` texts. 0; UV_ENOTCONN: not up; UV_ENOMEM: not sent either. */
int redis_send(struct redis_client *c, size_t count, const char *const *arguments, redis_reply_fn fn, void *context);

/* Runs script `index` on one key. */
int redis_run(struct redis_client *c, unsigned index, const char *key, size_t count, const char *const *arguments,
              redis_reply_fn fn, void *context);

/* Answers to that context are dropped. */
void redis_forget(struct redis_client *c, void *context);
