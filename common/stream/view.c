#include "common/stream/view.h"

#include "common/base/logger.h"
#include "common/stream/feed.h"
#include "common/stream/stream.h"

#include <stdalign.h>
#include <stdlib.h>
#include <uv.h>

struct view {
	struct list node;
	struct rendition *rendition;
	const struct view_ops *ops;
	struct log log;
	struct cursor cursor;
	struct entry *mark; /* in force; a reference */
	unsigned readers;
	struct turn_task release;
	uint64_t run;
	int64_t base_us;  /* of the run that RTMP's milliseconds count from */
	int64_t carry_ms; /* added after a run that had no end */
	int64_t last_us;  /* of the newest entry */
	uint64_t failed;  /* entries that could not be rendered */
	alignas(max_align_t) uint8_t state[];
};

void *view_state(struct view *v) {
	return v->state;
}

const struct entry *view_mark(const struct view *v) {
	return v->mark;
}

const struct tracks *view_tracks(const struct view *v) {
	return v->mark ? v->mark->mark.tracks : NULL;
}

const char *view_rendition(const struct view *v) {
	return v->rendition->name;
}

uint64_t view_stream_id(const struct view *v) {
	return v->rendition->stream->id;
}

struct log *view_log(struct view *v) {
	return &v->log;
}

uint32_t view_rtmp_ms(const struct view *v, int64_t time_us) {
	int64_t us = time_us - v->base_us;
	return (uint32_t)((us >= 0 ? us + 500 : us - 500) / 1000 + v->carry_ms);
}

/* A mark comes into force: its Tracks, and with a new run its base. */
static void enter_mark(struct view *v, struct entry *mark) {
	const struct tracks *t = mark->mark.tracks;
	entry_ref(mark);
	entry_unref(&v->mark);
	v->mark = mark;
	if (!t || t->run == v->run)
		return;
	if (v->run)
		v->carry_ms += (v->last_us - v->base_us) / 1000 + 1;
	v->run = t->run;
	v->base_us = t->base_us;
}

/* One that keyframes share counts for the first of them. */
static size_t size_of_head(const struct view *v, const struct bytes *head) {
	uint64_t key;
	bool shared = head && log_newest_key(&v->log, &key) && log_at(&v->log, key)->head == &head->counted;
	return head && !shared ? head->size : 0;
}

static void render(struct view *v, const struct log_item *from) {
	struct entry *e = (struct entry *)from->object; /* counted is the first member */
	struct bytes *block = NULL, *head = NULL;
	if (e->kind == ENTRY_MARK)
		enter_mark(v, e);
	if (e->time_us > v->last_us)
		v->last_us = e->time_us;
	if (v->ops->render(v, e, &block, &head)) {
		if (v->failed++ == 0)
			log_error("memory is out: frames are missing for viewers", log_str("form", v->ops->name),
			          log_str("stream", v->rendition->stream->name.text));
	}
	struct log_item item = {
	    .object = block ? &block->counted : NULL,
	    .head = head ? &head->counted : NULL,
	    .epoch = from->epoch,
	    .sequence = from->sequence,
	    .time_us = from->time_us,
	    .size_bytes = (uint32_t)(sizeof item + (block ? block->size : 0) + size_of_head(v, head)),
	    .flags = from->flags,
	};
	log_append(&v->log, &item);
}

static void on_ready(struct cursor *c) {
	struct view *v = list_entry(c, struct view, cursor);
	const struct log_item *item;
	for (;;) {
		enum cursor_result r = cursor_next(c, &item);
		if (r == CURSOR_EMPTY)
			return;
		if (r == CURSOR_OVERRUN)
			continue;
		render(v, item);
		cursor_advance(c);
	}
}

/* The mark in force before `position`. */
static struct entry *mark_before(const struct rendition *r, uint64_t position) {
	for (uint64_t p = position; p > r->log.first; p--) {
		struct entry *e = (struct entry *)log_at(&r->log, p - 1)->object;
		if (e->kind == ENTRY_MARK)
			return e;
	}
	return r->first_mark;
}

static void view_free(struct view *v) {
	cursor_close(&v->cursor);
	if (v->ops->fini)
		v->ops->fini(v);
	log_fini(&v->log);
	entry_unref(&v->mark);
	list_remove(&v->node);
	free(v);
}

/* Views are freed between turns' tasks, never under the feet of a reader that is being woken. */
static void on_release(struct turn_task *task) {
	struct view *v = list_entry(task, struct view, release);
	if (v->readers == 0)
		view_free(v);
}

static void on_wait(struct log *l, bool waits) {
	struct rendition_source *source = list_entry(l, struct view, log)->rendition->source;
	if (source)
		source->on_wait(source, waits);
}

static struct view *view_new(struct rendition *r, const struct view_ops *ops) {
	struct view *v = calloc(1, sizeof *v + ops->state_size);
	if (!v)
		return NULL;
	const struct config_app *config = r->stream->config;
	v->rendition = r;
	v->ops = ops;
	turn_task_init(&v->release, on_release);
	log_init(&v->log, r->log.worker, r->log.limits);
	log_set_pace(&v->log, pace_rule_of(config));
	v->log.on_wait = on_wait;
	cursor_open(&v->cursor, &r->log, ops->from_oldest ? CURSOR_OLDEST : CURSOR_HISTORY, config->edge_history * 1000,
	            on_ready);
	struct entry *mark = mark_before(r, v->cursor.position);
	if (mark)
		enter_mark(v, mark);
	list_append(&r->views, &v->node);
	on_ready(&v->cursor); /* readers find what there is already */
	return v;
}

struct view *view_get(struct rendition *r, const struct view_ops *ops) {
	struct view *found = NULL;
	list_each (node, &r->views) {
		struct view *v = list_entry(node, struct view, node);
		if (v->ops == ops)
			found = v;
	}
	if (!found)
		found = view_new(r, ops);
	if (found)
		found->readers++;
	return found;
}

void view_release(struct view *v) {
	if (--v->readers == 0)
		worker_at_turn_end(v->log.worker, &v->release);
}

enum rendition_need rendition_need(const struct rendition *r) {
	enum rendition_need need = RENDITION_UNREAD;
	int others = 0; /* readers of the entries themselves */
	list_each (node, &r->log.readers)
		others++;
	list_each (node, &r->views) {
		const struct view *v = list_entry(node, struct view, node);
		others -= !list_empty(&v->cursor.node);
		if (!list_empty(&v->log.readers))
			return RENDITION_NEEDED_NOW;
		if (list_empty(&v->log.paced))
			continue;
		if (!timer_running(&v->log.pace.timer))
			return RENDITION_NEEDED_NOW;
		need = RENDITION_NEEDED_AT_FLUSH;
	}
	return others ? RENDITION_NEEDED_NOW : need;
}
