/*
 * redis_greeting.h: what is said first on a connection to Redis: who we are, is it the server that we want, which
 * scripts; for redis_client.c alone.
 */
#pragma once

#include "common/registry/redis_client.h"

/* Sends it all in one go; redis_greeted follows with the last answer, unless redis_fail came first. 0 or a libuv code.
 */
int redis_greet(struct redis_client *c);

/* Runs the trial: `fn` hears whether all that the scripts do is allowed, and taken. 0 or a libuv code. */
int redis_try(struct redis_client *c, redis_reply_fn fn);

/* The connection can be used. */
void redis_greeted(struct redis_client *c);

/* Sends a command whatever the phase. 0 or a libuv code. */
int redis_call(struct redis_client *c, size_t count, const char *const *arguments, redis_reply_fn fn, void *context);

/* The connection is of no use: it is closed, and tried again later. The first reason counts. */
void redis_fail(struct redis_client *c, const char *why);
