/*
 * registry_static.c: the map without a map. An origin knows its own streams, in memory and in its state_dir; an edge
 * asks every origin, and the newest epoch wins.
 */
#include "common/registry/registry.h"
#include "common/registry/state.h"

#include "common/base/clock.h"
#include "common/base/logger.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <uv.h>

enum { NEGATIVE_CACHE_MS = 1000, FORGET_AFTER_S = 86400 };

/* A stream of our own. */
struct record {
	struct state_record kept;
	UT_hash_handle hh;
};

/* Somebody who waits for an answer. */
struct waiter {
	struct list node;
	void *context;
	registry_locate_fn located;
	registry_claim_fn claimed;
	struct registry_claim claim;
};

/* A name that is being looked for, or was not found just now. */
struct search {
	struct stream_name name;
	struct registry *registry;
	struct list waiters;
	bool asking;
	uint64_t not_found_ms; /* loop time; 0: never */
	struct timer expire;
	UT_hash_handle hh;
};

struct registry {
	struct worker *worker;
	struct registry_shared *shared;
	const struct registry_peers *peers;
	struct record *records;
	struct search *searches;
	struct list claims; /* answers to give at the turn's end */
	struct turn_task answer;
	struct state_file *file;
	bool stopped;
};

/* --- claims --- */

static struct record *record_get(struct registry *r, const struct stream_name *name) {
	struct record *k;
	HASH_FIND_STR(r->records, name->text, k);
	if (k)
		return k;
	k = calloc(1, sizeof *k);
	if (!k)
		return NULL;
	k->kept.name = *name;
	HASH_ADD_KEYPTR(hh, r->records, k->kept.name.text, strlen(k->kept.name.text), k);
	return k;
}

static void touch(struct registry *r) {
	if (r->file)
		state_file_touch(r->file);
}

static void on_answer(struct turn_task *task) {
	struct registry *r = list_entry(task, struct registry, answer);
	while (!list_empty(&r->claims)) {
		struct waiter *w = list_entry(r->claims.next, struct waiter, node);
		list_remove(&w->node);
		if (w->claimed)
			w->claimed(w->context, &w->claim);
		free(w);
	}
}

void registry_claim(struct registry *r, const struct stream_name *name, registry_claim_fn fn, void *context) {
	struct waiter *w = calloc(1, sizeof *w);
	struct record *k = w ? record_get(r, name) : NULL;
	if (!k) {
		free(w);
		fn(context, &(struct registry_claim){0});
		return;
	}
	*w = (struct waiter){.context = context, .claimed = fn};
	w->claim.known = k->kept.state.epoch != 0;
	w->claim.previous = k->kept.state;
	registry_note_epoch(r->shared, k->kept.state.epoch);
	w->claim.epoch = registry_next_epoch(r->shared, clock_wall_us());
	k->kept.state.epoch = w->claim.epoch;
	touch(r);
	list_append(&r->claims, &w->node);
	worker_at_turn_end(r->worker, &r->answer);
}

static struct record *owned(struct registry *r, const struct stream_name *name, uint64_t epoch) {
	struct record *k;
	HASH_FIND_STR(r->records, name->text, k);
	return k && k->kept.state.epoch == epoch ? k : NULL;
}

bool registry_progress(struct registry *r, const struct stream_name *name, const struct registry_state *state) {
	struct record *k = owned(r, name, state->epoch);
	if (!k)
		return false;
	k->kept.state = *state;
	touch(r);
	return true;
}

/* Nothing need be kept: the next run's epoch and numbers are seeded by the clock, above all of this one's. */
bool registry_release(struct registry *r, const struct stream_name *name, uint64_t epoch) {
	struct record *k = owned(r, name, epoch);
	if (!k)
		return false;
	HASH_DELETE(hh, r->records, k);
	free(k);
	touch(r);
	return true;
}

/* --- the state file --- */

static void collect(void *context, struct buffer *out) {
	struct registry *r = context;
	struct record *k, *next;
	HASH_ITER(hh, r->records, k, next) {
		state_write_record(out, &k->kept);
	}
}

static void on_record(void *context, const struct state_record *from) {
	struct registry *r = context;
	const struct stream_name *name = &from->name;
	registry_note_epoch(r->shared, from->state.epoch);
	if (workers_home(r->worker->group, name_hash(name->text, strlen(name->text))) != r->worker ||
	    from->state.wall_us < clock_wall_us() - (int64_t)FORGET_AFTER_S * 1000000)
		return;
	struct record *k = record_get(r, name);
	if (k && from->state.epoch >= k->kept.state.epoch)
		k->kept.state = from->state;
}

static int open_state(struct registry *r) {
	const char *dir = config_node(r->shared->config)->node_state_dir;
	if (!*dir)
		return 0;
	int err = state_read(dir, on_record, r);
	if (err) {
		log_error("node.state_dir cannot be used", log_str("dir", dir), log_err(err));
		return err;
	}
	r->file = state_file_new(r->worker, dir, collect, r);
	return r->file ? 0 : UV_ENOMEM;
}

/* --- locate --- */

static void search_free(struct search *s) {
	timer_stop(&s->expire);
	HASH_DELETE(hh, s->registry->searches, s);
	free(s);
}

static void on_expire(struct timer *t) {
	struct search *s = list_entry(t, struct search, expire);
	if (!s->asking)
		search_free(s);
}

static struct search *search_get(struct registry *r, const struct stream_name *name) {
	struct search *s;
	HASH_FIND_STR(r->searches, name->text, s);
	if (s)
		return s;
	s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	s->name = *name;
	s->registry = r;
	list_init(&s->waiters);
	timer_init(&s->expire, r->worker, on_expire);
	HASH_ADD_STR(r->searches, name.text, s);
	return s;
}

static void on_located(void *context, const struct registry_location *l) {
	struct search *s = context;
	struct registry *r = s->registry;
	s->asking = false;
	if (l->found)
		registry_note_epoch(r->shared, l->epoch);
	s->not_found_ms = l->found ? 0 : worker_now_ms(r->worker);
	struct list waiters;
	list_init(&waiters);
	list_splice(&waiters, &s->waiters);
	/* A name that is there is asked for anew next time; one that is not is remembered for a moment. */
	if (l->found || r->stopped || timer_start(&s->expire, NEGATIVE_CACHE_MS))
		search_free(s);
	while (!list_empty(&waiters)) {
		struct waiter *w = list_entry(waiters.next, struct waiter, node);
		list_remove(&w->node);
		if (w->located)
			w->located(w->context, l);
		free(w);
	}
}

void registry_locate(struct registry *r, const struct stream_name *name, registry_locate_fn fn, void *context) {
	struct search *s = r->peers && !r->stopped ? search_get(r, name) : NULL;
	struct waiter *w = s ? calloc(1, sizeof *w) : NULL;
	bool known_missing =
	    s && !s->asking && s->not_found_ms && worker_now_ms(r->worker) - s->not_found_ms < NEGATIVE_CACHE_MS;
	if (!w || known_missing) {
		free(w);
		fn(context, &(struct registry_location){0});
		return;
	}
	*w = (struct waiter){.context = context, .located = fn};
	list_append(&s->waiters, &w->node);
	if (s->asking)
		return;
	s->asking = true;
	r->peers->ask(r->peers->context, name, on_located, s);
}

void registry_hint(struct registry *r, const struct stream_name *name) {
	struct search *s;
	HASH_FIND_STR(r->searches, name->text, s);
	if (s)
		s->not_found_ms = 0;
}

struct registry_shared *registry_shared_of(struct registry *r) {
	return r->shared;
}

void registry_forget(struct registry *r, void *context) {
	struct search *s, *next;
	list_each (node, &r->claims) {
		struct waiter *w = list_entry(node, struct waiter, node);
		if (w->context == context)
			w->claimed = NULL;
	}
	HASH_ITER(hh, r->searches, s, next) {
		list_each (node, &s->waiters) {
			struct waiter *w = list_entry(node, struct waiter, node);
			if (w->context == context)
				w->located = NULL;
		}
	}
}

/* --- life --- */

int registry_static_new(struct registry **out, struct worker *w, struct registry_shared *shared,
                        const struct registry_peers *peers) {
	struct registry *r = calloc(1, sizeof *r);
	if (!r)
		return UV_ENOMEM;
	*r = (struct registry){.worker = w, .shared = shared, .peers = peers};
	list_init(&r->claims);
	turn_task_init(&r->answer, on_answer);
	int err = open_state(r);
	if (err)
		registry_free(&r);
	else
		*out = r;
	return err;
}

void registry_stop(struct registry *r) {
	r->stopped = true;
	state_file_free(&r->file);
}

void registry_free(struct registry **out) {
	struct registry *r = *out;
	if (!r)
		return;
	*out = NULL;
	state_file_free(&r->file);
	list_remove(&r->answer.node);
	list_each (node, &r->claims)
		free(list_entry(node, struct waiter, node));
	struct search *s, *next_search;
	HASH_ITER(hh, r->searches, s, next_search) {
		list_each (node, &s->waiters)
			free(list_entry(node, struct waiter, node));
		search_free(s);
	}
	struct record *k, *next;
	HASH_ITER(hh, r->records, k, next) {
		HASH_DELETE(hh, r->records, k);
		free(k);
	}
	free(r);
}
