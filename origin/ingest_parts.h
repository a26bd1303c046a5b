/*
 * ingest_parts.h: a stream that is published here, as ingest.c (who may have it), ingest_timeline.c (what becomes of
 * the holder's samples) and standby.c share it. Internal to them.
 */
#pragma once

#include "origin/ingest.h"
#include "origin/origin.h"
#include "origin/slate.h"

#include "common/stream/timeline_adopt.h"

struct standby;

/*
 *   holder | candidate | what it is
 *   none   | set       | the first publish: its claim is awaited
 *   set    | none      | live
 *   set    | set       | a takeover, or a switch to the standby: the candidate's claim is awaited, the holder goes on
 *   none   | none      | waits for a publisher, until the grace is over; or the first publisher left before its claim
 *          |           | was answered
 *
 * A slate (slate.h) may be the holder or the candidate while the stream waits: it holds nothing against a publisher.
 *
 * A stream that is held here as a copy of another origin's (replica.h) has no ingest until a publisher comes; when its
 * claim is granted, the run goes on in the same log.
 */
struct ingest {
	struct stream *stream;
	struct origin *origin;
	struct intake *holder, *candidate;
	struct timeline *timeline; /* the holder's */
	struct timeline_run run;
	uint64_t epoch;
	bool claiming; /* an answer is awaited; its candidate may have left */
	bool again;    /* it was for the slate, and a publisher has come: it claims when the answer is there */
	struct slate slate;
	struct standby *standby; /* NULL: ingest.second is not backup */
	uint64_t gone_epoch;     /* of another origin, which is dead: the slate claims after it. 0: not so */
	int64_t gone_ms;
	struct gone after; /* which the publisher that claims stood by at, as long as its claim is awaited. Epoch 0: none */
	struct timer grace;
	struct replicas *replicas;                           /* NULL: none are wanted */
	struct timeline_counts earlier;                      /* of epochs before */
	struct ingest_warning warnings[INGEST_WARNINGS_MAX]; /* likewise */
	size_t warning_count;
};

static inline struct worker *ingest_worker(const struct ingest *g) {
	return streams_worker(g->stream->streams);
}

/* Nobody publishes it, but the slate perhaps. */
static inline bool ingest_waits(const struct ingest *g) {
	return !g->holder || slate_is(&g->slate, g->holder);
}

/* The map is told how the stream is. */
void ingest_tell_registry(struct ingest *g);

/* A timeline for the holder, from `epoch` on; nothing older is appended after. 0 or UV_ENOMEM. */
int ingest_begin_epoch(struct ingest *g, uint64_t epoch);

/* A timeline that goes on in the stream's log as it is, and in the ingest's epoch from the next keyframe's mark on.
 * False: out of memory. */
bool ingest_adopt_timeline(struct ingest *g, const struct timeline_legacy *legacy);

/* What it holds back is appended, what it has counted is kept. None is fine. */
void ingest_close_timeline(struct ingest *g);

/* Counts a warning among those of a stream, as far as there is room. */
void ingest_add_warning(struct ingest_warning *to, size_t *size, const char *what, uint64_t count);

/* The holder's sample goes into the stream. */
void ingest_push(struct ingest *g, const struct sample *s, int64_t wall_us);

/* Asks for a new epoch for an intake that is here already; the holder itself: for it to go on in after a break. Last
 * call of its caller: it may be answered at once, and the stream ended. */
void ingest_reclaim(struct ingest *g, struct intake *i);
