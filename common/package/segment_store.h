/*
 * segment_store.h: where a stream's segments live, by (track, epoch, number). Nothing else holds segments.
 *
 * One store a stream and node, on the stream's home worker. Packagers put segments in (packager.h; one for each
 * rendition), playlists and HTTP read. No clock: the caller says how late it is.
 *
 *   numbers:   … 7 8 9 10 11 12 13            of a track
 *                ├──────────┤                 kept, no longer listed: fetchable for as long as RFC 8216 (6.2.2) asks
 *                           ├──────────▶      what playlists list: at most `window` whole ones, then the open one
 *
 * The range ends before the first number that is missing or holed, whatever has come after it: what is advertised can
 * never be withdrawn, and a number cannot be put in later. It goes on when the hole is given up (it becomes a gap).
 */
#pragma once

#include "common/base/list.h"
#include "common/package/segment.h"
#include "common/package/segment_name.h"

struct segment_store;

struct segment_track {
	struct list node;
	char name[TRACK_NAME_MAX];
	char rendition[TRACK_NAME_MAX];
	enum track_kind kind;
	uint32_t id;
	struct segment_store *store;
	struct segment **items; /* by number, ascending */
	size_t count, capacity;
	uint64_t floor;     /* nothing below it is ever listed */
	int64_t longest_us; /* the most that was ever listed of it */
};

/* `window`: whole segments in playlists (package.window). NULL when memory is out. */
struct segment_store *segment_store_new(uint32_t window);
void segment_store_free(struct segment_store **s);

/* --- who reads --- */

const struct segment_track *segment_store_track(const struct segment_store *s, const char *name);

/* Tracks in the order in which they came: segment_store_next(s, NULL) is the first; NULL: no more. */
const struct segment_track *segment_store_next(const struct segment_store *s, const struct segment_track *after);

/* The segment, whether listed or not, but never a holed one; NULL: not here. */
const struct segment *segment_store_find(const struct segment_store *s, const char *track, uint64_t epoch,
                                         uint64_t number);

/* What a playlist lists of a track, oldest first: items[first … first + count); the last one may be open. */
struct segment_range {
	size_t first, count;
};
struct segment_range segment_track_range(const struct segment_track *t);

/* Whether the newest Tracks still have it; a track that went away is listed until its segments have had their time. */
bool segment_track_current(const struct segment_track *t);

/* Ticks: where the segment behind items[at] is expected to begin, if items[at] is as long as the one before it. */
int64_t segment_track_expected(const struct segment_track *t, size_t at);

/* The newest Tracks revision, for TARGETDURATION; NULL before the first mark. */
const struct tracks *segment_store_tracks(const struct segment_store *s);

/* TARGETDURATION in seconds; 0: not known yet. */
uint32_t segment_store_target(const struct segment_store *s);

/* The run has ended and playlists are final. */
bool segment_store_ended(const struct segment_store *s);

/* Whether playlists can begin: something is whole, and each of the encoder's own tracks has shown whether it has
 * frames. */
bool segment_store_ready(const struct segment_store *s);

enum segment_answer {
	SEGMENT_HERE, /* `runs` are all of it */
	SEGMENT_WAIT, /* announced but not whole: ask again after on_part or on_segment */
	SEGMENT_NONE, /* 404 */
	SEGMENT_OVER, /* of segment_store_resolve: it was announced, and its epoch ended before it began; it is empty */
};

struct segment_reply {
	struct runs *runs; /* a reference for the caller; of SEGMENT_HERE */
	bool tentative;    /* send no-store */
	bool is_init;
};

/* Which segment a NAME_TIME stands for: HERE, and the name is its NAME_SEGMENT from then on; WAIT, NONE, OVER as below.
 * Other names are HERE as they are.
 *
 * It is the segment that begins at that time. Where none does, it may be one that was announced before it began, as
 * long as the one before it: that one if the time was expected of it, also when it began earlier, or later than the
 * time. Else the one that the time lies in: players count on by what one segment was expected to last. It is a guess
 * (`*guessed`: send no-store) while another may yet begin at that very moment. */
enum segment_answer segment_store_resolve(const struct segment_store *s, const char *track, struct segment_name *name,
                                          bool *guessed);

/* What a URL names; not a NAME_TIME (NONE): resolve it first. A segment is WAIT while it is open, a part while it is
 * the next of an open segment, or the first of the next segment. `track` may be PACKAGE_TS for NAME_TS. UV_ENOMEM is
 * told as SEGMENT_WAIT would be wrong: NONE. */
enum segment_answer segment_store_ask(struct segment_store *s, const char *track, const struct segment_name *name,
                                      struct segment_reply *out);

/* Bytes in memory and segments kept, for metrics. */
struct segment_usage {
	size_t bytes, segments;
};
struct segment_usage segment_store_usage(const struct segment_store *s);

/* The numbers [*first, *last] that keep the track's range from growing, because they are missing or holed, before some
 * that are here; false: none. */
bool segment_track_hole(const struct segment_track *t, uint64_t *first, uint64_t *last);

/* --- who owns it --- */

/* From now on nothing may come in front of what is listed: call it before each playlist is written (it
 * costs nothing when nothing is new). */
void segment_store_publish(struct segment_store *s);

/* Missing or holed numbers, of all tracks, that are followed by others become gaps; nothing happens where there are
 * none. UV_ENOMEM: some stay as they are, to be tried again. */
int segment_store_give_up(struct segment_store *s);

/* Marks what left the playlists at `now_ms`, and frees each segment that left them its own length and that of the
 * longest playlist ago, but at least 3 target durations. So what is kept is about twice what is listed. Now and then,
 * e.g. at each on_segment. */
void segment_store_expire(struct segment_store *s, uint64_t now_ms);

/* --- for packagers --- */

/* The track of that name, made if need be; NULL when memory is out. */
struct segment_track *segment_store_add_track(struct segment_store *s, const struct track *t);

/* What begins a segment. */
struct segment_begin {
	uint64_t epoch;
	const struct mark *mark;
	const struct track *track; /* in mark->tracks */
	struct bytes *init;        /* the segment takes a reference; NULL for gaps */
	uint32_t init_id;
};

/* A new open segment. UV_EEXIST: it is here already, holed or not, or segments of an older epoch have passed its
 * number; UV_ENOMEM. */
int segment_store_open(struct segment_store *s, const struct segment_begin *b, struct segment **out);

/* Its first frame has come: from now on `start` is known. */
void segment_begins(struct segment *s, const struct frame *first);

/* Adds a sample (a reference of its own) or a part (takes over `runs`, also on failure) to an open segment. */
int segment_add_sample(struct segment *s, struct entry *frame, uint32_t duration);
int segment_add_part(struct segment *s, const struct segment_part *part);

/* It is complete, or a gap if it has no frame, and ends at `end_us`. */
void segment_close(struct segment *s, int64_t end_us);

/* Gaps in the track for the missing numbers of [first, last], which share the time from `start_us` to `end_us`, each at
 * most a target duration long. `b` tells epoch, mark and track of the segment behind them. */
int segment_store_skip(struct segment_store *s, const struct segment_begin *b, uint64_t first, uint64_t last,
                       int64_t start_us, int64_t end_us);

/* A track's segment cannot be made whole (memory, a hole). */
void segment_spoil(struct segment *s);

/* The revision that a mark brings, and the end of the run. */
void segment_store_note_tracks(struct segment_store *s, struct tracks *t);
void segment_store_end(struct segment_store *s);
