#include "common/stream/joined.h"

#include "common/stream/cursor.h"
#include "common/stream/pace.h"

#include <string.h>

enum {
	READERS_LEAST = 4,                /* for fewer the copy costs more than it saves */
	BYTES_MOST = 2 * PACE_BYTES_MOST, /* a flush is due at PACE_BYTES_MOST; one more turn's items may be behind them */
};

static bool are_several(const struct list *readers) {
	int count = 0;
	list_each (node, readers)
		if (++count == READERS_LEAST)
			return true;
	return false;
}

/* Bytes from `from` on, and in `count` how many blocks; 0: the run ends there, which is not for everyone alike. */
static size_t measure(const struct log *l, uint64_t from, int *count) {
	size_t size = 0;
	*count = 0;
	for (uint64_t p = from; p < l->next; p++) {
		const struct log_item *item = log_at(l, p);
		if (item->flags & ITEM_END)
			return 0;
		if (!item->object)
			continue;
		size += ((const struct bytes *)item->object)->size; /* counted is the first member */
		++*count;
	}
	return size;
}

void joined_make(struct log *l, const struct list *readers) {
	int count;
	uint64_t from = list_empty(readers) ? l->next : list_entry(readers->next, struct cursor, node)->position;
	if (l->joined.block && l->joined.from == from && l->joined.to == l->next)
		return;
	joined_drop(l);
	if (!are_several(readers))
		return;
	size_t size = from >= l->first ? measure(l, from, &count) : 0;
	if (!size || size > BYTES_MOST || count < 2)
		return;
	struct bytes *b = bytes_new(size);
	if (!b)
		return; /* they go one by one */
	uint8_t *out = b->data;
	for (uint64_t p = from; p < l->next; p++) {
		const struct bytes *block = (const struct bytes *)log_at(l, p)->object;
		if (!block)
			continue;
		memcpy(out, block->data, block->size);
		out += block->size;
	}
	l->joined = (struct joined){.block = b, .from = from, .to = l->next, .count = count};
}

void joined_drop(struct log *l) {
	bytes_unref(&l->joined.block);
}
