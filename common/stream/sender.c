#include "common/stream/sender.h"

#include "common/base/bytes.h"
#include "common/base/metrics.h"

#include <uv.h>

/* What one writev carries. */
struct batch {
	struct conn_slice slices[CONN_WRITEV_MAX];
	uint64_t after[CONN_WRITEV_MAX]; /* the cursor's position once this slice has gone */
	int count;
	int head;      /* which slice is a head; -1: none */
	uint64_t next; /* the position after the last item gathered */
	bool end;      /* the last one ends the run, or the sender was to end before the next */
	bool at_key;   /* the latter */
};

static struct sender *sender_of(struct cursor *c) {
	return list_entry(c, struct sender, cursor);
}

static bool blocked(const struct sender *s) {
	return s->conn ? conn_blocked(s->conn) : sink_blocked(s->sink);
}

static int try_writev(const struct sender *s, const struct batch *b) {
	size_t count = (size_t)b->count;
	return s->conn ? conn_try_writev(s->conn, b->slices, count) : sink_try_writev(s->sink, b->slices, count);
}

static void add(struct batch *b, struct counted *object, uint64_t after) {
	struct bytes *block = (struct bytes *)object; /* counted is the first member */
	b->slices[b->count] = (struct conn_slice){block->data, block->size, block};
	b->after[b->count++] = after;
}

/* Gathers from the cursor's position on; moves nothing. */
static void gather(const struct sender *s, struct batch *b) {
	const struct log *l = s->cursor.log;
	bool need_head = s->need_head;
	b->count = 0;
	b->head = -1;
	b->end = b->at_key = false;
	for (b->next = s->cursor.position; b->next < l->next && b->count + 2 <= CONN_WRITEV_MAX && !b->end; b->next++) {
		const struct log_item *item = log_at(l, b->next);
		if (s->end_at_key && item->flags & ITEM_KEY) {
			b->end = b->at_key = true;
			return;
		}
		if (need_head && item->flags & ITEM_KEY && item->head) {
			b->head = b->count;
			add(b, item->head, b->next);
			need_head = false;
		}
		if (item->object)
			add(b, item->object, b->next + 1);
		b->end = item->flags & ITEM_END;
	}
}

static void fail(struct sender *s, int error) {
	cursor_close(&s->cursor);
	s->ops->on_fail(s, error);
}

/* What comes before the first item; nothing for the others. */
static int begin(struct sender *s, uint32_t flags) {
	if (s->began)
		return 0;
	s->began = true;
	return s->ops->on_first ? s->ops->on_first(s, flags) : 0;
}

/* True when all of it went and there may be more. */
static bool send_batch(struct sender *s) {
	struct batch b;
	gather(s, &b);
	int gone = b.count ? try_writev(s, &b) : 0;
	if (gone > 0) {
		metric_inc(M_SENDER_WRITES);
		metric_add(M_SENDER_BLOCKS, gone);
	}
	if (gone < 0) {
		fail(s, gone);
		return false;
	}
	if (b.head >= 0 && gone > b.head)
		s->need_head = false;
	if (gone < b.count) {
		if (gone > 0)
			s->cursor.position = b.after[gone - 1];
		cursor_pause(&s->cursor);
		return false;
	}
	s->cursor.position = b.next;
	if (b.end) {
		s->ended_at_key = b.at_key;
		cursor_close(&s->cursor);
		s->ops->on_end(s);
		return false;
	}
	if (blocked(s)) {
		cursor_pause(&s->cursor);
		return false;
	}
	return true;
}

/* The flush in one piece went in part: `sent` bytes of it, more than none. Of the item that was cut the conn keeps the
 * rest, by a reference to that item alone. True when there may be more to send. */
static bool pass_sent(struct sender *s, size_t sent) {
	const struct log *l = s->cursor.log;
	for (;; s->cursor.position++) {
		const struct bytes *block = (const struct bytes *)log_at(l, s->cursor.position)->object;
		size_t size = block ? block->size : 0;
		if (sent < size)
			break;
		sent -= size;
	}
	if (sent == 0)
		return true;
	struct bytes *cut = (struct bytes *)log_at(l, s->cursor.position)->object;
	int gone = conn_try_writev(s->conn, &(struct conn_slice){cut->data + sent, cut->size - sent, cut}, 1);
	if (gone < 0) {
		fail(s, gone);
		return false;
	}
	s->cursor.position++;
	if (!blocked(s))
		return true;
	cursor_pause(&s->cursor);
	return false;
}

/* As send_batch, of what the log's flush has joined. */
static bool send_joined(struct sender *s, const struct joined *j) {
	int sent = conn_try_write(s->conn, j->block->data, j->block->size);
	if (sent == 0)
		return send_batch(s);
	if (sent < 0) {
		fail(s, sent);
		return false;
	}
	metric_inc(M_SENDER_WRITES);
	metric_add(M_SENDER_BLOCKS, j->count);
	if ((size_t)sent < j->block->size)
		return pass_sent(s, (size_t)sent);
	s->cursor.position = j->to;
	return true;
}

static bool send_more(struct sender *s) {
	const struct joined *j = &s->cursor.log->joined;
	bool fits = j->block && j->from == s->cursor.position && s->conn && !s->need_head && !s->end_at_key;
	return fits ? send_joined(s, j) : send_batch(s);
}

static void on_ready(struct cursor *c) {
	struct sender *s = sender_of(c);
	const struct log_item *item;
	for (;;) {
		enum cursor_result r = cursor_next(c, &item);
		if (r == CURSOR_EMPTY)
			return;
		if (r == CURSOR_OVERRUN) {
			s->need_head = true;
			if (s->ops->on_overrun)
				s->ops->on_overrun(s);
			continue;
		}
		if (blocked(s)) {
			cursor_pause(c);
			return;
		}
		int err = begin(s, item->flags);
		if (err)
			fail(s, err);
		if (err || !send_more(s))
			return;
	}
}

void sender_open(struct sender *s, struct conn *c, struct log *l, int64_t history_us, const struct sender_ops *ops) {
	*s = (struct sender){.conn = c, .ops = ops, .need_head = true};
	cursor_open(&s->cursor, l, history_us > 0 ? CURSOR_HISTORY : CURSOR_NEWEST_KEY, history_us, on_ready);
	cursor_set_paced(&s->cursor);
}

void sender_open_sink(struct sender *s, struct sink *k, struct log *l, int64_t history_us,
                      const struct sender_ops *ops) {
	sender_open(s, k->conn, l, history_us, ops);
	s->sink = k;
}

void sender_writable(struct sender *s) {
	if (s->cursor.log && !s->paused)
		cursor_resume(&s->cursor);
}

void sender_pause(struct sender *s) {
	s->paused = true;
	if (s->cursor.log)
		cursor_pause(&s->cursor);
}

void sender_resume(struct sender *s) {
	s->paused = false;
	if (!s->cursor.log)
		return;
	cursor_skip(&s->cursor);
	s->need_head = true;
	if (!blocked(s))
		cursor_resume(&s->cursor);
}

void sender_end_at_key(struct sender *s) {
	s->end_at_key = true;
}

void sender_close(struct sender *s) {
	cursor_close(&s->cursor);
}
