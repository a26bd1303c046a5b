/* session_early.c: media that come before the verdict on their publisher. */
#include "common/rtmp/session_parts.h"

#include <stdlib.h>
#include <uv.h>

enum { FIRST_KEPT = 8, BLOCK_COST = 64 };

static struct rtmp_message *make_room(struct rtmp_early *e) {
	if (e->count < e->capacity)
		return &e->items[e->count];
	size_t capacity = e->capacity ? 2 * e->capacity : FIRST_KEPT;
	struct rtmp_message *items = realloc(e->items, capacity * sizeof *items);
	if (!items)
		return NULL;
	e->items = items;
	e->capacity = capacity;
	return &items[e->count];
}

/* An aggregate's messages share its block, which is held as long as one of them is. */
static size_t cost(const struct rtmp_early *e, const struct rtmp_message *m) {
	bool shared = e->count && e->items[e->count - 1].block == m->block;
	return sizeof *m + (shared ? 0 : m->block->size + BLOCK_COST);
}

int rtmp_early_keep(struct rtmp_publish *p, const struct rtmp_message *m) {
	struct rtmp_early *e = &p->early;
	struct rtmp_message *kept = make_room(e);
	if (!kept)
		return UV_ENOMEM;
	e->bytes += cost(e, m);
	*kept = *m;
	bytes_ref(kept->block);
	e->count++;
	if (!e->full && e->bytes > RTMP_EARLY_BYTES) {
		e->full = true;
		conn_read_pause(&p->session->conn);
	}
	return 0;
}

/* Reading goes on only after all that was kept is let go: what is read then is newer. */
static void let_go(struct rtmp_early *e, struct conn *c) {
	for (size_t i = 0; i < e->count; i++)
		bytes_unref(&e->items[i].block);
	free(e->items);
	if (e->full)
		conn_read_resume(c);
}

void rtmp_early_replay(struct rtmp_session *s) {
	struct rtmp_early early = s->publish->early;
	s->publish->early = (struct rtmp_early){0};
	for (size_t i = 0; i < early.count && s->publish; i++)
		rtmp_publish_message(s->publish, &early.items[i]);
	let_go(&early, &s->conn);
}

void rtmp_early_drop(struct rtmp_publish *p) {
	let_go(&p->early, &p->session->conn);
	p->early = (struct rtmp_early){0};
}
