/*
 * session_parts.h: a session's parts. Internal to common/rtmp: session.c (socket, handshake, time-outs, the end),
 * session_command.c (commands), session_publish.c and session_play.c (what they lead to), session_early.c (media before
 * the verdict on a publisher), session_drain.c (all of a server's, when the node drains).
 */
#pragma once

#include "common/base/random.h"
#include "common/loop/conn.h"
#include "common/rtmp/chunk_reader.h"
#include "common/rtmp/command.h"
#include "common/rtmp/handshake.h"
#include "common/rtmp/message.h"
#include "common/rtmp/session.h"
#include "common/stream/mirror.h"
#include "common/stream/publisher.h"
#include "common/stream/sender.h"
#include "common/stream/stream.h"

#define RTMP_DRAINING "the node is draining: connect again"

enum { RTMP_WINDOW = 2500000, RTMP_CLOSE_AFTER_MS = 2000, RTMP_TICK_MS = 10000 };

/*
 *   phase      | means                          | leaves by
 *   HANDSHAKE  | C0 to C2 are awaited           | all of them
 *   CONNECTING | connect is awaited             | connect
 *   CONNECTED  | publish or play is awaited     | publish, play
 *   PUBLISHING | `publish` is there             | closeStream, deleteStream, FCUnpublish, refusal
 *   PLAYING    | `play` is there                | closeStream, deleteStream, the stream's end
 *   CLOSED     | the first reason is logged      | on_closed: freed
 */
enum rtmp_phase {
	RTMP_PHASE_HANDSHAKE,
	RTMP_PHASE_CONNECTING,
	RTMP_PHASE_CONNECTED,
	RTMP_PHASE_PUBLISHING,
	RTMP_PHASE_PLAYING,
	RTMP_PHASE_CLOSED
};

struct rtmp_session;

/*
 * What an encoder sends behind `publish` before it is told that it may (session_early.c): those that pass a stream on
 * (nginx-rtmp's push, SRS's forward) do not wait, and configurations come but once. Past RTMP_EARLY_BYTES, what keeping
 * costs included, no more is read until the verdict; what was read already is kept.
 */
struct rtmp_early {
	struct rtmp_message *items; /* each with a reference to its block */
	size_t count, capacity, bytes;
	bool full; /* reading is paused */
};

enum { RTMP_EARLY_BYTES = 1024 * 1024 };

struct rtmp_publish {
	struct rtmp_session *session;
	struct publisher publisher;
	struct stream_name name;
	uint32_t stream; /* message stream id */
	bool accepted;
	struct rtmp_early early; /* what came before that */
	uint64_t epoch;
	uint64_t refused_messages; /* that were no FLV body */
};

struct rtmp_play {
	struct rtmp_session *session;
	struct mirror_reader reader;
	struct sender sender;  /* the shared way */
	struct cursor private; /* the private way: filtered, or on another message stream */
	struct stream_name name;
	uint32_t stream;
	struct log *log; /* NULL: not here yet */
	bool paused, no_audio, no_video;
	bool waiting; /* the stream has no publisher just now */
	bool leaving; /* the node drains: it ends at the next keyframe */
	bool need_head;
	uint64_t overruns;
};

struct rtmp_session {
	struct conn conn;
	struct rtmp_server *server;
	struct list node;
	enum rtmp_phase phase;
	struct handshake *handshake; /* NULL once done */
	struct chunk_reader reader;
	struct timer timer;           /* a player's runs only while it gets no media */
	struct rtmp_connect *connect; /* NULL before connect */
	struct rtmp_publish *publish;
	struct rtmp_play *play;
	uint32_t streams;           /* message stream ids given out */
	uint32_t acknowledge_every; /* the peer's window */
	uint64_t heard;             /* bytes of RTMP, whatever carried them */
	uint64_t acknowledged;      /* of them */
	uint64_t began_ms;
	uint64_t begins_paid_ms; /* loop time up to which its publishes and plays are paid for (session_command.c) */
	char id[RANDOM_ID_SIZE];
	char peer[ADDRESS_TEXT_MAX];
};

/* --- session.c --- */

/* Sends what was written into `out`, and frees it. Where that fails the session is closed after, and with it `publish`
 * and `play` are gone. */
void rtmp_session_send(struct rtmp_session *s, struct buffer *out);

/* Ends the session, with what it publishes or plays; only the first reason counts. `politely` sends what is queued
 * first. */
void rtmp_session_close(struct rtmp_session *s, const char *why, bool politely);

/* Sends a user control event; `value` is a message stream id, or a ping's time. */
void rtmp_session_send_event(struct rtmp_session *s, enum rtmp_event event, uint32_t value);

/* It neither publishes nor plays (any more): rtmp.idle_timeout begins. `s` may be closed after. */
void rtmp_session_idle(struct rtmp_session *s);

/* The name of what it publishes or plays, or "". */
const char *rtmp_session_stream(const struct rtmp_session *s);

/* --- session_command.c --- */
int rtmp_session_command(struct rtmp_session *s, const struct rtmp_message *m);

/* --- session_publish.c --- */
void rtmp_publish_begin(struct rtmp_session *s, uint32_t stream, const struct stream_name *name, const char *query);
void rtmp_publish_message(struct rtmp_publish *p, const struct rtmp_message *m);
void rtmp_publish_end(struct rtmp_session *s, const char *why);

/* --- session_early.c --- */

/* Keeps a message for the verdict. 0 or UV_ENOMEM. */
int rtmp_early_keep(struct rtmp_publish *p, const struct rtmp_message *m);

/* The publisher is accepted: what was kept is published, and reading goes on. `s` may be closed after. */
void rtmp_early_replay(struct rtmp_session *s);

/* The publisher ends: what was kept is dropped, and reading goes on. */
void rtmp_early_drop(struct rtmp_publish *p);

/* --- session_play.c --- */
void rtmp_play_begin(struct rtmp_session *s, uint32_t stream, const struct stream_name *name);
void rtmp_play_pause(struct rtmp_play *p, bool pause);
void rtmp_play_receive(struct rtmp_play *p, bool audio, bool wanted);
void rtmp_play_writable(struct rtmp_play *p);
/* The wait for a publish is over. */
void rtmp_play_overdue(struct rtmp_play *p);
/* The node drains: it ends, at the next keyframe or at once. */
void rtmp_play_leave(struct rtmp_play *p, bool at_keyframe);
void rtmp_play_end(struct rtmp_session *s);
