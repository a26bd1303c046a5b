#include "common/http/body.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 8 };

static int make_room(struct body *b) {
	if (b->first + b->count < b->capacity)
		return 0;
	if (b->first) {
		memmove(b->items, b->items + b->first, b->count * sizeof *b->items);
		b->first = 0;
		return 0;
	}
	size_t capacity = b->capacity ? 2 * b->capacity : FIRST_CAPACITY;
	struct conn_slice *items = realloc(b->items, capacity * sizeof *items);
	if (!items)
		return UV_ENOMEM;
	b->items = items;
	b->capacity = capacity;
	return 0;
}

int body_push(struct body *b, const struct conn_slice *s) {
	if (s->size == 0)
		return 0;
	int err = make_room(b);
	if (err)
		return err;
	b->items[b->first + b->count] = *s;
	bytes_ref(s->owner);
	b->count++;
	b->size += s->size;
	return 0;
}

size_t body_peek(const struct body *b, struct conn_slice *out, size_t most, size_t limit) {
	size_t n = 0;
	for (; n < b->count && n < most && limit; n++) {
		out[n] = b->items[b->first + n];
		if (out[n].size > limit)
			out[n].size = limit;
		limit -= out[n].size;
	}
	return n;
}

void body_consume(struct body *b, size_t size) {
	while (size && b->count) {
		struct conn_slice *s = &b->items[b->first];
		size_t n = s->size < size ? s->size : size;
		s->data += n;
		s->size -= n;
		b->size -= n;
		size -= n;
		if (s->size)
			return;
		bytes_unref(&s->owner);
		b->first++;
		if (--b->count == 0)
			b->first = 0;
	}
}

void body_fini(struct body *b) {
	body_consume(b, b->size);
	free(b->items);
	memset(b, 0, sizeof *b);
}
