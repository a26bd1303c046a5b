/*
 * segment_store_parts.h: what the store's own sources share, and nobody else.
 */
#pragma once

#include "common/package/segment_store.h"

struct segment_store {
	uint32_t window;
	struct list tracks, periods;
	struct tracks *revision; /* the newest; NULL before the first mark */
	bool ended, published;
	size_t bytes, segments;
};

/* Frees what the segment holds of media; it is as if it had just been opened. */
void segment_empty(struct segment *s);

/* It keeps so many bytes more. */
void segment_account(struct segment *s, size_t bytes);

/* Sets run_number and run_us, by the segment of the number before. */
void segment_note_run(struct segment *s, const struct segment *before, bool is_gap);

/* Index of the first segment with that number or a higher one; t->count: none. */
size_t segment_track_at(const struct segment_track *t, uint64_t number);

/* Frees items[from … to). */
void segment_track_drop(struct segment_track *t, size_t from, size_t to);

/* With its segments, out of the store. */
void segment_track_free(struct segment_track *t);

/* The store's period for a segment that begins so (one user more); NULL when memory is out. */
struct segment_period *segment_period_get(struct segment_store *s, const struct segment_begin *b);

/* One user less; nulls. */
void segment_period_put(struct segment_period **p);

/* µs that items[at] is thought to last until the next mark comes: as long as the one before it. */
int64_t segment_track_length_us(const struct segment_track *t, size_t at);

/* A target duration in ms, or what is usual before it is known. */
uint32_t segment_store_target_ms(const struct segment_store *s);
