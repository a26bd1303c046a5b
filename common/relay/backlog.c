#include "common/relay/backlog.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { FIRST = 64 };

static int make_room(struct backlog *b) {
	if (b->first + b->count < b->capacity)
		return 0;
	if (b->first >= b->count && b->first) { /* half of it is free: moving down is cheaper than growing */
		memmove(b->items, b->items + b->first, b->count * sizeof *b->items);
		b->first = 0;
		return 0;
	}
	size_t capacity = b->capacity ? 2 * b->capacity : FIRST;
	struct backlog_item *items = realloc(b->items, capacity * sizeof *items);
	if (!items)
		return UV_ENOMEM;
	b->items = items;
	b->capacity = capacity;
	return 0;
}

int backlog_add(struct backlog *b, uint64_t owner, struct bytes *block) {
	int err = make_room(b);
	if (err)
		return err;
	b->items[b->first + b->count++] = (struct backlog_item){owner, bytes_ref(block)};
	return 0;
}

bool backlog_take(struct backlog *b, struct backlog_item *out) {
	if (!b->count)
		return false;
	*out = b->items[b->first++];
	if (--b->count == 0)
		backlog_fini(b);
	return true;
}

void backlog_drop(struct backlog *b, uint64_t owner) {
	size_t kept = 0;
	for (size_t i = 0; i < b->count; i++) {
		struct backlog_item item = b->items[b->first + i];
		if (item.owner == owner)
			bytes_unref(&item.block);
		else
			b->items[b->first + kept++] = item;
	}
	b->count = kept;
	if (!kept)
		backlog_fini(b);
}

void backlog_fini(struct backlog *b) {
	for (size_t i = 0; i < b->count; i++)
		bytes_unref(&b->items[b->first + i].block);
	free(b->items);
	*b = (struct backlog){0};
}
