/*
 * conn_queue.c: what waits for the kernel. It allocates nothing while that is one run of bytes, for that is what a
 * viewer whose socket is full has.
 */
#include "common/loop/conn_parts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_QUEUE = 4 };

void conn_pending_init(struct conn *c) {
	struct conn_pending *p = &c->pending;
	*p = (struct conn_pending){.items = &p->one, .capacity = 1};
	p->request.data = c;
}

/* Nothing is queued: back to the one run that needs no memory. */
static void shrink(struct conn_pending *p) {
	if (p->items != &p->one)
		free(p->items);
	p->items = &p->one;
	p->first = 0;
	p->capacity = 1;
}

void conn_pending_clear(struct conn *c) {
	struct conn_pending *p = &c->pending;
	for (uint32_t i = 0; i < p->count; i++)
		bytes_unref(&p->items[p->first + i].owner);
	p->count = 0;
	p->bytes = 0;
	shrink(p);
}

static int make_room(struct conn_pending *p) {
	if (p->first + p->count < p->capacity)
		return 0;
	if (p->first) { /* move down rather than grow: the queue drains from its front */
		memmove(p->items, p->items + p->first, p->count * sizeof *p->items);
		p->first = 0;
		return 0;
	}
	uint32_t capacity = p->capacity < FIRST_QUEUE ? FIRST_QUEUE : 2 * p->capacity;
	struct conn_slice *items = realloc(p->items == &p->one ? NULL : p->items, capacity * sizeof *items);
	if (!items)
		return UV_ENOMEM;
	if (p->items == &p->one)
		items[0] = p->one;
	p->items = items;
	p->capacity = capacity;
	return 0;
}

int conn_pending_append(struct conn *c, const struct conn_slice *s) {
	struct conn_pending *p = &c->pending;
	int err = make_room(p);
	if (err)
		return err;
	p->items[p->first + p->count++] = *s;
	p->bytes += s->size;
	return 0;
}

void conn_pending_consume(struct conn *c, size_t size) {
	struct conn_pending *p = &c->pending;
	p->bytes -= size;
	while (p->count) {
		struct conn_slice *s = &p->items[p->first];
		if (s->size > size) {
			s->data += size;
			s->size -= size;
			return;
		}
		size -= s->size;
		bytes_unref(&s->owner);
		p->first++;
		p->count--;
	}
	assert(size == 0);
	shrink(p);
}
