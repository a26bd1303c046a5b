/*
 * ts_segment.h: a segment number as MPEG-TS: the source rendition's tracks together, made when it is first asked for.
 *
 * The bytes are a function of the tracks' segments of that number, so that every node makes the same. They are kept
 * with the key track's segment and go with it.
 */
#pragma once

#include "common/package/segment_store.h"

/* The track whose segments the TS playlist lists; NULL: no track of the source rendition can go into MPEG-TS (yet). */
const struct segment_track *ts_segment_track(const struct segment_store *s);

/* Whether all tracks that belong to the key track's segment have theirs whole, or never will. */
bool ts_segment_whole(const struct segment_store *s, const struct segment *key);

/* What NAME_TS names: as segment_store_ask. */
enum segment_answer ts_segment_ask(struct segment_store *s, const struct segment_name *name, struct segment_reply *out);
