#include "edge/samples.h"

#include <stdlib.h>
#include <uv.h>

enum { FIRST = 16, NOTES_MAX = 256 };

int samples_add(struct samples *all, const struct sample *s) {
	if (all->count == all->capacity) {
		size_t capacity = all->capacity ? 2 * all->capacity : FIRST;
		struct sample *items = realloc(all->items, capacity * sizeof *items);
		if (!items)
			return UV_ENOMEM;
		all->items = items;
		all->capacity = capacity;
	}
	all->items[all->count++] = *s;
	all->bytes += s->payload.size;
	if (s->block)
		bytes_ref(s->block);
	return 0;
}

static bool describes(const struct sample *s) {
	return s->type == SAMPLE_CONFIG || s->type == SAMPLE_EXTRA || s->type == SAMPLE_METADATA;
}

int samples_note(struct samples *all, const struct sample *s) {
	if (!describes(s))
		return 0;
	for (size_t i = 0; i < all->count; i++) {
		struct sample *old = &all->items[i];
		if (old->type != s->type || old->kind != s->kind || old->publisher_track != s->publisher_track)
			continue;
		if (s->block)
			bytes_ref(s->block);
		bytes_unref(&old->block);
		all->bytes = all->bytes - old->payload.size + s->payload.size;
		*old = *s;
		return 0;
	}
	return all->count < NOTES_MAX ? samples_add(all, s) : UV_E2BIG;
}

void samples_fini(struct samples *all) {
	for (size_t i = 0; i < all->count; i++)
		bytes_unref(&all->items[i].block);
	free(all->items);
	*all = (struct samples){0};
}
