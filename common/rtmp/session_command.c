#include "common/rtmp/session_parts.h"

#include "common/base/logger.h"
#include "common/rtmp/chunk_writer.h"
#include "common/rtmp/message.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

/* What a command does. The answer, if any, is written to `out`, which is sent after. */
typedef void (*command_fn)(struct rtmp_session *s, const struct rtmp_command *c, const struct rtmp_message *m,
                           struct buffer *out);

static void on_connect(struct rtmp_session *s, const struct rtmp_command *c, const struct rtmp_message *m,
                       struct buffer *out) {
	const char *why = NULL;
	(void)m;
	if (s->connect)
		return; /* a second connect changes nothing */
	struct rtmp_connect *connect = calloc(1, sizeof *connect);
	if (!connect) {
		rtmp_session_close(s, "out of memory", false);
		return;
	}
	if (rtmp_connect_read(connect, c, &why)) {
		free(connect);
		rtmp_write_error(out, c->transaction, "NetConnection.Connect.InvalidApp", why);
		rtmp_session_send(s, out);
		rtmp_session_close(s, why, true);
		return;
	}
	s->connect = connect;
	s->phase = RTMP_PHASE_CONNECTED;
	rtmp_write_window_size(out, RTMP_WINDOW);
	rtmp_write_peer_bandwidth(out, RTMP_WINDOW);
	rtmp_write_chunk_size(out, RTMP_CHUNK_SIZE_OUT);
	rtmp_write_connect_result(out, c->transaction, connect);
}

static void on_create_stream(struct rtmp_session *s, const struct rtmp_command *c, const struct rtmp_message *m,
                             struct buffer *out) {
	(void)m;
	rtmp_write_result_number(out, c->transaction, ++s->streams);
}

static void on_result_only(struct rtmp_session *s, const struct rtmp_command *c, const struct rtmp_message *m,
                           struct buffer *out) {
	(void)s;
	(void)m;
	if (c->transaction)
		rtmp_write_result(out, c->transaction);
}

static void on_fc_publish(struct rtmp_session *s, const struct rtmp_command *c, const struct rtmp_message *m,
                          struct buffer *out) {
	on_result_only(s, c, m, out);
	rtmp_write_notice(out, "onFCPublish", "NetStream.Publish.Start", "FCPublish");
}

static void on_fc_unpublish(struct rtmp_session *s, const struct rtmp_command *c, const struct rtmp_message *m,
                            struct buffer *out) {
	on_result_only(s, c, m, out);
	rtmp_write_notice(out, "onFCUnpublish", "NetStream.Unpublish.Success", "FCUnpublish");
	rtmp_publish_end(s, "FCUnpublish");
}

static void on_fc_subscribe(struct rtmp_session *s, const struct rtmp_command *c, const struct rtmp_message *m,
                            struct buffer *out) {
	on_result_only(s, c, m, out);
	rtmp_write_notice(out, "onFCSubscribe", "NetStream.Play.Start", "FCSubscribe");
}

/* Live streams have no length. */
static void on_get_stream_length(struct rtmp_session *s, const struct rtmp_command *c, const struct rtmp_message *m,
                                 struct buffer *out) {
	(void)s;
	(void)m;
	rtmp_write_result_number(out, c->transaction, 0);
}

static void refuse(struct rtmp_session *s, uint32_t stream, const char *code, const char *why, struct buffer *out) {
	rtmp_write_status(out, stream, "error", code, why, NULL);
	rtmp_session_send(s, out);
	rtmp_session_close(s, why, true);
}

/* Each publish and each play makes a stream, a search for it and more. A player that is switched about begins a few at
 * once; whoever goes on beyond one in a second is no player. */
enum { BEGINS_AT_ONCE = 8, BEGIN_EVERY_MS = 1000 };

static bool may_begin(struct rtmp_session *s) {
	uint64_t now = worker_now_ms(s->server->worker);
	if (s->begins_paid_ms < now)
		s->begins_paid_ms = now;
	if (s->begins_paid_ms - now > (BEGINS_AT_ONCE - 1) * BEGIN_EVERY_MS)
		return false;
	s->begins_paid_ms += BEGIN_EVERY_MS;
	return true;
}

static const char too_often[] = "too many publish and play commands on one connection";

static const char bad_name[] = "a stream's name is made of letters, digits, _ . - and has at most 128 of them";

static void on_publish(struct rtmp_session *s, const struct rtmp_command *c, const struct rtmp_message *m,
                       struct buffer *out) {
	struct stream_name name;
	char query[RTMP_QUERY_MAX];
	struct slice text = amf_text(rtmp_command_argument(c, 0));
	if (!s->connect || s->publish || s->play)
		refuse(s, m->stream, "NetStream.Publish.BadConnection", "publish out of place: connect first, and once", out);
	else if (s->server->draining)
		refuse(s, m->stream, "NetStream.Publish.Failed", RTMP_DRAINING, out);
	else if (!s->server->may_publish)
		refuse(s, m->stream, "NetStream.Publish.Denied", "publishing is not offered here", out);
	else if (rtmp_stream_name_read(&name, query, s->connect->app, text))
		refuse(s, m->stream, "NetStream.Publish.BadName", bad_name, out);
	else if (!may_begin(s))
		refuse(s, m->stream, "NetStream.Publish.Failed", too_often, out);
	else
		rtmp_publish_begin(s, m->stream, &name, *query ? query : s->connect->query);
}

static void on_play(struct rtmp_session *s, const struct rtmp_command *c, const struct rtmp_message *m,
                    struct buffer *out) {
	struct stream_name name;
	char query[RTMP_QUERY_MAX];
	struct slice text = amf_text(rtmp_command_argument(c, 0));
	if (!s->connect || s->publish)
		refuse(s, m->stream, "NetStream.Play.Failed", "play out of place: connect first, and do not publish", out);
	else if (s->server->draining)
		refuse(s, m->stream, "NetStream.Play.Failed", RTMP_DRAINING, out);
	else if (!s->server->may_play)
		refuse(s, m->stream, "NetStream.Play.Failed", s->server->play_refusal, out);
	else if (rtmp_stream_name_read(&name, query, s->connect->app, text))
		refuse(s, m->stream, "NetStream.Play.StreamNotFound", bad_name, out);
	else if (!may_begin(s))
		refuse(s, m->stream, "NetStream.Play.Failed", too_often, out);
	else {
		rtmp_play_end(s); /* play again: another stream on the same connection */
		if (s->phase != RTMP_PHASE_CLOSED)
			rtmp_play_begin(s, m->stream, &name);
	}
}

static void on_pause(struct rtmp_session *s, const struct rtmp_command *c, const struct rtmp_message *m,
                     struct buffer *out) {
	if (!s->play)
		return;
	bool pause = amf_boolean(rtmp_command_argument(c, 0), true);
	rtmp_write_status(out, m->stream, "status", pause ? "NetStream.Pause.Notify" : "NetStream.Unpause.Notify",
	                  pause ? "paused" : "goes on, live", NULL);
	rtmp_play_pause(s->play, pause);
}

/* A live stream is always at its newest end. */
static void on_seek(struct rtmp_session *s, const struct rtmp_command *c, const struct rtmp_message *m,
                    struct buffer *out) {
	(void)c;
	if (s->play)
		rtmp_write_status(out, m->stream, "status", "NetStream.Seek.Notify", "a live stream stays live", NULL);
}

static void on_receive_audio(struct rtmp_session *s, const struct rtmp_command *c, const struct rtmp_message *m,
                             struct buffer *out) {
	(void)m;
	(void)out;
	if (s->play)
		rtmp_play_receive(s->play, true, amf_boolean(rtmp_command_argument(c, 0), true));
}

static void on_receive_video(struct rtmp_session *s, const struct rtmp_command *c, const struct rtmp_message *m,
                             struct buffer *out) {
	(void)m;
	(void)out;
	if (s->play)
		rtmp_play_receive(s->play, false, amf_boolean(rtmp_command_argument(c, 0), true));
}

/* deleteStream names its stream, closeStream comes on it; encoders send either, both, or neither. */
static void on_close_stream(struct rtmp_session *s, const struct rtmp_command *c, const struct rtmp_message *m,
                            struct buffer *out) {
	(void)c;
	if (s->publish)
		rtmp_write_status(out, m->stream ? m->stream : s->publish->stream, "status", "NetStream.Unpublish.Success",
		                  "publishing has stopped", NULL);
	rtmp_publish_end(s, "the encoder stopped");
	rtmp_play_end(s);
}

static const struct {
	const char *name;
	command_fn fn;
} commands[] = {
    {"connect", on_connect},
    {"createStream", on_create_stream},
    {"releaseStream", on_result_only},
    {"FCPublish", on_fc_publish},
    {"FCUnpublish", on_fc_unpublish},
    {"FCSubscribe", on_fc_subscribe},
    {"publish", on_publish},
    {"play", on_play},
    {"pause", on_pause},
    {"pauseRaw", on_pause},
    {"seek", on_seek},
    {"receiveAudio", on_receive_audio},
    {"receiveVideo", on_receive_video},
    {"deleteStream", on_close_stream},
    {"closeStream", on_close_stream},
    {"_checkbw", on_result_only},
    {"getStreamLength", on_get_stream_length},
};

static void dispatch(struct rtmp_session *s, const struct rtmp_command *c, const struct rtmp_message *m,
                     struct buffer *out) {
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (strcmp(c->name, commands[i].name) == 0) {
			commands[i].fn(s, c, m, out);
			return;
		}
	log_debug("rtmp command is not known", log_str("session", s->id), log_str("command", c->name));
	/* A peer that gave a transaction waits for an answer; results are answers to us, and we asked nothing. */
	if (c->transaction && *c->name != '_')
		rtmp_write_error(out, c->transaction, "NetConnection.Call.Failed", "the command is not known");
}

int rtmp_session_command(struct rtmp_session *s, const struct rtmp_message *m) {
	struct rtmp_command c;
	struct buffer out;
	int err = rtmp_command_read(&c, m);
	if (err) {
		rtmp_session_close(s, err == UV_E2BIG ? "a command past the limits of AMF" : "a command that cannot be read",
		                   false);
		return UV_ECANCELED;
	}
	buffer_init(&out, 0);
	dispatch(s, &c, m, &out);
	if (out.size && s->phase != RTMP_PHASE_CLOSED)
		rtmp_session_send(s, &out);
	buffer_fini(&out);
	rtmp_command_fini(&c);
	return s->phase == RTMP_PHASE_CLOSED ? UV_ECANCELED : 0;
}
