/*
 * packaging.h: a stream's packaging on its home worker: it follows the log, fetches what the log has not, fills the
 * segment store, and answers the asks of HTTP's viewers (package_ask.h) once what they want is there.
 *
 * It is made by the first ask for a name and goes when nobody has asked for a while.
 *
 *   phase   | what it does                                     | leaves by
 *   WAITING | the stream is not here yet: asks wait            | its log comes: HISTORY; no ask waits: freed
 *   HISTORY | fetches what is older than the log, for the      | had it, or it cannot be had: LIVE
 *           | window                                           |
 *   LIVE    | packages what comes; fetches what a lagging link | the stream ends: ENDED; nobody asks for long: freed
 *           | left out, in order                               |
 *   ENDED   | playlists are final; another run of the name     | a while later: freed
 *           | gets a packaging of its own                      |
 */
#pragma once

#include "edge/package_ask.h"

#include <jansson.h>

struct edge;

/* Of one worker. */
struct packagings {
	struct packaging *table; /* by name */
	struct list ended;       /* those whose name has another by now: asked for their segments only */
};

void packagings_init(struct packagings *all);

/* The node stops: asks are answered, all is freed. */
void packagings_stop(struct edge *e);

/* Takes an ask (for package_ask.c). It may be answered before this returns. */
void packaging_take(struct package_ask *a);

/* Forgets an ask; answered or dropped already is fine. */
void packaging_drop(struct package_ask *a);

/* Players that watch just now: they have asked a moment ago, or wait for an answer. */
size_t packagings_players(const struct edge *e);

/* Its sessions, for the API. */
void packagings_list_sessions(struct edge *e, json_t *array);
