/*
 * ingest.h: what an origin does with publishers: decides who may have a name, claims it in the registry, and turns
 * samples into the stream's log through the timeline. On the stream's home worker.
 */
#pragma once

#include "common/registry/registry.h"
#include "common/registry/takeover.h"
#include "common/stream/stream.h"
#include "common/stream/timeline.h"

/* A stream that is published here; stream->role. */
struct ingest;

/* The origin's part of streams_ops. */
void ingest_publish(struct intake *i);
void ingest_samples(struct intake *i, const struct sample *samples, size_t count);
void ingest_unpublish(struct intake *i);
void ingest_ended(struct stream *s);
void ingest_told_number(struct stream *s, uint64_t epoch, uint64_t number);

/* The map says that `holder` has the name, from a newer epoch on than `epoch`: its publisher here is stopped. */
void ingest_lost(struct worker *w, const struct stream_name *name, uint64_t epoch, const char *holder);

/* Another origin, `holder`, claims the name with `epoch`: if that is newer than the one here, the same. */
void ingest_newer(struct worker *w, const struct stream_name *name, uint64_t epoch, const char *holder);

/* Another origin had the name, of `epoch`, and is dead as far as can be seen from here: the slate fills the gap at this
 * one if the map agrees, and has not heard of that origin for `dead_ms`. Where the stream is published already nothing
 * happens. */
void ingest_fill(struct worker *w, const struct stream_name *name, uint64_t epoch, int64_t dead_ms);

/* True: the name is claimed here. */
bool ingest_owns(struct worker *w, const struct stream_name *name);

/* The origin `node` says whether it holds a copy of the stream (replicas.h). */
void ingest_replicated(struct worker *w, const struct stream_name *name, const char *node, uint64_t epoch, bool held,
                       const char *why);

struct seat;
struct shadow;

/* Another origin, which a publisher that stood by there finds gone. */
struct gone {
	uint64_t epoch;    /* of its claim; 0: not known, or it has let go of the name */
	char address[300]; /* of its relay */
	bool refused;      /* nobody listens there any more: its process is gone */
	bool silent;       /* nothing has come from it for relay.dead_after */
};

/* A publisher that stood by at another origin (away.h) wants the name here, for that origin is gone as far as can be
 * seen: if the map agrees, which need not be asked whether it has heard of that origin if its process is gone. Without
 * a map what is seen here is enough, unless a linked origin hears that one. What is kept of the publisher is moved
 * from. Refused, it stands by again. */
void ingest_inherit(struct intake *i, struct seat *seat, struct shadow *shadow, const struct gone *gone);

/* The stream goes on with its standby. 0, `*aligned` if that is done and seamless; UV_ENOENT: there is no such stream;
 * UV_ENOTSUP: it has no standby; UV_EBUSY: a switch is under way. */
int ingest_switch(struct worker *home, const struct stream_name *name, bool *aligned);

enum { INGEST_WARNINGS_MAX = 24 };

struct ingest_warning {
	const char *what; /* lives for ever */
	uint64_t count;
};

/* Of a stream with a backup (standby.h). */
struct standby_info {
	const char *remote, *session, *protocol; /* remote NULL: there is none */
	bool aligned, primary, healthy;
	const char *why_not; /* not aligned */
	int64_t offset_ms;   /* its clock − the holder's, when aligned */
	bool holder_primary;
};

/* What the API tells of a stream's publisher; strings are borrowed. */
struct ingest_info {
	const char *publisher; /* its address; NULL: none */
	const char *session, *protocol;
	const struct replicas *replicas; /* NULL: none are wanted */
	struct timeline_counts counts;
	struct ingest_warning warnings[INGEST_WARNINGS_MAX];
	size_t warning_count;
	bool backup; /* ingest.second is backup: `standby` says something */
	struct standby_info standby;
};
void ingest_describe(const struct stream *s, struct ingest_info *out);
