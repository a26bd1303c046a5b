/*
 * registry_redis_tell.c: which of this node's streams Redis must be told of: all when it is back, each that it has not
 * heard of for a while, and never more at once than the connection takes with ease.
 */
#include "common/registry/registry_redis.h"

#include "common/base/logger.h"

enum {
	LOOK_EVERY_MS = 1000,
	RENEW_AFTER_MS = 20000, /* the map keeps a stream for three times as long */
	AWAITED_MAX = 256       /* answers that are awaited while more is told */
};

void redis_tell_more(struct registry_redis *s) {
	struct record *k, *next;
	if (!s->untold || s->commands.awaited > AWAITED_MAX / 2)
		return;
	s->untold = false;
	HASH_ITER(hh, s->base.records, k, next) {
		if (!k->untold)
			continue;
		if (!redis_client_up(&s->commands) || s->commands.awaited >= AWAITED_MAX) {
			s->untold = true; /* when answers have come, or Redis is back */
			return;
		}
		s->base.backend->progress(&s->base, k);
	}
}

void redis_tell_all(struct registry_redis *s) {
	struct record *k, *next;
	HASH_ITER(hh, s->base.records, k, next) {
		k->untold = s->untold = true;
	}
	redis_tell_more(s);
}

void redis_told(struct registry_redis *s, struct record *k) {
	k->untold = false;
	k->told_ms = worker_now_ms(s->base.worker);
}

/* A stream that goes on is told at each mark; so this is about those that wait. Their times differ, and with them their
 * renewals. */
static void on_look(struct timer *t) {
	struct registry_redis *s = list_entry(t, struct registry_redis, look);
	uint64_t now = worker_now_ms(s->base.worker);
	struct record *k, *next;
	HASH_ITER(hh, s->base.records, k, next) {
		if (k->untold || now - k->told_ms >= RENEW_AFTER_MS)
			k->untold = s->untold = true;
	}
	redis_tell_more(s);
	if (timer_start(&s->look, LOOK_EVERY_MS))
		log_error("streams are not renewed in redis any more: out of memory");
}

int redis_tell_start(struct registry_redis *s) {
	timer_init(&s->look, s->base.worker, on_look);
	return timer_start(&s->look, LOOK_EVERY_MS);
}

void redis_tell_stop(struct registry_redis *s) {
	timer_stop(&s->look);
}
