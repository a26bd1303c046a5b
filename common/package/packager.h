/*
 * packager.h: a rendition's entries, in the log's order, become parts and segments in a store. Pure: no clock, no loop.
 *
 * One for each rendition that is packaged. Entries that had to be fetched go through it in their place, before those of
 * the log that follow them; what is in the store already is left as it is. What it makes is a function of marks, frames
 * and Tracks only, never of where it began: a segment whose beginning it did not see it does not make.
 */
#pragma once

#include "common/package/segment_store.h"

struct packager;

/* Called from packager_push; any may be NULL. They must not free the packager nor push into it; the store may be read.
 */
struct packager_ops {
	/* Part number `part` of the segment was added. */
	void (*on_part)(void *context, const struct segment *s, uint32_t part);
	/* Complete, or a gap; for the last part of a segment on_part comes first. */
	void (*on_segment)(void *context, const struct segment *s);
	/* A mark was passed that begins a new epoch. */
	void (*on_epoch)(void *context, uint64_t epoch);
	/* The run is over; all segments are closed. */
	void (*on_end)(void *context, const char *reason);
	/* The track's codec has no form in CMAF, or its configuration is broken (`error`): it is left out. Once a
	 * configuration, however often Tracks tell it. */
	void (*on_unsupported)(void *context, const struct track *track, int error);
};

/* NULL when memory is out. `store` and `context` must outlive it; `rendition` is copied ("source", "720p"). */
struct packager *packager_new(struct segment_store *store, const char *rendition, const struct packager_ops *ops,
                              void *context);
/* Open segments are holed: nobody will make them whole. */
void packager_free(struct packager **p);

/*
 * The next entry. Entries of an older epoch than the newest, or seen already, are ignored. A jump in the sequence is a
 * hole by itself. 0; UV_ENOMEM, or UV_EINVAL for times that no moof can say: the segments that lost something are
 * holed, go on.
 */
int packager_push(struct packager *p, const struct entry *e);

/* Entries are missing before the next one: open segments are holed, others begin at the next mark whose beginning
 * is seen whole. */
void packager_hole(struct packager *p);

/* No further entry comes of this epoch, though no End came (its publisher is lost for good): open segments are closed,
 * tentatively. A new epoch's first mark does that by itself. */
void packager_cut(struct packager *p);

/* Newest (epoch, sequence) seen; zeros: none. */
void packager_position(const struct packager *p, uint64_t *epoch, uint64_t *sequence);

/* Segments that stopped listing parts because frames came irregularly, since the beginning. */
uint64_t packager_irregular(const struct packager *p);
