#include "common/stream/mirror.h"

#include "common/stream/feed.h"
#include "common/stream/stream.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

/*
 *   phase    | readers          | what comes
 *   OPENING  | wait for on_log  | mirror_on_live, mirror_on_gone
 *   LIVE     | have a log       | items, states, mirror_on_gone
 *   CLOSING  | none             | mirror_on_closed, after what was on its way: dropped
 */
struct mirror {
	struct list node; /* in the worker's list, until it closes */
	struct worker *worker;
	struct feed *feed;
	enum { OPENING, LIVE, CLOSING } phase;
	struct list readers; /* that have had on_log */
	struct list joining; /* that have not */
	struct log *log;     /* the home's own, or `copy` */
	struct log copy;
	bool copied;
	struct mirror_info info;
	struct turn_task introduce, close;
};

static void on_introduce(struct turn_task *task) {
	struct mirror *m = list_entry(task, struct mirror, introduce);
	while (m->phase == LIVE && !list_empty(&m->joining)) {
		struct mirror_reader *r = list_entry(m->joining.next, struct mirror_reader, node);
		list_remove(&r->node);
		list_append(&m->readers, &r->node);
		r->ops->on_log(r, m->log, &m->info);
	}
}

/* The last reader has left, and no other came in this turn. */
static void on_close(struct turn_task *task) {
	struct mirror *m = list_entry(task, struct mirror, close);
	if (m->phase == CLOSING || !list_empty(&m->readers) || !list_empty(&m->joining))
		return;
	if (feed_post_close(m->feed)) { /* no memory just now: the next turn tries again */
		worker_at_turn_end(m->worker, &m->close);
		return;
	}
	m->phase = CLOSING;
	list_remove(&m->node);
	list_remove(&m->introduce.node);
}

static struct mirror *mirror_find(struct worker *w, const struct stream_name *name, const char *rendition,
                                  const struct view_ops *ops, unsigned flags) {
	list_each (node, streams_mirrors(w->streams, name)) {
		struct mirror *m = list_entry(node, struct mirror, node);
		const struct feed *f = m->feed;
		if (f->ops == ops && f->flags == flags && strcmp(f->name.text, name->text) == 0 &&
		    strcmp(f->rendition, rendition) == 0)
			return m;
	}
	return NULL;
}

static struct mirror *mirror_new(struct worker *w, const struct stream_name *name, const char *rendition,
                                 const struct view_ops *ops, unsigned flags) {
	struct mirror *m = calloc(1, sizeof *m);
	struct feed *f = calloc(1, sizeof *f);
	if (!m || !f) {
		free(m);
		free(f);
		return NULL;
	}
	*m = (struct mirror){.worker = w, .feed = f, .phase = OPENING};
	list_init(&m->readers);
	list_init(&m->joining);
	turn_task_init(&m->introduce, on_introduce);
	turn_task_init(&m->close, on_close);
	*f = (struct feed){
	    .mirror = m, .home = stream_home(w, name), .reader = w, .name = *name, .ops = ops, .flags = flags};
	snprintf(f->rendition, sizeof f->rendition, "%s", rendition);
	if (feed_post_open(f)) {
		free(m);
		free(f);
		return NULL;
	}
	worker_hold(w);
	list_append(streams_mirrors(w->streams, name), &m->node);
	return m;
}

int mirror_open(struct mirror_reader *r, struct worker *w, const struct stream_name *name, const char *rendition,
                const struct view_ops *ops, unsigned flags, const struct mirror_reader_ops *reader_ops) {
	if (worker_stopping(w))
		return UV_ECANCELED;
	struct mirror *m = mirror_find(w, name, rendition, ops, flags);
	if (!m)
		m = mirror_new(w, name, rendition, ops, flags);
	if (!m)
		return UV_ENOMEM;
	*r = (struct mirror_reader){.mirror = m, .ops = reader_ops};
	list_init(&r->node);
	list_append(&m->joining, &r->node);
	if (m->phase == LIVE)
		worker_at_turn_end(w, &m->introduce);
	return 0;
}

void mirror_close(struct mirror_reader *r) {
	struct mirror *m = r->mirror;
	if (!m)
		return;
	r->mirror = NULL;
	list_remove(&r->node);
	if (list_empty(&m->readers) && list_empty(&m->joining))
		worker_at_turn_end(m->worker, &m->close);
}

/* --- what the home says --- */

void mirror_on_live(struct mirror *m, struct log *log, const struct mirror_info *info) {
	if (m->phase == CLOSING)
		return;
	if (!log) {
		log_init(&m->copy, m->worker, streams_log_limits(m->worker->streams, &m->feed->name));
		log_set_pace(&m->copy, streams_pace_rule(m->worker->streams, &m->feed->name));
		m->copied = true;
		log = &m->copy;
	}
	m->log = log;
	m->info = *info;
	m->phase = LIVE;
	worker_at_turn_end(m->worker, &m->introduce);
}

void mirror_on_items(struct mirror *m, const struct log_item *items, size_t count) {
	for (size_t i = 0; i < count; i++) {
		if (m->copied && m->phase == LIVE) {
			log_append(&m->copy, &items[i]);
		} else {
			counted_unref(items[i].object);
			counted_unref(items[i].head);
		}
	}
}

void mirror_on_state(struct mirror *m, const struct mirror_info *info) {
	if (m->phase != LIVE)
		return;
	bool waiting = info->waiting, changed = waiting != m->info.waiting;
	m->info = *info; /* for who comes from now on */
	if (!changed)
		return;
	list_each (node, &m->readers) {
		struct mirror_reader *r = list_entry(node, struct mirror_reader, node);
		if (r->ops->on_waiting)
			r->ops->on_waiting(r, waiting);
	}
}

void mirror_on_gone(struct mirror *m, int reason) {
	if (m->phase == CLOSING)
		return;
	list_remove(&m->node); /* who asks from now on gets a new mirror */
	list_splice(&m->readers, &m->joining);
	while (!list_empty(&m->readers)) {
		struct mirror_reader *r = list_entry(m->readers.next, struct mirror_reader, node);
		list_remove(&r->node);
		r->mirror = NULL;
		r->ops->on_gone(r, reason);
	}
	worker_at_turn_end(m->worker, &m->close);
}

void mirror_on_closed(struct mirror *m) {
	assert(m->phase == CLOSING);
	struct worker *w = m->worker;
	if (m->copied)
		log_fini(&m->copy);
	list_remove(&m->introduce.node);
	list_remove(&m->close.node);
	free(m->feed);
	free(m);
	worker_release(w);
}
