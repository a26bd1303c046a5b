/*
 * redis_answer.h: what the scripts of redis_scripts.h answered, and hints, read into plain values. Pure: these bytes
 * come from another machine, and nothing here trusts their shape.
 *
 * Texts are borrowed from the answer.
 */
#pragma once

#include "common/base/bytes.h"
#include "common/registry/registry.h"

#include <hiredis/hiredis.h>

enum { REDIS_ANSWERS_MAX = 65536 };

/* hiredis makes room for as many answers as an array's head states, before one of them has come: with this one it is at
 * most REDIS_ANSWERS_MAX, and what states more is an error of the reader. */
struct redis_answer_limit {
	redisReplyObjectFunctions functions;
	void *(*create_array)(const redisReadTask *, int);
};

/* A reader with that limit, which must outlive it. NULL when memory is out. */
redisReader *redis_answer_reader(struct redis_answer_limit *l);

struct redis_claim_answer {
	bool granted;
	uint64_t epoch;                 /* granted */
	struct registry_state previous; /* granted; epoch 0: nothing was known. wall_us is left to whoever has a clock: */
	int64_t age_us;                 /* granted: since the previous owner was heard */
	const char *refusal;            /* refused */
	bool fight;                     /* refused: from now on the holder stays for a while */
	bool passed;                    /* refused: it has not the epoch that was asked for */
};

/* 0, or UV_EPROTO: an error, or not the claim's answer. */
int redis_answer_claim(struct redis_claim_answer *out, const redisReply *reply);

struct redis_progress_answer {
	bool lost;
	uint64_t newer;     /* lost: the map's epoch, */
	const char *holder; /* and whose it is; "" when it does not say */
};

/* 0 or UV_EPROTO. */
int redis_answer_progress(struct redis_progress_answer *out, const redisReply *reply);

/* 0 or UV_EPROTO. */
int redis_answer_finish(enum registry_run *out, const redisReply *reply);

/* HMGET of epoch, address and replicas. A name that is not there is found = false. 0 or UV_EPROTO. */
int redis_answer_location(struct registry_location *out, const redisReply *reply);

/* The nodes that are whole, at most `most` of them, into `out`. How many, or UV_EPROTO. */
int redis_answer_nodes(struct registry_node *out, size_t most, const redisReply *reply);

/* How many nodes an answer may name: room for redis_answer_nodes. */
size_t redis_answer_nodes_count(const redisReply *reply);

enum { REDIS_PLACE_SIZE = 300 };

/* SENTINEL get-master-addr-by-name → an address as a user writes it. 0; UV_ENOENT: it knows no such master; UV_EPROTO.
 */
int redis_answer_master(char out[REDIS_PLACE_SIZE], const redisReply *reply);

/* +switch-master's "NAME OLD-HOST OLD-PORT NEW-HOST NEW-PORT" → the new address. 0; UV_ENOENT: another master's;
 * UV_EPROTO. */
int redis_switch_read(char out[REDIS_PLACE_SIZE], struct slice payload, const char *name);

struct redis_hint {
	enum { REDIS_HINT_STREAM = 1, REDIS_HINT_NODE } kind;
	struct stream_name name; /* of a stream, with its */
	uint64_t epoch;          /* 0: gone */
	char origin[160];        /* of a stream; or the node itself */
};

/* 0 or UV_EPROTO. */
int redis_hint_read(struct redis_hint *out, struct slice payload);

/* Is it an error with that code, such as "READONLY"? Also where a script met it: Redis 7 passes it on as it is, Redis 6
 * has it inside of a text of its own. */
bool redis_answer_has_code(const redisReply *reply, const char *code);

/* Is it the error of a script that may not do what it does? It has no code of its own. */
bool redis_answer_not_allowed(const redisReply *reply);

/* Why an answer was not taken, for the log. */
const char *redis_answer_trouble(const redisReply *reply);
