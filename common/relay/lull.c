#include "common/relay/lull.h"

#include "common/base/list.h"
#include "common/base/metrics.h"
#include "common/relay/pull.h"
#include "common/stream/view.h"

enum {
	PULLS_MOST = 16, /* their flushes lie between each other: of many streams there is always one due */
	MOST_MS = 500,   /* as long as frames may wait for each other (edge.merge) */
};

static void end(struct upstream *u) {
	timer_stop(&u->lull.most);
	list_remove(&u->lull.begin.node);
	if (u->link)
		link_lull(u->link, false);
}

static void on_most(struct timer *t) {
	end(list_entry(t, struct upstream, lull.most));
}

/* A flush will end it, and nobody misses anything before. */
static bool is_calm(const struct upstream *u) {
	bool due = false;
	if (!u->up || u->pushes || u->fetches || u->locations || HASH_COUNT(u->pulls) > PULLS_MOST)
		return false;
	for (const struct pull *p = u->pulls; p; p = p->hh.next) {
		switch (rendition_need(p->rendition)) {
		case RENDITION_NEEDED_NOW:
			return false;
		case RENDITION_NEEDED_AT_FLUSH:
			due = true;
			break;
		case RENDITION_UNREAD:
			break;
		}
	}
	return due;
}

/* After all views have made their form of what came, so that each log's wait has begun. */
static void on_begin(struct turn_task *task) {
	struct upstream *u = list_entry(task, struct upstream, lull.begin);
	if (!is_calm(u) || timer_start(&u->lull.most, MOST_MS))
		return;
	link_lull(u->link, true);
	metric_inc(M_RELAY_LULLS);
}

/* Viewers begin to wait for a flush, or one is due. */
static void on_wait(struct rendition_source *s, bool waits) {
	struct upstream *u = list_entry(s, struct pull, source)->upstream;
	if (waits) {
		worker_at_turn_end(u->pool->worker, &u->lull.begin);
		return;
	}
	if (u->link && timer_running(&u->lull.most))
		link_read_now(u->link);
	end(u);
}

void lull_init(struct upstream *u) {
	turn_task_init(&u->lull.begin, on_begin);
	timer_init(&u->lull.most, u->pool->worker, on_most);
}

void lull_stop(struct upstream *u) {
	timer_stop(&u->lull.most);
	list_remove(&u->lull.begin.node);
}

void lull_watch(struct pull *p) {
	p->source.on_wait = on_wait;
	p->rendition->source = &p->source;
}

void lull_unwatch(struct pull *p) {
	if (p->rendition->source == &p->source)
		p->rendition->source = NULL;
}
