/*
 * view.h: a rendition's log in one wire form, made once for all who want that form.
 *
 * Lives on the stream's home worker. It reads the rendition's log with a cursor and appends to a log of its own one
 * item for each entry, with the same epoch, sequence and flags: a block of bytes, or nothing. It is made on first
 * demand, beginning as far back as readers of that app may start, and freed when the last reader has gone.
 *
 * A view must be a pure function of the entries (and of the state that it derives from them), so that every
 * node makes the same bytes.
 */
#pragma once

#include "common/stream/cursor.h"
#include "common/stream/entry.h"
#include "common/stream/tracks.h"

struct rendition;
struct view;

/* What a wire form is. Implemented in mux (FLV), rtmp and relay. Functions run on the home worker and never block. */
struct view_ops {
	const char *name;  /* "rtmp", "flv", …: for logs */
	size_t state_size; /* bytes of zeroed private state in view_state */
	bool from_oldest;  /* begins with all that the rendition's log has (the relay), not where viewers begin */

	/*
	 * The entry in this form: `*block` (a reference for the caller, or NULL for nothing) and, for an entry with
	 * FRAME_KEY,
	 * `*head` (likewise): what a reader that begins at this entry needs before it; several may share one. A mark's
	 * Tracks revision is in force (view_tracks) before the mark itself is rendered. 0, or UV_ENOMEM: the entry is
	 * skipped and counted.
	 */
	int (*render)(struct view *v, const struct entry *e, struct bytes **block, struct bytes **head);

	/* Frees what the state holds. May be NULL. */
	void (*fini)(struct view *v);
};

/* The private state. */
void *view_state(struct view *v);

/* The Tracks revision in force; NULL before the first mark. */
const struct tracks *view_tracks(const struct view *v);

/* The newest mark passed; NULL before the first. */
const struct entry *view_mark(const struct view *v);

/* The rendition's name. */
const char *view_rendition(const struct view *v);

/* Handle of the stream on this node, stable while it lives; the relay names streams by it on its links. */
uint64_t view_stream_id(const struct view *v);

/*
 * Media time `time_us` in milliseconds as RTMP and FLV send it: since the run's base. If a run begins whose predecessor
 * did not end (its origin lost its state), the count goes on from the last value, for readers are still there.
 */
uint32_t view_rtmp_ms(const struct view *v, int64_t time_us);

/* --- for who brings the entries --- */

enum rendition_need {
	RENDITION_UNREAD,          /* no viewer has need of what comes next */
	RENDITION_NEEDED_AT_FLUSH, /* none before a flush that a timer brings (pace.h) */
	RENDITION_NEEDED_NOW,
};

/* How soon its readers need what comes next, as it is at the end of a turn. */
enum rendition_need rendition_need(const struct rendition *r);

/* --- for feed.c, which gives views to readers --- */

/* The rendition's view of that kind, made if need be; one reader more. NULL when memory is out. */
struct view *view_get(struct rendition *r, const struct view_ops *ops);

/* The log that readers of the view read. */
struct log *view_log(struct view *v);

/* One reader less; at none the view is freed at the end of the turn. */
void view_release(struct view *v);
