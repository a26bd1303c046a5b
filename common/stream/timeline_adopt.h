/*
 * timeline_adopt.h: a timeline that goes on where another origin's ended, with an aligned encoder (align.h): frames get
 * the times that the other origin would have given them, and no reader can tell. Pure; on the stream's home worker.
 *
 * What is needed is in the log: where each track is, how long its segments and GOPs were. What the encoder's own
 * timestamps mean there, those of its frames tell that are in the log too.
 *
 * The epoch of the log goes on until the next mark at a keyframe; with that mark `epoch` begins, and the mark says that
 * there is no break (entry.h).
 */
#pragma once

#include "common/stream/log.h"
#include "common/stream/timeline.h"

/* A frame in the log, and what the encoder that goes on sent for it. */
struct timeline_match {
	const struct frame *frame;
	const struct sample *sample;
	int64_t wall_us; /* when that came */
};

struct timeline_legacy {
	const struct log *log;          /* of entries */
	const struct entry *first_mark; /* in force at its oldest item; or NULL */
	const struct timeline_match *matches;
	size_t count; /* in the log's order; some of each track that goes on */
};

/* `run` is what is known of the log's run: its newest tracks and anchor; numbers go on behind its last_number. NULL:
 * out of memory, or the log has no mark of its newest epoch. */
struct timeline *timeline_adopt(const struct config_app *config, uint64_t epoch, struct timeline_run *run,
                                const struct timeline_legacy *legacy, const struct timeline_ops *ops, void *context);
