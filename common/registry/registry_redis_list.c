/*
 * registry_redis_list.c: the list of all nodes, as Redis has it. It is read whole now and then, and after a hint only
 * those nodes that were named are read again: what a node's news costs does not grow with the size of the list. Worker
 * 0's alone.
 */
#include "common/registry/node_list.h"
#include "common/registry/redis_answer.h"
#include "common/registry/redis_scripts.h"
#include "common/registry/registry_redis.h"

#include "common/base/logger.h"
#include "common/base/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum {
	NODES_MAX = 4096,
	/* The whole list is read so often; where there are many nodes less often, so that what Redis does for all of them
	 * grows with their number and not with its square. */
	WHOLE_EVERY_MS = 5000,
	WHOLE_EVERY_PER_NODE_MS = 20,
	/* When too much was named, or hints were missed, it is read sooner, but not sooner than so long after the last
	 * time, and not by all at once: a node in the list costs Redis about 1 µs, and all nodes read it. Of Redis's time,
	 * that may take a fifth. */
	WHOLE_AGAIN_MS = 250,
	PAIRS_A_MS = 200,
	SOON_MS = 20,
	/* What is in the list that Redis gives: everything of before this time. */
	LISTED_MS = REDIS_LISTED_MS + SOON_MS,
};

static size_t known(const struct registry_redis *s) {
	return s->base.nodes ? s->base.nodes->count : 0;
}

static void start(struct timer *t, uint64_t ms) {
	if (timer_start(t, ms))
		log_error("nodes are not read from redis any more: out of memory");
}

/* --- answers --- */

static void share(struct registry_redis *s, const struct registry_node *nodes, size_t count) {
	struct node_list *list = node_list_copy(nodes, count);
	if (list)
		node_list_share(&s->base, list);
	else
		log_error("the list of nodes is not taken: out of memory");
	node_list_unref(&list);
}

/* The nodes of an answer behind `kept` others. */
static void take(struct registry_redis *s, const redisReply *reply, const struct registry_node *kept,
                 size_t kept_count) {
	size_t most = redis_answer_nodes_count(reply);
	if (most > NODES_MAX)
		return;
	struct registry_node *nodes = calloc(kept_count + most + 1, sizeof *nodes);
	if (!nodes)
		return; /* the next reading tells */
	if (kept_count)
		memcpy(nodes, kept, kept_count * sizeof *nodes);
	int count = redis_answer_nodes(nodes + kept_count, most, reply);
	if (count >= 0)
		share(s, nodes, kept_count + (size_t)count);
	free(nodes);
}

static void on_whole_answer(void *context, const redisReply *reply) {
	struct registry_redis *s = context;
	if (reply && !s->base.stopped)
		take(s, reply, NULL, 0);
}

struct some {
	struct registry_redis *redis;
	struct redis_ids ids;
};

static bool is_among(const struct redis_ids *ids, const char *id) {
	for (size_t i = 0; i < ids->count; i++)
		if (strcmp(ids->texts[i], id) == 0)
			return true;
	return false;
}

/* One that was asked for and is not in the answer has gone. */
static void on_some_answer(void *context, const redisReply *reply) {
	struct some *some = context;
	struct registry_redis *s = some->redis;
	struct registry_node *kept = reply && !s->base.stopped ? calloc(known(s) + 1, sizeof *kept) : NULL;
	size_t count = 0;
	for (size_t i = 0; kept && i < known(s); i++)
		if (!is_among(&some->ids, s->base.nodes->items[i].id))
			kept[count++] = s->base.nodes->items[i];
	if (kept)
		take(s, reply, kept, count);
	free(kept);
	free(some);
}

/* --- reading --- */

static void on_whole(struct timer *t) {
	struct registry_redis *s = list_entry(t, struct registry_redis, whole);
	const char *arguments[] = {s->node_prefix};
	uint64_t every = known(s) * WHOLE_EVERY_PER_NODE_MS;
	redis_run(&s->commands, SCRIPT_NODES, s->nodes_key, 1, arguments, on_whole_answer, s);
	s->whole_wanted = false;
	s->whole_after_ms = worker_now_ms(s->base.worker) + WHOLE_AGAIN_MS;
	every = every > WHOLE_EVERY_MS ? every : WHOLE_EVERY_MS;
	start(&s->whole, s->whole_twice ? LISTED_MS : every - random_below(every / 4));
	s->whole_twice = false;
}

static void on_some(struct timer *t) {
	struct registry_redis *s = list_entry(t, struct registry_redis, some);
	const char *arguments[1 + REDIS_IDS_MAX] = {s->node_prefix};
	struct some *some = malloc(sizeof *some);
	if (!some)
		return; /* the whole list is read one day */
	*some = (struct some){s, s->hinted};
	for (size_t i = 0; i < s->hinted.count; i++)
		arguments[1 + i] = s->hinted.texts[i];
	if (redis_run(&s->commands, SCRIPT_NODES, s->nodes_key, 1 + s->hinted.count, arguments, on_some_answer, some))
		free(some);
	s->hinted.count = 0;
}

/* --- when --- */

static void want_whole(struct registry_redis *s, uint64_t delay_ms) {
	uint64_t now = worker_now_ms(s->base.worker), at = now + delay_ms;
	at = at > s->settled_ms ? at : s->settled_ms;
	at = at > s->whole_after_ms ? at : s->whole_after_ms;
	at += random_below(1 + known(s) * known(s) / PAIRS_A_MS);
	if (s->whole_wanted && timer_running(&s->whole)) {
		s->whole_twice = true; /* that one may come too soon for what is new now */
		return;
	}
	s->whole_wanted = true;
	if (!timer_running(&s->whole) || s->whole.due_ms > at)
		start(&s->whole, at - now);
}

void redis_list_hint(struct registry_redis *s, const char *id) {
	if (is_among(&s->hinted, id))
		return;
	if (!s->base.nodes || s->hinted.count == REDIS_IDS_MAX) {
		s->hinted.count = 0;
		timer_stop(&s->some);
		want_whole(s, LISTED_MS);
		return;
	}
	snprintf(s->hinted.texts[s->hinted.count++], REDIS_ID_SIZE, "%s", id);
	if (!timer_running(&s->some))
		start(&s->some, SOON_MS + random_below(1 + known(s)));
}

void redis_list_init(struct registry_redis *s, struct worker *w) {
	snprintf(s->nodes_key, sizeof s->nodes_key, "%snodes", s->prefix);
	timer_init(&s->whole, w, on_whole);
	timer_init(&s->some, w, on_some);
}

void redis_list_up(struct registry_redis *s) {
	if (s->base.nodes)
		s->settled_ms = worker_now_ms(s->base.worker) + REDIS_SETTLE_MS;
	s->whole_after_ms = 0;
	s->whole_wanted = false;
	s->whole_twice = true; /* what was published while nobody listened may be missing in the first */
	want_whole(s, SOON_MS);
}

void redis_list_down(struct registry_redis *s) {
	timer_stop(&s->whole);
	timer_stop(&s->some);
	s->hinted.count = 0;
}
