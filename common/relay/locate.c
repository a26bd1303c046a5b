#include "common/relay/locate.h"

#include <stdlib.h>

/* A question to all. It lives until the last has answered, or lost its link, also when that comes too late. */
struct poll {
	pool_located_fn fn; /* NULL: answered */
	void *context;
	unsigned open;
	struct timer enough;
	struct pool_places places;
};

static void finish(struct poll *p) {
	pool_located_fn fn = p->fn;
	p->fn = NULL;
	timer_stop(&p->enough);
	if (fn)
		fn(p->context, &p->places);
}

static void on_enough(struct timer *t) {
	finish(list_entry(t, struct poll, enough));
}

static void release(struct poll *p) {
	if (--p->open)
		return;
	finish(p);
	free(p);
}

static void note_place(struct pool_places *places, struct upstream *u, const struct located *l) {
	if (l->epoch > places->best.epoch)
		*places = (struct pool_places){.best = *l};
	if (l->epoch < places->best.epoch || places->count == POOL_PLACES_MAX)
		return;
	size_t at = places->count++;
	places->items[at] = u;
	if (!l->replica && !(at && u->draining)) {
		places->items[at] = places->items[0];
		places->items[0] = u;
		places->best = *l;
	}
}

static void on_answer(void *context, struct upstream *u, const struct located *l) {
	struct poll *p = context;
	if (l->found && p->fn) {
		bool first = p->places.count == 0;
		note_place(&p->places, u, l);
		if (first && p->open > 1 && timer_start(&p->enough, LOCATE_MORE_MS))
			finish(p);
	}
	release(p);
}

void link_pool_locate(struct link_pool *pool, const struct stream_name *name, pool_located_fn fn, void *context) {
	struct poll *p = calloc(1, sizeof *p);
	if (!p) {
		fn(context, &(struct pool_places){0});
		return;
	}
	*p = (struct poll){.fn = fn, .context = context, .open = 1};
	timer_init(&p->enough, pool->worker, on_enough);
	list_each (node, &pool->upstreams) {
		struct upstream *u = list_entry(node, struct upstream, node);
		if (!u->up)
			continue;
		p->open++;
		upstream_locate(u, name, on_answer, p);
	}
	if (p->open > 1 && !timer_running(&p->enough) && timer_start(&p->enough, LOCATE_MOST_MS))
		finish(p);
	release(p);
}
