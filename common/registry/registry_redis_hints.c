/*
 * registry_redis_hints.c: what others publish on the channel. One worker listens, for Redis's cost of a hint grows with
 * those who do, and passes each on to the worker that it concerns.
 */
#include "common/registry/redis_answer.h"
#include "common/registry/registry_redis.h"

#include "common/base/logger.h"

#include <stdlib.h>
#include <string.h>

/* What one worker tells another. */
struct hinting {
	struct message message;
	struct registry_shared *shared;
	bool missed; /* hints may have been, and Redis can be reached: everything is told again */
	struct redis_hint hint;
};

static void take(struct registry *r, const struct redis_hint *hint) {
	struct record *k = record_find(r, &hint->name);
	bool own = strcmp(hint->origin, r->shared->node) == 0;
	registry_note_epoch(r->shared, hint->epoch);
	registry_hint(r, &hint->name);
	if (k && !own && hint->epoch > k->state.epoch)
		redis_lose(r, k, hint->epoch, hint->origin);
	if (!own && r->role.changed)
		r->role.changed(r->role.context, &hint->name, hint->epoch);
}

/* What was published while nobody listened is not known. */
static void look_again(struct registry_redis *s) {
	redis_client_hurry(&s->commands);
	redis_tell_all(s);
}

static void deliver(struct worker *w, struct message *message) {
	struct hinting *h = (struct hinting *)message;
	struct registry *r = h->shared->on_worker[w->index];
	if (r && h->missed)
		look_again(redis_of(r));
	else if (r)
		take(r, &h->hint);
	free(h);
}

/* Without memory a hint is lost, as any may be. */
static void pass_on(struct registry *r, struct worker *to, bool missed, const struct redis_hint *hint) {
	struct hinting *h = malloc(sizeof *h);
	if (!h)
		return;
	*h = (struct hinting){.message.deliver = deliver, .shared = r->shared, .missed = missed};
	if (hint)
		h->hint = *hint;
	worker_post(to, &h->message);
}

static void on_message(void *context, struct slice payload) {
	struct registry_redis *s = context;
	struct registry *r = &s->base;
	struct redis_hint hint;
	if (redis_hint_read(&hint, payload))
		return; /* another release's: a hint may be lost */
	if (hint.kind == REDIS_HINT_NODE) {
		redis_list_hint(s, hint.origin);
		return;
	}
	struct worker *home = workers_home(r->worker->group, name_hash(hint.name.text, strlen(hint.name.text)));
	if (home == r->worker)
		take(r, &hint);
	else
		pass_on(r, home, false, &hint);
}

static void on_up(void *context) {
	struct registry_redis *s = context;
	struct workers *group = s->base.worker->group;
	for (unsigned i = 0; i < workers_count(group); i++)
		if (workers_at(group, i) != s->base.worker)
			pass_on(&s->base, workers_at(group, i), true, NULL);
	look_again(s);
	redis_list_up(s);
}

static void on_down(void *context) {
	(void)context; /* hints may be lost at any time */
}

const struct redis_client_ops redis_hints_ops = {
    .on_up = on_up, .on_down = on_down, .on_message = on_message, .find = redis_find};
