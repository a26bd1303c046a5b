/*
 * feed.h: the home's end of a mirror. Internal to common/stream.
 *
 * A feed is made by mirror.c with the mirror, lives on the home worker from the message that opens it until the one
 * that tells of its close, and is freed by the mirror's worker. So both ends may name each other in messages:
 *
 *     mirror's worker                    home worker
 *     feed_post_open   ───────────────▶  attaches to the stream, or waits for it
 *     mirror_on_live   ◀───────────────  there is a log
 *     mirror_on_items  ◀───────────────  a turn's items (only to another worker)
 *     mirror_on_state  ◀───────────────  waiting, resumed, another epoch
 *     mirror_on_gone   ◀───────────────  ended, or cannot be had
 *     feed_post_close  ───────────────▶  leaves the stream
 *     mirror_on_closed ◀───────────────  nothing more will come: both are freed
 */
#pragma once

#include "common/stream/cursor.h"
#include "common/stream/mirror.h"
#include "common/stream/stream.h"

struct feed {
	struct list node; /* in stream->feeds */
	struct mirror *mirror;
	struct worker *home, *reader;
	struct stream_name name;
	char rendition[TRACK_NAME_MAX];
	const struct view_ops *ops;
	unsigned flags;

	/* the home worker's */
	struct stream *stream;
	struct view *view;
	struct cursor cursor; /* on the view's log, when the reader is another worker */
	bool live, gone;
};

/* --- from the mirror's worker --- */
int feed_post_open(struct feed *f);
int feed_post_close(struct feed *f);

/* --- on the home worker, for stream.c --- */

/* The rendition has its first mark: the feed goes live if it waits for that. */
void feed_stream_live(struct feed *f);
/* The stream's phase, run or epoch is another. */
void feed_state(struct feed *f);
/* Tells the mirror; the feed stays in the stream until the mirror closes it. */
void feed_end(struct feed *f, int reason);

/* --- what stream.c gives feed.c and mirror.c --- */

/* Puts the feed into its stream, made where the feed waits for it; or ends the feed. */
void stream_add_feed(struct worker *home, struct feed *f);
void stream_remove_feed(struct feed *f);

/* The list of this worker's mirrors in which one of that name would be. */
struct list *streams_mirrors(struct streams *s, const struct stream_name *name);
struct log_limits streams_log_limits(const struct streams *s, const struct stream_name *name);
struct pace_rule pace_rule_of(const struct config_app *a);
struct pace_rule streams_pace_rule(const struct streams *s, const struct stream_name *name);

/* --- on the mirror's worker, in mirror.c --- */
void mirror_on_live(struct mirror *m, struct log *log, const struct mirror_info *info);
void mirror_on_items(struct mirror *m, const struct log_item *items, size_t count);
void mirror_on_state(struct mirror *m, const struct mirror_info *info);
void mirror_on_gone(struct mirror *m, int reason);
void mirror_on_closed(struct mirror *m);
