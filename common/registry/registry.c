#include "common/registry/node_list.h"
#include "common/registry/registry_parts.h"

#include "common/base/clock.h"
#include "common/base/logger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { NEGATIVE_CACHE_MS = 1000 };

/* --- epochs --- */

void registry_shared_init(struct registry_shared *s, const struct config *config, const char *node, const char *role,
                          uint64_t incarnation) {
	s->config = config;
	s->role = role;
	s->incarnation = incarnation;
	snprintf(s->node, sizeof s->node, "%s", node);
	atomic_init(&s->redis_away, 0);
	atomic_init(&s->highest_epoch, 0);
	atomic_init(&s->draining, false);
	atomic_init(&s->unusable_told, false);
	s->unusable = NULL;
	atomic_init(&s->announcer, NULL);
	memset(s->on_worker, 0, sizeof s->on_worker);
}

void registry_note_epoch(struct registry_shared *s, uint64_t epoch) {
	uint64_t highest = atomic_load(&s->highest_epoch);
	while (highest < epoch && !atomic_compare_exchange_weak(&s->highest_epoch, &highest, epoch))
		;
}

uint64_t registry_next_epoch(struct registry_shared *s, int64_t wall_us) {
	uint64_t byte = name_hash(s->node, strlen(s->node)) & 0xff;
	uint64_t by_clock = (uint64_t)(wall_us / 1000) << 8 | byte;
	uint64_t highest = atomic_load(&s->highest_epoch), next;
	do {
		next = by_clock > highest ? by_clock : highest + 1;
	} while (!atomic_compare_exchange_weak(&s->highest_epoch, &highest, next));
	return next;
}

/* --- this node --- */

struct announcing {
	struct message message;
	struct registry_shared *shared;
};

static void deliver_announcing(struct worker *w, struct message *message) {
	struct announcing *a = (struct announcing *)message;
	struct registry *r = a->shared->on_worker[w->index];
	if (r && r->backend->announce)
		r->backend->announce(r);
	free(a);
}

void registry_set_draining(struct registry_shared *s, bool draining) {
	struct worker *w = atomic_load(&s->announcer);
	if (atomic_exchange(&s->draining, draining) == draining || !w)
		return;
	struct announcing *a = malloc(sizeof *a);
	if (!a)
		return; /* the next renewal says it */
	*a = (struct announcing){.message.deliver = deliver_announcing, .shared = s};
	worker_post(w, &a->message);
}

/* --- records --- */

struct record *record_find(struct registry *r, const struct stream_name *name) {
	struct record *k;
	HASH_FIND_STR(r->records, name->text, k);
	return k;
}

struct record *record_get(struct registry *r, const struct stream_name *name) {
	struct record *k = record_find(r, name);
	if (k)
		return k;
	k = calloc(1, sizeof *k);
	if (!k)
		return NULL;
	k->name = *name;
	list_init(&k->untold);
	HASH_ADD_KEYPTR(hh, r->records, k->name.text, strlen(k->name.text), k);
	if (HASH_ADDED(hh, k))
		return k;
	free(k);
	return NULL;
}

void record_free(struct registry *r, struct record *k) {
	HASH_DELETE(hh, r->records, k);
	list_remove(&k->untold);
	free(k->replicas);
	free(k);
}

/* --- claims --- */

static void on_tell(struct turn_task *task) {
	struct registry *r = list_entry(task, struct registry, tell);
	while (!list_empty(&r->answered)) {
		struct claiming *c = list_entry(r->answered.next, struct claiming, node);
		list_remove(&c->node);
		if (c->fn)
			c->fn(c->context, &c->answer);
		else if (c->answer.epoch) /* who asked is gone, and nobody else would ever let go of the name */
			registry_release(r, &c->name, c->answer.epoch);
		free(c);
	}
}

static void note_grant(struct claiming *c, struct record *k, uint64_t epoch, const struct registry_state *previous) {
	c->answer.known = previous && previous->epoch;
	if (c->answer.known)
		c->answer.previous = *previous;
	registry_note_epoch(c->registry->shared, epoch);
	k->state = c->answer.known ? *previous : (struct registry_state){0};
	k->state.epoch = epoch;
	k->live = !c->waiting;
	free(k->replicas);
	k->replicas = NULL;
	strcpy(k->publisher, c->publisher);
	strcpy(k->credential, c->credential);
}

void claim_answer(struct claiming *c, uint64_t epoch, const struct registry_state *previous, const char *refusal) {
	struct registry *r = c->registry;
	struct record *k = epoch ? record_get(r, &c->name) : NULL;
	if (k) {
		c->answer.epoch = epoch;
		note_grant(c, k, epoch, previous);
	} else if (refusal) {
		snprintf(c->refusal, sizeof c->refusal, "%s", refusal);
		c->answer.refusal = c->refusal;
	}
	list_remove(&c->node);
	list_append(&r->answered, &c->node);
	worker_at_turn_end(r->worker, &r->tell);
}

void claim_fought_over(const struct claiming *c) {
	log_peer_warn("two publishers fight for a name: the holder stays for a while", log_str("stream", c->name.text),
	              log_str("newcomer", c->publisher));
}

/* May the holder here be replaced? Else `*why` not. */
static bool may_replace(struct record *k, const struct claiming *c, const char **why) {
	struct takeover_question q = {.policy = c->policy,
	                              .holder = k->publisher,
	                              .newcomer = c->publisher,
	                              .holder_credential = *k->credential ? k->credential : NULL,
	                              .newcomer_credential = *c->credential ? c->credential : NULL,
	                              .silent_ms = (uint64_t)c->silent_ms,
	                              .stall_ms = (uint64_t)c->stall_ms,
	                              .now_ms = worker_now_ms(c->registry->worker)};
	enum takeover_verdict verdict = takeover_decide(&k->takeovers, &q, why);
	if (verdict == TAKEOVER_REFUSE_FIGHT)
		claim_fought_over(c);
	return verdict == TAKEOVER_GRANT;
}

/* A refusal makes no record: the map would be told of it. */
void claim_locally(struct registry *r, struct claiming *c, const struct registry_state *heard) {
	struct record *k = record_find(r, &c->name);
	bool elsewhere = heard && heard->epoch > (k ? k->state.epoch : 0);
	const char *why = "no map says that its origin is gone";
	if ((c->gone_epoch && !c->gone_sure) ||
	    (k && k->live && !elsewhere && c->silent_ms >= 0 && !may_replace(k, c, &why))) {
		claim_answer(c, 0, NULL, why);
		return;
	}
	struct registry_state previous = elsewhere ? *heard : k ? k->state : (struct registry_state){0};
	registry_note_epoch(r->shared, previous.epoch);
	claim_answer(c, registry_next_epoch(r->shared, clock_wall_us()), &previous, NULL);
}

void registry_claim(struct registry *r, const struct stream_name *name, const struct registry_request *request,
                    registry_claim_fn fn, void *context) {
	struct claiming *c = calloc(1, sizeof *c);
	if (!c || r->stopped) {
		free(c);
		fn(context, &(struct registry_claim){0});
		return;
	}
	*c = (struct claiming){.registry = r,
	                       .name = *name,
	                       .fn = fn,
	                       .context = context,
	                       .policy = request->policy,
	                       .stall_ms = request->stall_ms,
	                       .silent_ms = request->silent_ms,
	                       .waiting = request->waiting,
	                       .held = request->held,
	                       .gone_epoch = request->gone_epoch,
	                       .gone_ms = request->gone_ms,
	                       .gone_sure = request->gone_sure};
	snprintf(c->publisher, sizeof c->publisher, "%s", request->publisher ? request->publisher : "");
	snprintf(c->credential, sizeof c->credential, "%s", request->credential ? request->credential : "");
	list_append(&r->claims, &c->node);
	r->backend->claim(r, c);
}

static struct record *owned(struct registry *r, const struct stream_name *name, uint64_t epoch) {
	struct record *k = record_find(r, name);
	return k && k->state.epoch == epoch ? k : NULL;
}

void registry_progress(struct registry *r, const struct stream_name *name, const struct registry_state *state) {
	struct record *k = owned(r, name, state->epoch);
	if (!k)
		return;
	k->state = *state;
	k->live = !state->waiting;
	r->backend->progress(r, k);
}

/* Nothing need be kept: the next run's epoch and numbers are seeded by the clock, above all of this one's. */
void registry_release(struct registry *r, const struct stream_name *name, uint64_t epoch) {
	struct record *k = owned(r, name, epoch);
	if (!k)
		return;
	r->backend->release(r, k);
	record_free(r, k);
}

void registry_yield(struct registry *r, const struct stream_name *name, uint64_t epoch) {
	struct record *k = owned(r, name, epoch);
	if (!k)
		return;
	if (r->backend->yield)
		r->backend->yield(r, k);
	record_free(r, k);
}

void registry_replicas(struct registry *r, const struct stream_name *name, uint64_t epoch, const char *ids) {
	struct record *k = owned(r, name, epoch);
	char *copy = k && *ids ? strdup(ids) : NULL;
	if (!k || (*ids && !copy))
		return; /* without memory edges ask for it elsewhere */
	free(k->replicas);
	k->replicas = copy;
	r->backend->progress(r, k);
}

void registry_finish(struct registry *r, const struct stream_name *name, uint64_t epoch) {
	if (r->backend->finish && !r->stopped)
		r->backend->finish(r, name, epoch);
	else if (r->role.finished)
		r->role.finished(r->role.context, name, epoch, REGISTRY_RUN_OVER);
}

void registry_keep(struct registry *r, const struct stream_name *name) {
	if (r->backend->keep && !r->stopped)
		r->backend->keep(r, name);
}

/* --- locate --- */

/* Somebody who waits for an answer. */
struct waiter {
	struct list node;
	void *context;
	registry_locate_fn fn; /* NULL: forgotten */
};

/* Those who are told of a search that is over: the first of them may forget the others. */
struct answering {
	struct list waiters;
	struct answering *outer; /* told of another name, whose answer led to this one */
};

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
	if (HASH_ADDED(hh, s))
		return s;
	free(s);
	return NULL;
}

void search_answer(struct search *s, const struct registry_location *l) {
	struct registry *r = s->registry;
	s->asking = false;
	if (l->found)
		registry_note_epoch(r->shared, l->epoch);
	s->not_found_ms = l->found ? 0 : worker_now_ms(r->worker);
	struct answering telling = {.outer = r->answering};
	list_init(&telling.waiters);
	list_splice(&telling.waiters, &s->waiters);
	r->answering = &telling;
	/* A name that is there is asked for anew next time; one that is not is remembered for a moment. */
	if (l->found || r->stopped || timer_start(&s->expire, NEGATIVE_CACHE_MS))
		search_free(s);
	while (!list_empty(&telling.waiters)) {
		struct waiter *w = list_entry(telling.waiters.next, struct waiter, node);
		list_remove(&w->node);
		if (w->fn)
			w->fn(w->context, l);
		free(w);
	}
	r->answering = telling.outer;
}

static void on_peers_answer(void *context, const struct registry_location *l) {
	search_answer(context, l);
}

void search_peers(struct search *s) {
	struct registry *r = s->registry;
	if (r->role.ask)
		r->role.ask(r->role.context, &s->name, on_peers_answer, s);
	else
		search_answer(s, &(struct registry_location){0});
}

void registry_locate(struct registry *r, const struct stream_name *name, registry_locate_fn fn, void *context) {
	struct search *s = r->stopped ? NULL : search_get(r, name);
	struct waiter *w = s ? calloc(1, sizeof *w) : NULL;
	bool known_missing =
	    s && !s->asking && s->not_found_ms && worker_now_ms(r->worker) - s->not_found_ms < NEGATIVE_CACHE_MS;
	if (!w || known_missing) {
		free(w);
		fn(context, &(struct registry_location){0});
		return;
	}
	*w = (struct waiter){.context = context, .fn = fn};
	list_append(&s->waiters, &w->node);
	if (s->asking)
		return;
	s->asking = true;
	r->backend->locate(r, s);
}

void registry_hint(struct registry *r, const struct stream_name *name) {
	struct search *s;
	HASH_FIND_STR(r->searches, name->text, s);
	if (s)
		s->not_found_ms = 0;
}

static void forget_claims(struct list *claims, const void *context) {
	list_each (node, claims)
		if (list_entry(node, struct claiming, node)->context == context)
			list_entry(node, struct claiming, node)->fn = NULL;
}

static void forget_waiters(struct list *waiters, const void *context) {
	list_each (node, waiters)
		if (list_entry(node, struct waiter, node)->context == context)
			list_entry(node, struct waiter, node)->fn = NULL;
}

void registry_forget(struct registry *r, const struct stream_name *name, void *context) {
	struct search *s;
	forget_claims(&r->claims, context);
	forget_claims(&r->answered, context);
	HASH_FIND_STR(r->searches, name->text, s);
	if (s)
		forget_waiters(&s->waiters, context);
	for (struct answering *a = r->answering; a; a = a->outer)
		forget_waiters(&a->waiters, context);
}

/* --- life --- */

bool registry_up(const struct registry *r, const char **why, bool *ever) {
	return r->backend->up(r, why, ever);
}

const char *registry_warning(const struct registry *r) {
	return r->backend->warning ? r->backend->warning(r) : NULL;
}

struct registry_shared *registry_shared_of(const struct registry *r) {
	return r->shared;
}

int registry_new(struct registry **out, struct worker *w, struct registry_shared *shared,
                 const struct registry_role *role) {
	struct registry *r;
	bool redis = config_node(shared->config)->registry_backend == CONFIG_BACKEND_REDIS;
	int err = redis ? registry_redis_new(&r, w, shared) : registry_static_new(&r);
	if (err)
		return err;
	r->worker = w;
	r->shared = shared;
	if (role)
		r->role = *role;
	list_init(&r->claims);
	list_init(&r->answered);
	turn_task_init(&r->tell, on_tell);
	err = redis ? registry_redis_start(r) : registry_static_start(r);
	if (err) {
		registry_free(&r);
		return err;
	}
	shared->on_worker[w->index] = r;
	if (w->index == 0)
		atomic_store(&shared->announcer, w);
	*out = r;
	return 0;
}

void registry_stop(struct registry *r) {
	if (r->stopped)
		return;
	r->stopped = true;
	r->shared->on_worker[r->worker->index] = NULL;
	if (r->worker->index == 0)
		atomic_store(&r->shared->announcer, NULL);
	r->backend->stop(r);
}

static void free_claims(struct list *claims) {
	list_each (node, claims)
		free(list_entry(node, struct claiming, node));
}

void registry_free(struct registry **out) {
	struct registry *r = *out;
	if (!r)
		return;
	*out = NULL;
	registry_stop(r);
	list_remove(&r->tell.node);
	free_claims(&r->claims);
	free_claims(&r->answered);
	struct search *s, *next_search;
	HASH_ITER(hh, r->searches, s, next_search) {
		list_each (node, &s->waiters)
			free(list_entry(node, struct waiter, node));
		search_free(s);
	}
	struct record *k, *next;
	HASH_ITER(hh, r->records, k, next) {
		record_free(r, k);
	}
	node_list_unref(&r->nodes);
	r->backend->free(r);
}
