#include "common/control/listing.h"

#include <stdlib.h>
#include <uv.h>

/* A request that waits. */
struct asker {
	struct list node;
	struct listing *listing;
	struct http_exchange *exchange;
};

static void begin(struct listing *l);

static void refuse(struct http_exchange *x) {
	http_respond_error(x, 503, "out_of_memory", "out of memory");
}

/* Answers all who wait for what is under way; each may be gone as another is answered. */
static void answer(struct listing *l, struct bytes *body) {
	while (!list_empty(&l->asked)) {
		struct asker *a = list_entry(l->asked.next, struct asker, node);
		struct http_exchange *x = a->exchange;
		list_remove(&a->node);
		free(a);
		x->on_gone = NULL;
		if (body)
			http_respond(x, 200, "application/json", HTTP_CACHE_NEVER, bytes_ref(body));
		else
			refuse(x);
	}
}

static void begin_when_rested(struct listing *l) {
	uint64_t now = worker_now_ms(l->worker);
	if (l->under_way || timer_running(&l->rest) || list_empty(&l->waiting))
		return;
	if (l->rested_ms <= now || timer_start(&l->rest, l->rested_ms - now))
		begin(l);
}

static void on_rested(struct timer *t) {
	begin_when_rested(list_entry(t, struct listing, rest));
}

static void on_gathered(void *context, const struct slice *parts, size_t count) {
	struct listing *l = context;
	struct worker *w = l->worker;
	struct bytes *body = list_empty(&l->asked) ? NULL : l->join(parts, count);
	uint64_t rest_ms = LISTING_REST * workers_count(w->group) * (uv_hrtime() - l->began_ns) / 1000000;
	l->under_way = false;
	l->rested_ms = worker_now_ms(w) + (rest_ms < LISTING_REST_MAX_MS ? rest_ms : LISTING_REST_MAX_MS);
	answer(l, body);
	bytes_unref(&body);
	begin_when_rested(l);
	worker_release(w);
}

static void begin(struct listing *l) {
	list_splice(&l->asked, &l->waiting);
	l->began_ns = uv_hrtime();
	if (gather(l->worker, l->collect, on_gathered, l)) {
		answer(l, NULL);
		return;
	}
	l->under_way = true;
	worker_hold(l->worker);
}

/* Without anybody who waits no timer keeps the worker. */
static void on_gone(struct http_exchange *x) {
	struct asker *a = x->handler;
	struct listing *l = a->listing;
	list_remove(&a->node);
	free(a);
	if (list_empty(&l->waiting))
		timer_stop(&l->rest);
}

void listing_init(struct listing *l, struct worker *w, gather_collect_fn collect, listing_join_fn join) {
	*l = (struct listing){.worker = w, .collect = collect, .join = join};
	list_init(&l->asked);
	list_init(&l->waiting);
	timer_init(&l->rest, w, on_rested);
}

void listing_ask(struct listing *l, struct http_exchange *x) {
	struct asker *a = malloc(sizeof *a);
	if (!a) {
		refuse(x);
		return;
	}
	*a = (struct asker){.listing = l, .exchange = x};
	list_append(&l->waiting, &a->node);
	x->handler = a;
	x->on_gone = on_gone;
	begin_when_rested(l);
}
