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
	struct list sessions;
};

void rtmp_server_init(struct rtmp_server *s, struct worker *w, const struct config *config);

/* A listener's callback calls this: takes the waiting connection. Failures are counted and logged. */
void rtmp_server_accept(struct rtmp_server *s, struct listener *l);

/* Closes every session, with this reason; they are freed in later turns. */
void rtmp_server_stop(struct rtmp_server *s, const char *why);

/* What the API tells of a session; strings are borrowed for the call. */
struct rtmp_session_info {
	const char *id, *remote, *stream; /* stream: "" before publish or play */
	const char *state;                /* connecting, publishing, waiting, playing */
	uint64_t received_bytes, sent_bytes, age_ms, overruns;
};

void rtmp_server_each(struct rtmp_server *s, void (*fn)(const struct rtmp_session_info *, void *context),
                      void *context);
