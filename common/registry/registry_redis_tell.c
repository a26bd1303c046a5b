/*
 * registry_redis_tell.c: which of this node's streams Redis must be told of: all when it is back, each that it has not
 * heard of for a while, and never more at once than the connection takes with ease, nor than a turn of the loop does.
 *
 * How many answers may be awaited is found out: it grows with each that comes soon, and falls when one comes late, as
 * where hundreds of origins fill an empty Redis at once, long before the connection would be given up for it.
 */
#include "common/registry/registry_redis.h"

#include "common/base/logger.h"

enum {
	LOOK_EVERY_MS = 1000,
	RENEW_AFTER_MS = 20000, /* the map keeps a stream for three times as long */
	TELL_A_TURN = 128,
	AWAITED_LEAST = 64,
	AWAITED_MOST = 2048, /* a few MB in the connection's queue fail it */
	SOON = 16,
	LATE = 4 /* parts of registry.timeout */
};

/* --- what is told --- */

static void on_tell(struct turn_task *task) {
	struct registry_redis *s = list_entry(task, struct registry_redis, tell);
	for (unsigned n = 0; !list_empty(&s->untold); n++) {
		if (!redis_client_up(&s->commands) || s->awaited >= s->awaited_most)
			return; /* goes on when answers have come, or Redis is back */
		if (n == TELL_A_TURN) {
			worker_at_next_turn(s->base.worker, task);
			return;
		}
		struct record *k = list_entry(s->untold.next, struct record, untold);
		list_remove(&k->untold);
		k->told_ms = 0; /* if it cannot be sent it is found again */
		s->base.backend->progress(&s->base, k);
	}
}

static void tell_more(struct registry_redis *s) {
	if (!list_empty(&s->untold))
		worker_at_turn_end(s->base.worker, &s->tell);
}

static void tell_later(struct registry_redis *s, struct record *k) {
	if (list_empty(&k->untold))
		list_append(&s->untold, &k->untold);
}

void redis_told(struct registry_redis *s, struct record *k) {
	list_remove(&k->untold);
	k->told_ms = worker_now_ms(s->base.worker);
	s->awaited++;
}

void redis_tell_answered(struct registry_redis *s, bool answered, uint64_t sent_ms) {
	uint64_t took = worker_now_ms(s->base.worker) - sent_ms, timeout = (uint64_t)redis_config_of(s)->registry_timeout;
	s->awaited--;
	if (!answered || s->base.stopped)
		return;
	if (took > timeout / LATE)
		s->awaited_most = AWAITED_LEAST;
	else if (took <= timeout / SOON && s->awaited_most < AWAITED_MOST)
		s->awaited_most++;
	tell_more(s);
}

void redis_tell_all(struct registry_redis *s) {
	struct record *k, *next;
	HASH_ITER(hh, s->base.records, k, next) {
		tell_later(s, k);
	}
	s->awaited_most = AWAITED_LEAST;
	tell_more(s);
}

/* --- when --- */

/* A stream that goes on is told at each mark; so this is about those that wait. Their times differ, and with them their
 * renewals. */
static void on_look(struct timer *t) {
	struct registry_redis *s = list_entry(t, struct registry_redis, look);
	uint64_t now = worker_now_ms(s->base.worker);
	struct record *k, *next;
	HASH_ITER(hh, s->base.records, k, next) {
		if (now - k->told_ms >= RENEW_AFTER_MS)
			tell_later(s, k);
	}
	tell_more(s);
	if (timer_start(&s->look, LOOK_EVERY_MS))
		log_error("streams are not renewed in redis any more: out of memory");
}

void redis_tell_init(struct registry_redis *s, struct worker *w) {
	timer_init(&s->look, w, on_look);
	list_init(&s->untold);
	turn_task_init(&s->tell, on_tell);
}

int redis_tell_start(struct registry_redis *s) {
	return timer_start(&s->look, LOOK_EVERY_MS);
}

void redis_tell_stop(struct registry_redis *s) {
	timer_stop(&s->look);
	list_remove(&s->tell.node);
}
