/*
 * http_session.h: who watches a stream by HLS or DASH. A session is a player, known by the key that its playlists' URLs
 * carry, or where they carry none by its address and agent. It lasts as long as it asks.
 *
 * One table a packaging, on its worker. Segments have no key in their URLs, so that caches share them: they count for
 * the session of that address and agent which asked for a playlist last.
 */
#pragma once

#include "common/loop/worker.h"
#include "edge/package_ask.h"

#include <jansson.h>

struct http_session;

struct http_sessions {
	struct http_session *table, *by_address;
	struct list by_age; /* who asked longest ago first */
	int64_t most;
};

/* `most`: the node has at most so many, in all of its tables (limits.http_sessions). Beyond that players who come are
 * not counted, and watch all the same. */
void http_sessions_init(struct http_sessions *t, int64_t most);

/* Somebody asked at `now_ms` (the loop's clock) and was given `bytes`. Without memory, or one too many, it is not
 * counted. */
void http_sessions_note(struct http_sessions *t, const struct package_question *q, uint64_t now_ms, uint64_t bytes);

/* The same for what follows of an answer to a PACKAGE_MEDIA that was noted: `bytes` more of it. */
void http_sessions_note_more(struct http_sessions *t, const struct package_question *q, uint64_t now_ms,
                             uint64_t bytes);

/* Ends those that have not asked for `idle_ms`. */
void http_sessions_expire(struct http_sessions *t, uint64_t now_ms, uint64_t idle_ms);

size_t http_sessions_count(const struct http_sessions *t);

/* Those that have asked within the last `within_ms`. */
size_t http_sessions_active(const struct http_sessions *t, uint64_t now_ms, uint64_t within_ms);

/* Whether the one who asks, without a key, watches already: by its address and agent. */
bool http_sessions_known(const struct http_sessions *t, const struct package_question *q);

void http_sessions_list(const struct http_sessions *t, uint64_t now_ms, json_t *array);

void http_sessions_fini(struct http_sessions *t);
