#include "common/stream/tracks.h"

#include "common/base/name.h"

#include <stdlib.h>
#include <string.h>

static void tracks_destroy(struct counted *c) {
	struct tracks *t = (struct tracks *)c; /* counted is the first member */
	for (size_t i = 0; i < t->count; i++)
		track_fini(&t->items[i]);
	bytes_unref(&t->metadata);
	free(t);
}

void track_fini(struct track *t) {
	bytes_unref(&t->config);
	bytes_unref(&t->extra);
}

struct tracks *tracks_copy(const struct tracks *from) {
	struct tracks *t = calloc(1, sizeof *t);
	if (!t)
		return NULL;
	if (from)
		*t = *from;
	counted_init(&t->counted, tracks_destroy);
	for (size_t i = 0; i < t->count; i++) {
		if (t->items[i].config)
			bytes_ref(t->items[i].config);
		if (t->items[i].extra)
			bytes_ref(t->items[i].extra);
	}
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

static size_t size_of(const struct bytes *b) {
	return b ? b->size : 0;
}

size_t tracks_configs_size(const struct tracks *t) {
	size_t size = 0;
	for (size_t i = 0; i < t->count; i++)
		size += size_of(t->items[i].config) + size_of(t->items[i].extra);
	return size;
}

size_t tracks_size(const struct tracks *t) {
	return sizeof *t + tracks_configs_size(t) + size_of(t->metadata);
}

bool bytes_same(const struct bytes *a, const struct bytes *b) {
	size_t na = size_of(a), nb = size_of(b);
	return na == nb && (na == 0 || memcmp(a->data, b->data, na) == 0);
}

/* Where the codec has no configuration record, what the frames told instead. */
static uint64_t config_hash(const struct track *k) {
	if (k->config)
		return name_hash((const char *)k->config->data, k->config->size);
	const struct codec_info *i = &k->info;
	uint32_t told[] = {k->timescale, i->sample_rate, i->channels, i->width, i->height, i->ac3};
	return name_hash((const char *)told, sizeof told);
}

/* FNV-1a. */
uint32_t tracks_configs(const struct tracks *t) {
	uint64_t hash = 0;
	for (size_t i = 0; i < t->count; i++) {
		const struct track *k = &t->items[i];
		uint64_t parts[] = {hash, k->id, k->fourcc, config_hash(k)};
		hash = name_hash((const char *)parts, sizeof parts);
	}
	return (uint32_t)(hash ^ hash >> 32);
}

bool track_same_config(const struct track *a, const struct track *b) {
	return a->kind == b->kind && a->fourcc == b->fourcc && a->flv_audio == b->flv_audio &&
	       bytes_same(a->config, b->config);
}
