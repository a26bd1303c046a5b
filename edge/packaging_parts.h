/*
 * packaging_parts.h: the packaging's parts. Internal: packaging.c (life, the log, what is fetched), packaging_asks.c
 * (those who ask), packaging_answer.c (what they are answered), packaging_steering.c (which edges they are told of).
 */
#pragma once

#include "edge/http_session.h"
#include "edge/packaging.h"

#include "common/base/hash.h"
#include "common/package/dash.h"
#include "common/package/hls.h"
#include "common/package/packager.h"
#include "common/relay/fetch.h"
#include "common/stream/mirror.h"
#include "common/stream/stream.h"
#include "edge/pathways.h"

enum packaging_phase { PACKAGING_WAITING, PACKAGING_HISTORY, PACKAGING_LIVE, PACKAGING_ENDED };

/* A text made once for all who ask for it, until something changes. */
struct packaging_text {
	struct list node;
	enum package_what what;
	char track[TRACK_NAME_MAX];
	bool skip;
	char etag[PACKAGE_ETAG_SIZE];
	struct bytes *bytes;
	struct bytes *gzip; /* the same compressed, once somebody takes it; NULL before, and where it does not pay */
};

struct packaging {
	struct stream_name name;
	struct worker *worker;
	struct edge *edge;
	const struct config_app *config;
	enum packaging_phase phase;
	struct mirror_reader reader;
	struct cursor cursor; /* on the rendition's own log */
	struct segment_store *store;
	struct packager *packager;
	struct fetch fetch;
	struct fetch_range missing; /* that was fetched last */
	struct timer fetch_again;
	unsigned fetch_failures; /* in a row */
	bool changed;            /* since asks were last looked at */
	struct list asks;        /* that wait */
	struct timer overdue;    /* runs out with the first of them, or before that */
	struct list texts;
	struct http_sessions sessions;
	struct timer sweep;
	uint64_t asked_ms, ended_ms;
	struct segment_usage usage; /* as the metrics have it */
	uint64_t irregular;         /* as the metrics have it: packager_irregular */
	struct list ended_node;
	UT_hash_handle hh;
};

/* NULL when memory is out. */
struct packaging *packaging_new(struct edge *e, const struct stream_name *name);

/* Whoever comes after the end may want the next run. */
void packaging_watch_for_next(struct packaging *p);

/* --- packaging_asks.c --- */

/* All asks that wait are answered by an error, or broken off. */
void packaging_forget_asks(struct packaging *p, int status, const char *code, const char *message);

/* Something has changed: all asks that wait are looked at. */
void packaging_look_at_all(struct packaging *p);

/* All that wait have their whole patience from now on. */
void packaging_wait_anew(struct packaging *p);

/* The callback of `overdue`. */
void packaging_on_overdue(struct timer *t);

/* --- packaging_answer.c --- */

/* Looks at an ask: answers it, or leaves it where it waits. After this it may be gone. */
void packaging_look(struct packaging *p, struct package_ask *a);

/* The ask has waited for too long. */
void packaging_overdue(struct packaging *p, struct package_ask *a);

/* How long an ask may wait, in ms. */
uint64_t packaging_patience_ms(const struct packaging *p);

/* Forgets the texts. */
void packaging_forget_texts(struct packaging *p);

/* The text is the ask's answer; takes the reference. NULL: what `error` says is. */
void packaging_answer_text(struct packaging *p, struct package_ask *a, struct bytes *text, int error,
                           enum package_cache cache);

/* The ask is answered by an error. */
void packaging_refuse(struct packaging *p, struct package_ask *a, int status, const char *code, const char *message);

/* --- packaging_steering.c --- */

enum { PACKAGING_PLACE_SIZE = PATHWAY_URL_MAX + STREAM_NAME_SIZE + 2 };

/* Texts and what they are made of. */
struct packaging_steering {
	struct hls_steering hls;
	struct dash_steering dash;
	struct steering_pathways pathways;
	char place[PACKAGING_PLACE_SIZE], uri[PACKAGING_PLACE_SIZE + 256], pathway[PATHWAY_ID_MAX + 1];
};

/* What the multivariant playlist says of steering, with the query that its URIs have; NULL: it is off. */
const struct hls_steering *packaging_steer(const struct packaging *p, const char *query,
                                           struct packaging_steering *out);

/* The same for the MPD, which is all players' alike. */
const struct dash_steering *packaging_steer_dash(const struct packaging *p, struct packaging_steering *out);

/* Answers an ask for the steering manifest, or leaves it where it waits. */
void packaging_look_at_steering(struct packaging *p, struct package_ask *a);
