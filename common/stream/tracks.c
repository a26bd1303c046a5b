#include "common/stream/tracks.h"

#include <stdlib.h>
#include <string.h>

static void tracks_destroy(struct counted *c) {
	struct tracks *t = (struct tracks *)c; /* counted is the first member */
	for (size_t i = 0; i < t->count; i++)
		bytes_unref(&t->items[i].config);
	bytes_unref(&t->metadata);
	free(t);
}

struct tracks *tracks_copy(const struct tracks *from) {
	struct tracks *t = calloc(1, sizeof *t);
	if (!t)
		return NULL;
	if (from)
		*t = *from;
	counted_init(&t->counted, tracks_destroy);
	for (size_t i = 0; i < t->count; i++)
		if (t->items[i].config)
			bytes_ref(t->items[i].config);
	if (t->metadata)
		bytes_ref(t->metadata);
	return t;
}

void tracks_unref(struct tracks **t) {
	if (*t)
		counted_unref(&(*t)->counted);
	*t = NULL;
}

const struct track *tracks_find(const struct tracks *t, uint32_t id) {
	for (size_t i = 0; i < t->count; i++)
		if (t->items[i].id == id)
			return &t->items[i];
	return NULL;
}

const struct track *tracks_key(const struct tracks *t, const char *rendition) {
	const struct track *audio = NULL;
	for (size_t i = 0; i < t->count; i++) {
		const struct track *k = &t->items[i];
		if (strcmp(k->rendition, rendition) != 0)
			continue;
		if (k->kind == TRACK_VIDEO)
			return k;
		if (k->kind == TRACK_AUDIO && !audio)
			audio = k;
	}
	return audio;
}

bool track_same_config(const struct track *a, const struct track *b) {
	size_t na = a->config ? a->config->size : 0, nb = b->config ? b->config->size : 0;
	return a->kind == b->kind && a->fourcc == b->fourcc && a->flv_audio == b->flv_audio && na == nb &&
	       (na == 0 || memcmp(a->config->data, b->config->data, na) == 0);
}
