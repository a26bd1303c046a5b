#include "common/registry/redis_answer.h"

#include "common/loop/address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { HINT_MAX = STREAM_NAME_SIZE + 256, NODE_FIELDS = 12 };

/* --- the reader --- */

static void *create_array(const redisReadTask *task, int count) {
	const struct redis_answer_limit *l = task->privdata;
	return count <= REDIS_ANSWERS_MAX ? l->create_array(task, count) : NULL;
}

redisReader *redis_answer_reader(struct redis_answer_limit *l) {
	redisReader *r = redisReaderCreate();
	if (!r)
		return NULL;
	l->functions = *r->fn;
	l->create_array = r->fn->createArray;
	l->functions.createArray = create_array;
	r->fn = &l->functions;
	r->privdata = l;
	return r;
}

/* --- answers --- */

static const char *text_at(const redisReply *reply, size_t index) {
	if (reply->type != REDIS_REPLY_ARRAY || index >= reply->elements)
		return NULL;
	const redisReply *e = reply->element[index];
	return e->type == REDIS_REPLY_STRING ? e->str : NULL;
}

static uint64_t number_at(const redisReply *reply, size_t index) {
	const char *text = text_at(reply, index);
	return text ? strtoull(text, NULL, 10) : 0;
}

static int64_t signed_at(const redisReply *reply, size_t index) {
	const char *text = text_at(reply, index);
	return text ? strtoll(text, NULL, 10) : 0;
}

static bool says(const redisReply *reply, const char *word) {
	const char *text = text_at(reply, 0);
	return text && strcmp(text, word) == 0;
}

int redis_answer_claim(struct redis_claim_answer *out, const redisReply *reply) {
	if (says(reply, "refused")) {
		const char *why = text_at(reply, 1), *more = text_at(reply, 2);
		bool passed = more && strcmp(more, "passed") == 0;
		*out = (struct redis_claim_answer){
		    .refusal = why ? why : "the name is published already", .passed = passed, .fight = more && !passed};
		return 0;
	}
	if (!says(reply, "granted") || !number_at(reply, 1))
		return UV_EPROTO;
	*out = (struct redis_claim_answer){.granted = true,
	                                   .epoch = number_at(reply, 1),
	                                   .age_us = signed_at(reply, 5),
	                                   .previous = {.epoch = number_at(reply, 2),
	                                                .run = number_at(reply, 3),
	                                                .number = number_at(reply, 4),
	                                                .highest_us = signed_at(reply, 6),
	                                                .base_us = signed_at(reply, 7),
	                                                .discontinuity = (uint32_t)number_at(reply, 8),
	                                                .target_ms = (uint32_t)number_at(reply, 9),
	                                                .track = (uint32_t)number_at(reply, 10)}};
	return 0;
}

int redis_answer_progress(struct redis_progress_answer *out, const redisReply *reply) {
	if (says(reply, "ok")) {
		*out = (struct redis_progress_answer){.holder = ""};
		return 0;
	}
	if (!says(reply, "lost"))
		return UV_EPROTO;
	const char *holder = text_at(reply, 2);
	*out = (struct redis_progress_answer){.lost = true, .newer = number_at(reply, 1), .holder = holder ? holder : ""};
	return 0;
}

int redis_answer_finish(enum registry_run *out, const redisReply *reply) {
	if (reply->type != REDIS_REPLY_INTEGER || reply->integer < 0 || reply->integer > 2)
		return UV_EPROTO;
	*out = (enum registry_run)reply->integer;
	return 0;
}

int redis_answer_location(struct registry_location *out, const redisReply *reply) {
	if (reply->type != REDIS_REPLY_ARRAY)
		return UV_EPROTO;
	uint64_t epoch = number_at(reply, 0);
	const char *address = text_at(reply, 1);
	*out = (struct registry_location){
	    .found = address && epoch, .epoch = epoch, .address = address, .replicas = text_at(reply, 2)};
	return 0;
}

size_t redis_answer_nodes_count(const redisReply *reply) {
	size_t fields = 0;
	for (size_t i = 0; reply->type == REDIS_REPLY_STRING && i < reply->len; i++)
		fields += reply->str[i] == '\0';
	return fields / NODE_FIELDS;
}

static uint64_t number_of(const char *text) {
	return strtoull(text, NULL, 10);
}

/* The NODE_FIELDS texts at `*at`, each ended by a NUL; `*at` is behind them then. False: it has no name. */
static bool read_node(struct registry_node *out, const char **at) {
	const char *texts[NODE_FIELDS];
	for (size_t i = 0; i < NODE_FIELDS; i++) {
		texts[i] = *at;
		*at += strlen(*at) + 1;
	}
	*out = (struct registry_node){
	    .id = texts[0],
	    .role = texts[1],
	    .address = texts[2],
	    .http_address = texts[3],
	    .region = texts[4],
	    .zone = texts[5],
	    .version = texts[6],
	    .state = strcmp(texts[7], "draining") == 0 ? REGISTRY_NODE_DRAINING : REGISTRY_NODE_UP,
	    .incarnation = number_of(texts[8]),
	    .capacity = number_of(texts[9]),
	    .load = {.busy_permille = (unsigned)number_of(texts[10]), .sent_bits = number_of(texts[11])}};
	return *out->id && *out->role;
}

int redis_answer_nodes(struct registry_node *out, size_t most, const redisReply *reply) {
	size_t named = redis_answer_nodes_count(reply), found = 0;
	const char *at = reply->str;
	if (reply->type != REDIS_REPLY_STRING)
		return UV_EPROTO;
	struct registry_node n;
	for (size_t i = 0; i < named && found < most; i++)
		if (read_node(&n, &at))
			out[found++] = n;
	return (int)found;
}

/* --- what Sentinels say --- */

/* "10.0.0.1" and "6379" → "10.0.0.1:6379"; IPv6 in brackets. */
static int join_address(char out[REDIS_PLACE_SIZE], const char *host, const char *port) {
	char joined[REDIS_PLACE_SIZE];
	bool is_v6 = strchr(host, ':');
	struct address a;
	int n = snprintf(joined, sizeof joined, "%s%s%s:%s", is_v6 ? "[" : "", host, is_v6 ? "]" : "", port);
	if (n >= REDIS_PLACE_SIZE || !*host || address_parse(&a, joined))
		return UV_EPROTO;
	memcpy(out, joined, sizeof joined);
	return 0;
}

int redis_answer_master(char out[REDIS_PLACE_SIZE], const redisReply *reply) {
	const char *host = text_at(reply, 0), *port = text_at(reply, 1);
	if (reply->type == REDIS_REPLY_NIL)
		return UV_ENOENT;
	return host && port ? join_address(out, host, port) : UV_EPROTO;
}

int redis_switch_read(char out[REDIS_PLACE_SIZE], struct slice payload, const char *name) {
	char text[1024], *rest = NULL, *words[5];
	if (payload.size >= sizeof text)
		return UV_EPROTO;
	memcpy(text, payload.data, payload.size);
	text[payload.size] = '\0';
	for (size_t i = 0; i < 5; i++)
		if (!(words[i] = strtok_r(i ? NULL : text, " ", &rest)))
			return UV_EPROTO;
	return strcmp(words[0], name) == 0 ? join_address(out, words[3], words[4]) : UV_ENOENT;
}

/* --- hints --- */

static int read_stream_hint(struct redis_hint *out, char *text) {
	char *rest = NULL, *name = strtok_r(text, " ", &rest), *epoch = strtok_r(NULL, " ", &rest),
	     *origin = strtok_r(NULL, " ", &rest);
	struct redis_hint hint = {.kind = REDIS_HINT_STREAM};
	if (!name || !epoch || !origin || strlen(origin) >= sizeof hint.origin ||
	    stream_name_parse(&hint.name, name, strlen(name)))
		return UV_EPROTO;
	hint.epoch = strtoull(epoch, NULL, 10);
	snprintf(hint.origin, sizeof hint.origin, "%s", origin);
	*out = hint;
	return 0;
}

int redis_hint_read(struct redis_hint *out, struct slice payload) {
	char text[HINT_MAX];
	if (payload.size >= sizeof text)
		return UV_EPROTO;
	memcpy(text, payload.data, payload.size);
	text[payload.size] = '\0';
	if (strncmp(text, "stream ", 7) == 0)
		return read_stream_hint(out, text + 7);
	if (strncmp(text, "node ", 5) != 0 || !text[5] || strlen(text + 5) >= sizeof out->origin)
		return UV_EPROTO;
	*out = (struct redis_hint){.kind = REDIS_HINT_NODE};
	snprintf(out->origin, sizeof out->origin, "%s", text + 5);
	return 0;
}

/* --- errors --- */

bool redis_answer_has_code(const redisReply *reply, const char *code) {
	static const char wrapped[] = "ERR Error running script";
	char inside[40];
	size_t size = strlen(code);
	if (reply->type != REDIS_REPLY_ERROR)
		return false;
	if (strncmp(reply->str, code, size) == 0 && (reply->str[size] == ' ' || !reply->str[size]))
		return true;
	snprintf(inside, sizeof inside, " -%s ", code);
	return strncmp(reply->str, wrapped, sizeof wrapped - 1) == 0 && strstr(reply->str, inside);
}

bool redis_answer_not_allowed(const redisReply *reply) {
	return reply->type == REDIS_REPLY_ERROR && strstr(reply->str, "The user executing the script can't ");
}

const char *redis_answer_trouble(const redisReply *reply) {
	return reply->type == REDIS_REPLY_ERROR ? reply->str : "an answer of another kind";
}
