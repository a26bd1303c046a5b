#include "common/stream/cursor.h"

#include "common/base/metrics.h"

static void join(struct cursor *c, struct list *list) {
	list_append(c->first ? list->next : list, &c->node);
}

void cursor_wait(struct cursor *c) {
	bool flushed = c->paced && !c->want_key;
	join(c, flushed ? &c->log->paced : &c->log->readers);
}

/* What is there for it already does not wait for a flush. */
static void attach(struct cursor *c) {
	if (c->position < c->log->next) {
		join(c, &c->log->readers);
		worker_at_turn_end(c->log->worker, &c->log->wake);
	} else {
		cursor_wait(c);
	}
}

void cursor_set_paced(struct cursor *c) {
	c->paced = true;
}

void cursor_set_first(struct cursor *c) {
	c->first = true;
	if (list_empty(&c->node))
		return;
	list_remove(&c->node);
	attach(c);
}

void cursor_open_at(struct cursor *c, struct log *l, uint64_t position, void (*on_ready)(struct cursor *)) {
	*c = (struct cursor){.log = l, .position = position, .on_ready = on_ready};
	list_init(&c->node);
	attach(c);
}

void cursor_open(struct cursor *c, struct log *l, enum cursor_start start, int64_t history_us,
                 void (*on_ready)(struct cursor *)) {
	uint64_t position = l->next;
	bool found = true;
	if (start == CURSOR_NEWEST_KEY)
		found = log_newest_key(l, &position);
	else if (start == CURSOR_HISTORY)
		found = log_key_before(l, history_us, &position);
	else if (start == CURSOR_OLDEST)
		position = l->first;
	cursor_open_at(c, l, position, on_ready);
	c->want_key = !found;
}

void cursor_skip(struct cursor *c) {
	c->position = c->log->next;
	c->want_key = !log_newest_key(c->log, &c->position);
	if (c->want_key && !list_empty(&c->node)) { /* the keyframe will not wait either */
		list_remove(&c->node);
		cursor_wait(c);
	}
}

enum cursor_result cursor_next(struct cursor *c, const struct log_item **item) {
	struct log *l = c->log;
	if (c->position < l->first) {
		c->overruns++;
		metric_inc(M_OVERRUNS);
		cursor_skip(c);
		return CURSOR_OVERRUN;
	}
	while (c->position < l->next) {
		const struct log_item *at = log_at(l, c->position);
		if (!c->want_key || at->flags & (ITEM_KEY | ITEM_END)) {
			c->want_key = false;
			*item = at;
			return CURSOR_ITEM;
		}
		c->position++;
	}
	return CURSOR_EMPTY;
}

void cursor_advance(struct cursor *c) {
	c->position++;
}

void cursor_pause(struct cursor *c) {
	list_remove(&c->node);
}

void cursor_resume(struct cursor *c) {
	if (c->log && list_empty(&c->node))
		attach(c);
}

void cursor_close(struct cursor *c) {
	if (!c->log)
		return;
	list_remove(&c->node);
	c->log = NULL;
}
