/*
 * package_ask.h: a request for something that a stream's packaging has, from any worker.
 *
 * A stream's segments live on its home worker. An ask goes there by mailbox (or by a plain call if it is there
 * already), may wait there until what it wants exists, and is answered by blocks that both workers share by reference:
 *
 *     asking worker                              home worker
 *     package_ask_send    ────────────────────▶  packaging_take
 *     on_answer (more)    ◀────────────────────  package_answer
 *     on_answer (last)    ◀────────────────────  package_answer
 *     package_ask_cancel  ────────────────────▶  packaging_drop       (only while more is awaited)
 *
 * An ask is freed after its last answer, or, cancelled, when the home has let go of it.
 */
#pragma once

#include "common/base/list.h"
#include "common/base/name.h"
#include "common/base/pathway.h"
#include "common/base/random.h"
#include "common/loop/conn.h"
#include "common/package/hls_reload.h"
#include "common/package/segment_name.h"
#include "common/stream/tracks.h"

enum package_what {
	PACKAGE_MULTIVARIANT, /* index.m3u8 */
	PACKAGE_PLAYLIST,     /* TRACK/index.m3u8 */
	PACKAGE_STEERING,     /* steering.json */
	PACKAGE_MANIFEST,     /* manifest.mpd */
	PACKAGE_MEDIA,        /* what a segment's name stands for */
};

enum { PACKAGE_AGENT_SIZE = 64, PACKAGE_ETAG_SIZE = 64 };

/* The code of the refusal of a node that drains. */
#define PACKAGE_DRAINING "draining"

/* Of one that has as many streams as it may (limits.streams). */
#define PACKAGE_FULL "too_many_streams"
#define PACKAGE_FULL_WHY "the node has as many streams as it may: try again"

struct package_question {
	enum package_what what;
	struct stream_name name;
	char track[TRACK_NAME_MAX];    /* "ts" for all tracks in MPEG-TS; "" where there is none */
	struct segment_name media;     /* of PACKAGE_MEDIA */
	struct hls_directives reload;  /* of PACKAGE_PLAYLIST */
	char session[RANDOM_ID_SIZE];  /* as the URL has it; "" */
	char remote[ADDRESS_TEXT_MAX]; /* who asks, for sessions that have no key */
	char agent[PACKAGE_AGENT_SIZE];
	char base[PATHWAY_ID_MAX + 1]; /* of PACKAGE_STEERING: the pathway whose URIs the player has; "": this edge's */
	bool gzip;                     /* who asks takes that: a text that is kept comes in both forms */
	bool silent;                   /* the head alone is asked for: nobody watches by that */
};

enum package_cache {
	PACKAGE_CACHE_NEVER,
	PACKAGE_CACHE_FOREVER,
	PACKAGE_CACHE_RELOAD,  /* a playlist that is asked for again and again */
	PACKAGE_CACHE_BLOCKED, /* a playlist that was waited for: its URL names what it has */
};

/* Borrowed for the call in which it is given. */
struct package_answer {
	int status; /* 200, or an error that `code` and `message` tell */
	const char *code, *message;
	const char *content_type;
	char etag[PACKAGE_ETAG_SIZE]; /* with its quotes; "": none */
	enum package_cache cache;
	uint32_t target_ms; /* TARGETDURATION, for caching */
	bool more;          /* the body goes on in further answers; those have slices alone */
	bool broken;        /* with `more` before it: the rest cannot be had */
	const struct conn_slice *slices;
	size_t count;
	struct bytes *gzip; /* the slices, compressed once for all who take it; NULL: they are not */
};

struct package_ask;
typedef void (*package_answer_fn)(struct package_ask *, const struct package_answer *);

struct package_ask {
	struct package_question question;
	void *context; /* the asker's */

	/* the asking worker's */
	package_answer_fn on_answer;
	bool cancelled;
	struct worker *asker, *home;
	struct message sent, dropped;

	/* the home worker's */
	struct list node;    /* among those that wait */
	uint64_t due_ms;     /* in the loop's clock: it is answered by then */
	uint32_t parts_sent; /* of a segment that grows */
	bool guessed;        /* its segment was found by a time at which another may yet begin */
	bool begun;          /* an answer with `more` has gone */
};

/* NULL when memory is out. On worker `asker`. */
struct package_ask *package_ask_new(struct worker *asker, const struct package_question *q, package_answer_fn on_answer,
                                    void *context);

/* The answer may come before this returns. */
void package_ask_send(struct package_ask *a);

/* No answer comes any more; `a` is not the caller's from here on. Not after the last answer. */
void package_ask_cancel(struct package_ask *a);

/* --- on the home worker --- */

/* Gives an answer; the last one (without `more`) ends the ask: `a` is not the home's any more. */
void package_answer(struct package_ask *a, const struct package_answer *answer);

/* The same for an error. */
void package_answer_error(struct package_ask *a, int status, const char *code, const char *message);
