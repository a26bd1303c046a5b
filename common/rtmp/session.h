/*
 * session.h: RTMP's server: sessions that publish and play, on one worker.
 *
 * A role embeds an rtmp_server per worker and gives it the connections that its listener has. Sessions own themselves:
 * they end by the peer, by a limit, or by rtmp_server_stop, and are freed when their socket is gone.
 */
#pragma once

#include "common/base/config.h"
#include "common/loop/listener.h"

struct rtmp_server {
	struct worker *worker;
	const struct config *config;
	bool may_publish, may_play;
	const char *play_refusal; /* why playing is not offered here, for the peer */
	bool draining;            /* rtmp_server_drain */
	struct list sessions;
};

void rtmp_server_init(struct rtmp_server *s, struct worker *w, const struct config *config);

/* A listener's callback calls this: takes the waiting connection. Failures are counted and logged. */
void rtmp_server_accept(struct rtmp_server *s, struct listener *l);

/* Closes every session, with this reason; they are freed in later turns. */
void rtmp_server_stop(struct rtmp_server *s, const char *why);

/* --- a node that drains (E-RTMP v2, "Reconnect Request") --- */

/* No publish and no play is taken any more. */
void rtmp_server_drain(struct rtmp_server *s);

/* Asks the clients that announced that they can to connect again: to `url` (rtmp://HOST:PORT), or with "" to where they
 * are connected. */
void rtmp_server_ask_to_move(struct rtmp_server *s, const char *url);

/* Ends publishers, and viewers (at the next keyframe, or at once), with a status and a FIN. */
void rtmp_server_end_publishers(struct rtmp_server *s);
void rtmp_server_end_viewers(struct rtmp_server *s, bool at_keyframe);

struct rtmp_left {
	size_t publishers, viewers;
};
struct rtmp_left rtmp_server_left(const struct rtmp_server *s);

/* What the API tells of a session; strings are borrowed for the call. */
struct rtmp_session_info {
	const char *id, *remote, *stream; /* stream: "" before publish or play */
	const char *state;                /* connecting, publishing, waiting, playing */
	uint64_t received_bytes, sent_bytes, age_ms, overruns;
};

void rtmp_server_each(struct rtmp_server *s, void (*fn)(const struct rtmp_session_info *, void *context),
                      void *context);
