/*
 * stream.h: a stream on its home worker, and the table of the streams that a worker is home to.
 *
 * A stream has renditions, each with a log. Entries come from one source at a time, which the role provides: on an
 * origin a publisher through the timeline, on an edge the subscription to an origin. They go to whoever reads: views
 * and through them mirrors. Everything here runs on the home worker.
 *
 *   phase    | what it means                                  | leaves by
 *   PENDING  | wanted by readers, nobody publishes it (yet)   | stream_append; the last reader going; too many others
 *            |                                                | that are waited for (`waited`, stream_parts.h)
 *   LIVE     | entries come                                   | stream_waiting, stream_end
 *   WAITING  | the publisher or the link to it was lost       | stream_append of a newer epoch, or stream_resumed;
 * stream_end (ended)  | readers have been told, the object is freed    |
 */
#pragma once

#include "common/base/config.h"
#include "common/base/name.h"
#include "common/stream/entry.h"
#include "common/stream/log.h"
#include "common/stream/tails.h"
#include "common/stream/tracks.h"

#include "common/base/hash.h"

struct stream;
struct streams;
struct intake;
struct sample;

#define RENDITION_SOURCE "source"

enum stream_phase { STREAM_PENDING, STREAM_LIVE, STREAM_WAITING };

/* Who brings a rendition's entries, where it wants to know how soon they are needed. */
struct rendition_source {
	/* Viewers of one of its views begin to wait for a flush; false: for one that is due now (log.h, on_wait). */
	void (*on_wait)(struct rendition_source *, bool waits);
};

struct rendition {
	struct list node;
	struct stream *stream;
	char name[TRACK_NAME_MAX];
	struct log log;           /* of entries */
	struct entry *first_mark; /* the mark in force at the log's oldest item, once it has left the log; a reference */
	struct list views;        /* struct view */
	struct rendition_source *source; /* or NULL */
	uint64_t epoch, sequence;        /* of the newest entry */
	struct tails tails;              /* of that epoch's tracks */
};

struct stream {
	struct stream_name name;
	struct streams *streams;
	const struct config_app *config;
	uint64_t id; /* on this node, never reused while it runs */
	enum stream_phase phase;
	uint64_t run, epoch;
	uint64_t claimed; /* on an origin: it has the name by this epoch, which its log comes to with a mark; 0: it has */
	struct tracks *tracks;   /* the newest revision in force; NULL before the first mark */
	uint64_t segment_number; /* the newest mark's */
	uint64_t told_number;    /* an edge: the highest number that a subscriber had of an older epoch; 0: none */
	uint32_t discontinuity;  /* likewise */
	int64_t highest_us;      /* highest media time of any entry */
	struct anchor anchor;
	struct list renditions;
	struct list feeds; /* struct feed: one for each worker, rendition and form that is read */
	bool wanted;       /* the role was told so */
	bool replica;      /* on an origin: another one owns it, and this is a copy */
	bool filled;       /* on an origin: its publisher only fills a gap, and holds nothing against one who comes */
	uint64_t newer; /* another node is known to have the name from this epoch on: nothing older is told of. 0: none */
	bool ended;     /* not in the table any more; freed when the last feed has gone */
	bool waited;    /* readers made it, and nobody was found to have it yet (stream_found) */
	struct list ended_node, waited_node;
	struct timer end_timer;
	void *role;                      /* the role's own state (source) */
	uint64_t frames, bytes_in, lost; /* counted for the API */
	uint64_t began_ms;               /* loop time of the first entry */
	UT_hash_handle hh;
};

/* What a role does. Functions run on the stream's home worker. */
struct streams_ops {
	/* The stream got its first reader (or its first after unwanted). Edge: subscribe, linger ends. May be NULL. */
	void (*wanted)(struct stream *);
	/* Its last reader has gone. Edge: linger, then stream_end. May be NULL. */
	void (*unwanted)(struct stream *);
	/* A subscriber, or one below it, has segments up to `number` already, the newest of them of `epoch`: other epochs'
	 * marks must not use such a number again. May be NULL. */
	void (*told_number)(struct stream *, uint64_t epoch, uint64_t number);
	/* The stream is about to be freed: let go of `role`. May be NULL. */
	void (*ended)(struct stream *);

	/* A publisher asks (publisher.h): answer with intake_accept or intake_refuse, now or later. */
	void (*publish)(struct intake *);
	/* What it sends, in order, only after the accept. Borrowed for the call. */
	void (*samples)(struct intake *, const struct sample *samples, size_t count);
	/* It went away, or was stopped: last call, whether or not it was accepted. */
	void (*unpublish)(struct intake *);
};

/* One a worker; sets worker->streams. `role` is the role's own. 0 or UV_ENOMEM. */
int streams_init(struct worker *w, const struct config *config, const struct streams_ops *ops, void *role);

/* Ends all streams and tells all readers UV_ECANCELED; from the stop hook. */
void streams_stop(struct worker *w);
void streams_fini(struct worker *w);

void *streams_role(const struct streams *s);
const struct streams_ops *streams_role_ops(const struct streams *s);
struct worker *streams_worker(const struct streams *s);
const struct config *streams_config(const struct streams *s);

/* The worker that is home to a name. */
struct worker *stream_home(struct worker *any, const struct stream_name *name);

/* The stream of that name, or NULL. */
struct stream *streams_find(struct worker *home, const struct stream_name *name);

/* The same, made (PENDING) where it is not there. NULL: memory or `limits.streams`. Role code that makes one must
 * feed it or end it. */
struct stream *streams_get(struct worker *home, const struct stream_name *name);

/* The role, which a reader has made want the stream, knows who has it: from now on it counts towards limits.streams,
 * and is not given up when others are waited for. 0; UV_ENFILE: that limit is reached, the stream was ended (ops.ended
 * was called) and its readers are told the same. */
int stream_found(struct stream *s);

/* Calls `fn` for each; `fn` must not end any. */
void streams_each(struct worker *home, void (*fn)(struct stream *, void *context), void *context);

/* The rendition, or NULL; `_get` makes it. */
struct rendition *stream_rendition(struct stream *s, const char *name);
struct rendition *stream_rendition_get(struct stream *s, const char *name);

/*
 * Appends an entry that has its epoch and sequence, and takes the reference (also on failure). An entry of a newer
 * epoch makes that the stream's (fencing); it must be a mark, or follow one. UV_ESTALE-like refusals are UV_EALREADY:
 * of an older epoch, or a sequence that is there already. UV_EPROTO: nothing of this epoch is accepted before its first
 * mark. UV_ENOMEM. A gap in the sequence is noted in the log as ITEM_RESTART.
 */
int stream_append(struct rendition *r, struct entry *e);

/* Others may be told of it: entries have come, and no newer epoch is known elsewhere. */
static inline bool stream_tellable(const struct stream *s) {
	return s->epoch && s->epoch >= s->newer;
}

/* The epoch that others are told. */
static inline uint64_t stream_told_epoch(const struct stream *s) {
	return s->claimed > s->epoch ? s->claimed : s->epoch;
}

/* The source is lost; readers are told. */
void stream_waiting(struct stream *s);

/* The source is back in the same epoch. */
void stream_resumed(struct stream *s);

/* Another node has the stream: it is not here any more, and not over. Readers are told UV_ENOENT; the stream is freed.
 */
void stream_withdraw(struct stream *s);

/* Appends ENTRY_END, with where its tracks end, to every rendition unless it is there, tells every reader, frees the
 * stream. */
void stream_end(struct stream *s, const char *reason);
