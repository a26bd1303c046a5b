/*
 * stream_parts.h: the table's parts. Internal: stream.c (the table, entries, the end), stream_feeds.c (who reads, and
 * the names that readers wait for).
 *
 * A name is waited for from the reader that made its stream until somebody is found to have it: it does not count
 * towards limits.streams, so that made-up names take no room from streams. They have room of their own; when that is
 * used up, the one waited for longest is given up.
 */
#pragma once

#include "common/stream/stream.h"

enum { MIRROR_BUCKETS = 1024 };

struct streams {
	struct worker *worker;
	const struct config *config;
	const struct streams_ops *ops;
	void *role;
	struct stream *table;
	struct list ended;  /* streams out of the table that are still read */
	struct list waited; /* streams in the table that are only waited for, the oldest first */
	size_t waited_count;
	uint64_t next_id;
	struct list mirrors[MIRROR_BUCKETS];
};

/* --- stream.c --- */

/* Makes one that is not there. NULL: out of memory. */
struct stream *stream_new(struct streams *owner, const struct stream_name *name);

/* Whether there is no room for another that somebody has; that is counted and logged as a refusal of `name`. */
bool streams_full(const struct streams *s, const struct stream_name *name);

/* Out of the table, its readers told `reason`; freed when they have gone. */
void stream_give_up(struct stream *s, int reason);
void stream_free_when_unread(struct stream *s);

/* --- stream_feeds.c --- */

/* It leaves the list of those that are waited for, but counts as one until it is freed. */
void stream_unlist_waited(struct stream *s);

/* It is not, or not any more, a name that is only waited for. */
void stream_not_waited(struct stream *s);
