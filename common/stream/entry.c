#include "common/stream/entry.h"

#include "common/stream/tracks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void entry_destroy(struct counted *c) {
	struct entry *e = (struct entry *)c; /* counted is the first member */
	if (e->kind == ENTRY_FRAME)
		bytes_unref(&e->frame.block);
	else if (e->kind == ENTRY_MARK)
		tracks_unref(&e->mark.tracks);
	else if (e->kind == ENTRY_END)
		free(e->end.tracks);
	free(e);
}

static struct entry *entry_new(enum entry_kind kind, int64_t time_us) {
	struct entry *e = calloc(1, sizeof *e);
	if (!e)
		return NULL;
	counted_init(&e->counted, entry_destroy);
	e->kind = kind;
	e->time_us = time_us;
	return e;
}

struct entry *entry_new_frame(const struct frame *frame, int64_t time_us) {
	struct entry *e = entry_new(ENTRY_FRAME, time_us);
	if (!e)
		return NULL;
	e->frame = *frame;
	if (e->frame.block)
		bytes_ref(e->frame.block);
	return e;
}

struct entry *entry_new_mark(const struct mark *mark, int64_t time_us) {
	struct entry *e = entry_new(ENTRY_MARK, time_us);
	if (!e)
		return NULL;
	e->mark = *mark;
	if (e->mark.tracks)
		tracks_ref(e->mark.tracks);
	return e;
}

struct entry *entry_new_progress(int64_t time_us) {
	struct entry *e = entry_new(ENTRY_PROGRESS, time_us);
	if (e)
		e->progress.time_us = time_us;
	return e;
}

struct entry *entry_new_end(const char *reason, const struct track_end *tracks, size_t count, int64_t time_us) {
	struct entry *e = entry_new(ENTRY_END, time_us);
	if (!e)
		return NULL;
	snprintf(e->end.reason, sizeof e->end.reason, "%s", reason);
	count = count < TRACKS_MAX ? count : TRACKS_MAX;
	if (!count)
		return e;
	e->end.tracks = malloc(count * sizeof *tracks);
	if (!e->end.tracks) {
		entry_unref(&e);
		return NULL;
	}
	memcpy(e->end.tracks, tracks, count * sizeof *tracks);
	e->end.count = count;
	return e;
}

void entry_unref(struct entry **e) {
	if (*e)
		counted_unref(&(*e)->counted);
	*e = NULL;
}

size_t entry_size(const struct entry *e) {
	if (e->kind == ENTRY_MARK && e->mark.tracks)
		return sizeof *e + tracks_size(e->mark.tracks);
	return sizeof *e + (e->kind == ENTRY_FRAME ? e->frame.payload.size : 0);
}

/* Rounds to nearest, halves away from zero, in 128 bits: media time since 1970 times 90 000 fits in no less. */
static int64_t scale(int64_t v, uint32_t from, uint32_t to) {
	__int128 n = (__int128)v * to;
	__int128 half = from / 2;
	return (int64_t)((n >= 0 ? n + half : n - half) / from);
}

int64_t ticks_to_us(int64_t ticks, uint32_t timescale) {
	return scale(ticks, timescale, 1000000);
}

int64_t us_to_ticks(int64_t us, uint32_t timescale) {
	return scale(us, 1000000, timescale);
}

int64_t us_to_ticks_up(int64_t us, uint32_t timescale) {
	int64_t ticks = us_to_ticks(us, timescale);
	return ticks_to_us(ticks, timescale) < us ? ticks + 1 : ticks;
}
