#include "common/stream/feed.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct feed_message {
	struct message message;
	struct feed *feed;
	struct mirror *mirror;
	struct log *log;
	struct mirror_info info;
	int reason;
	size_t count;
	struct log_item items[];
};

static struct feed_message *message_new(struct feed *f, message_fn deliver, size_t items) {
	struct feed_message *m = calloc(1, sizeof *m + items * sizeof *m->items);
	if (!m)
		return NULL;
	m->message.deliver = deliver;
	m->feed = f;
	m->mirror = f->mirror;
	return m;
}

/* --- to the reader --- */

static void deliver_live(struct worker *w, struct message *message) {
	struct feed_message *m = (struct feed_message *)message;
	(void)w;
	mirror_on_live(m->mirror, m->log, &m->info);
	free(m);
}

static void deliver_items(struct worker *w, struct message *message) {
	struct feed_message *m = (struct feed_message *)message;
	(void)w;
	mirror_on_items(m->mirror, m->items, m->count);
	free(m);
}

static void deliver_state(struct worker *w, struct message *message) {
	struct feed_message *m = (struct feed_message *)message;
	(void)w;
	mirror_on_state(m->mirror, &m->info);
	free(m);
}

static void deliver_gone(struct worker *w, struct message *message) {
	struct feed_message *m = (struct feed_message *)message;
	(void)w;
	mirror_on_gone(m->mirror, m->reason);
	free(m);
}

static void deliver_closed(struct worker *w, struct message *message) {
	struct feed_message *m = (struct feed_message *)message;
	(void)w;
	mirror_on_closed(m->mirror);
	free(m);
}

static struct counted *ref_or_null(struct counted *c) {
	return c ? counted_ref(c) : NULL;
}

enum { BATCH_MAX = 4096 };

/* A turn's items to the other worker, a reference each. Out of memory: the reader loses them, as if it had been slow.
 */
static void on_ready(struct cursor *c) {
	struct feed *f = list_entry(c, struct feed, cursor);
	const struct log_item *item;
	for (;;) {
		enum cursor_result r = cursor_next(c, &item);
		if (r == CURSOR_OVERRUN)
			continue;
		if (r == CURSOR_EMPTY)
			return;
		uint64_t left = c->log->next - c->position;
		size_t count = left < BATCH_MAX ? (size_t)left : BATCH_MAX;
		struct feed_message *m = message_new(f, deliver_items, count);
		for (size_t i = 0; m && i < count; i++) {
			m->items[i] = *log_at(c->log, c->position + i);
			ref_or_null(m->items[i].object);
			ref_or_null(m->items[i].head);
		}
		c->position += count;
		if (m) {
			m->count = count;
			worker_post(f->reader, &m->message);
		}
	}
}

/* Without memory for a word to its reader a feed can only stay silent; the reader's own time-outs end it. */
static void post(struct feed *f, struct feed_message *m) {
	if (m)
		worker_post(f->reader, &m->message);
}

void feed_end(struct feed *f, int reason) {
	if (f->gone)
		return;
	f->gone = true;
	cursor_close(&f->cursor);
	struct feed_message *m = message_new(f, deliver_gone, 0);
	if (m)
		m->reason = reason;
	post(f, m);
}

static struct mirror_info info_of(const struct feed *f) {
	const struct stream *s = f->stream;
	return (struct mirror_info){
	    .stream_id = s->id, .run = s->run, .epoch = s->epoch, .waiting = s->phase == STREAM_WAITING};
}

void feed_state(struct feed *f) {
	if (!f->live || f->gone)
		return;
	struct feed_message *m = message_new(f, deliver_state, 0);
	if (m)
		m->info = info_of(f);
	post(f, m);
}

void feed_stream_live(struct feed *f) {
	struct rendition *r = stream_rendition(f->stream, f->rendition);
	if (f->live || f->gone || !r || r->log.next == 0)
		return;
	if (f->ops) {
		f->view = view_get(r, f->ops);
		if (!f->view) {
			feed_end(f, UV_ENOMEM);
			return;
		}
	}
	struct log *log = f->view ? view_log(f->view) : &r->log;
	struct feed_message *m = message_new(f, deliver_live, 0);
	if (!m) {
		feed_end(f, UV_ENOMEM);
		return;
	}
	f->live = true;
	m->info = info_of(f);
	m->log = f->home == f->reader ? log : NULL;
	worker_post(f->reader, &m->message);
	if (f->home != f->reader) {
		cursor_open(&f->cursor, log, CURSOR_OLDEST, 0, on_ready);
		on_ready(&f->cursor); /* what there is goes right behind the word that it is live */
	}
}

/* --- from the reader --- */

static void deliver_open(struct worker *home, struct message *message) {
	struct feed_message *m = (struct feed_message *)message;
	struct feed *f = m->feed;
	free(m);
	stream_add_feed(home, f);
}

static void deliver_close(struct worker *home, struct message *message) {
	struct feed_message *m = (struct feed_message *)message;
	struct feed *f = m->feed;
	(void)home;
	cursor_close(&f->cursor);
	f->gone = true;
	if (f->view)
		view_release(f->view);
	if (f->stream)
		stream_remove_feed(f);
	m->message.deliver = deliver_closed; /* the same message goes back: closing needs no memory */
	worker_post(f->reader, &m->message);
}

static int post_home(struct feed *f, message_fn deliver) {
	struct feed_message *m = message_new(f, deliver, 0);
	if (!m)
		return UV_ENOMEM;
	worker_post(f->home, &m->message);
	return 0;
}

int feed_post_open(struct feed *f) {
	list_init(&f->node);
	return post_home(f, deliver_open);
}

int feed_post_close(struct feed *f) {
	return post_home(f, deliver_close);
}
