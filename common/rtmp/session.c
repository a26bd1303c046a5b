#include "common/rtmp/session_parts.h"

#include "common/base/logger.h"
#include "common/base/metrics.h"
#include "common/base/random.h"
#include "common/base/reader.h"
#include "common/rtmp/chunk_writer.h"
#include "common/rtmp/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { STARVED_PING_MS = 10000 };

static struct rtmp_session *session_of(struct conn *c) {
	return list_entry(c, struct rtmp_session, conn);
}

const char *rtmp_session_stream(const struct rtmp_session *s) {
	return s->publish ? s->publish->name.text : s->play ? s->play->name.text : "";
}

void rtmp_session_send(struct rtmp_session *s, struct buffer *out) {
	struct bytes *b = buffer_take(out);
	buffer_fini(out);
	if (!b) {
		rtmp_session_close(s, "out of memory", false);
		return;
	}
	int err = conn_send(&s->conn, b);
	if (err && err != UV_ENOTCONN) /* whose end is told, or was */
		rtmp_session_close(s,
		                   err == UV_ENOBUFS  ? "the peer does not read its answers"
		                   : err == UV_ENOMEM ? "out of memory"
		                                      : uv_strerror(err),
		                   false);
}

void rtmp_session_send_event(struct rtmp_session *s, enum rtmp_event event, uint32_t value) {
	struct buffer out;
	buffer_init(&out, 0);
	buffer_expect(&out, RTMP_EVENT_SIZE);
	rtmp_write_event(&out, event, value);
	rtmp_session_send(s, &out);
}

/* --- the end --- */

void rtmp_session_close(struct rtmp_session *s, const char *why, bool politely) {
	if (s->phase == RTMP_PHASE_CLOSED)
		return;
	s->phase = RTMP_PHASE_CLOSED;
	const struct log_field fields[] = {log_str("session", s->id),
	                                   log_str("remote", s->peer),
	                                   log_str("stream", *rtmp_session_stream(s) ? rtmp_session_stream(s) : NULL),
	                                   log_str("reason", why),
	                                   log_u64("received", s->conn.read_bytes),
	                                   log_u64("sent", s->conn.written_bytes),
	                                   log_u64("age_ms", worker_now_ms(s->server->worker) - s->began_ms)};
	static const char closed[] = "rtmp connection closed";
	if (logger_admits(LOG_INFO, closed))
		logger_write(LOG_INFO, closed, fields, sizeof fields / sizeof *fields);
	rtmp_publish_end(s, why);
	rtmp_play_end(s);
	timer_stop(&s->timer);
	if (politely)
		conn_close_after_send(&s->conn, RTMP_CLOSE_AFTER_MS);
	else
		conn_close(&s->conn);
}

static void on_closed(struct conn *c) {
	struct rtmp_session *s = session_of(c);
	rtmp_session_close(s, "the connection could not go on", false); /* where the conn itself gave up */
	list_remove(&s->node);
	chunk_reader_fini(&s->reader);
	free(s->handshake);
	free(s->connect);
	free(s);
	metric_dec(M_CONNECTIONS_RTMP);
}

static void on_end(struct conn *c, int error) {
	rtmp_session_close(session_of(c),
	                   error == UV_EOF   ? "the peer closed the connection"
	                   : conn_stalled(c) ? "the viewer took nothing for limits.stalled_viewer"
	                                     : uv_strerror(error),
	                   false);
}

static void on_peer(struct conn *c) {
	struct rtmp_session *s = session_of(c);
	conn_peer(c, s->peer);
	log_debug("rtmp connection comes through a proxy", log_str("session", s->id), log_str("remote", s->peer));
}

static void on_writable(struct conn *c) {
	struct rtmp_session *s = session_of(c);
	if (s->play)
		rtmp_play_writable(s->play);
}

/* --- time --- */

static void arm(struct rtmp_session *s, uint64_t delay_ms) {
	if (timer_start(&s->timer, delay_ms))
		rtmp_session_close(s, "out of memory", false);
}

/* Players that get no media, for they have paused or their stream waits for its publisher, hear at least this. */
static void ping(struct rtmp_session *s, uint64_t now) {
	if (now - s->conn.last_written_ms >= STARVED_PING_MS)
		rtmp_session_send_event(s, RTMP_PING_REQUEST, (uint32_t)now);
}

void rtmp_session_idle(struct rtmp_session *s) {
	arm(s, (uint64_t)config_node(s->server->config)->rtmp_idle_timeout);
}

static void on_timer(struct timer *t) {
	struct rtmp_session *s = list_entry(t, struct rtmp_session, timer);
	const struct config_node *config = config_node(s->server->config);
	uint64_t now = worker_now_ms(s->server->worker);
	if (s->phase < RTMP_PHASE_PUBLISHING) {
		/* Encoders may connect and wait for their user; but whoever has not got as far as connect is no client. */
		if (s->phase < RTMP_PHASE_CONNECTED || now - s->conn.last_read_ms >= (uint64_t)config->rtmp_idle_timeout)
			rtmp_session_close(s,
			                   s->phase == RTMP_PHASE_HANDSHAKE ? "no handshake within rtmp.handshake_timeout"
			                   : s->phase == RTMP_PHASE_CONNECTING
			                       ? "no connect within rtmp.handshake_timeout"
			                       : "neither publish nor play within rtmp.idle_timeout",
			                   false);
		else
			rtmp_session_idle(s);
		return;
	}
	if (s->publish && now - s->conn.last_read_ms >= (uint64_t)config->rtmp_idle_timeout) {
		rtmp_session_close(s, "the publisher was silent for rtmp.idle_timeout", false);
		return;
	}
	if (s->play && !s->play->log) {
		rtmp_play_overdue(s->play);
		return;
	}
	if (s->play)
		ping(s, now);
	if (s->phase != RTMP_PHASE_CLOSED) {
		uint64_t idle = (uint64_t)config->rtmp_idle_timeout;
		arm(s, s->publish && idle < RTMP_TICK_MS ? idle : RTMP_TICK_MS);
	}
}

/* --- reading --- */

static void acknowledge(struct rtmp_session *s) {
	struct buffer out;
	if (s->heard - s->acknowledged < s->acknowledge_every)
		return;
	s->acknowledged = s->heard;
	buffer_init(&out, 0);
	buffer_expect(&out, RTMP_ACKNOWLEDGEMENT_SIZE);
	rtmp_write_acknowledgement(&out, (uint32_t)s->heard);
	rtmp_session_send(s, &out);
}

static void on_user_control(struct rtmp_session *s, const struct rtmp_message *m) {
	struct rtmp_control c;
	if (rtmp_read_control(m->payload, &c) == 0 && c.event == RTMP_PING_REQUEST)
		rtmp_session_send_event(s, RTMP_PING_RESPONSE, c.value);
}

static void on_window_size(struct rtmp_session *s, const struct rtmp_message *m) {
	struct reader r = reader_of(m->payload.data, m->payload.size);
	uint32_t size = reader_u32(&r);
	if (!r.failed && size)
		s->acknowledge_every = size;
}

static int on_message(void *context, const struct rtmp_message *m) {
	struct rtmp_session *s = context;
	if (s->phase == RTMP_PHASE_CLOSED)
		return UV_ECANCELED;
	switch (m->type) {
	case RTMP_USER_CONTROL:
		on_user_control(s, m);
		break;
	case RTMP_WINDOW_SIZE:
		on_window_size(s, m);
		break;
	case RTMP_COMMAND_AMF0:
	case RTMP_COMMAND_AMF3:
		return rtmp_session_command(s, m);
	case RTMP_AUDIO:
	case RTMP_VIDEO:
	case RTMP_DATA_AMF0:
	case RTMP_DATA_AMF3:
		if (s->publish)
			rtmp_publish_message(s->publish, m);
		break;
	case RTMP_AGGREGATE:
		if (rtmp_split_aggregate(m, on_message, s))
			return UV_EPROTO;
		break;
	default: /* acknowledgements, bandwidth, shared objects: nothing that we need */
		break;
	}
	return s->phase == RTMP_PHASE_CLOSED ? UV_ECANCELED : 0;
}

/* Returns the bytes that are left for the chunk stream; 0 also when the handshake goes on or has failed. */
static size_t read_handshake(struct rtmp_session *s, const uint8_t *data, size_t size) {
	struct buffer out;
	size_t taken = 0;
	buffer_init(&out, 0);
	int r = handshake_read(s->handshake, data, size, &taken, &out);
	if (out.size)
		rtmp_session_send(s, &out);
	else
		buffer_fini(&out);
	if (r < 0) {
		rtmp_session_close(s,
		                   r == UV_EPROTONOSUPPORT ? "RTMPE is not served"
		                   : r == UV_EPROTO        ? "not RTMP"
		                                           : "out of memory",
		                   false);
		return 0;
	}
	if (r == 1 && s->phase == RTMP_PHASE_HANDSHAKE) {
		free(s->handshake);
		s->handshake = NULL;
		s->phase = RTMP_PHASE_CONNECTING;
	}
	return size - taken;
}

static void on_read(struct conn *c, const uint8_t *data, size_t size) {
	struct rtmp_session *s = session_of(c);
	s->heard += size;
	if (s->handshake) {
		size_t left = read_handshake(s, data, size);
		data += size - left;
		size = left;
	}
	if (size == 0 || s->phase == RTMP_PHASE_CLOSED)
		return;
	int err = chunk_reader_feed(&s->reader, data, size);
	if (s->phase == RTMP_PHASE_CLOSED)
		return;
	if (err)
		rtmp_session_close(s, s->reader.why ? s->reader.why : uv_strerror(err), false);
	else
		acknowledge(s);
}

static const struct conn_ops conn_ops = {
    .on_read = on_read, .on_writable = on_writable, .on_end = on_end, .on_closed = on_closed, .on_peer = on_peer};

/* --- the server --- */

void rtmp_server_init(struct rtmp_server *s, struct worker *w, const struct config *config) {
	*s = (struct rtmp_server){.worker = w, .config = config};
	list_init(&s->sessions);
}

static struct rtmp_session *session_new(struct rtmp_server *server) {
	struct rtmp_session *s = calloc(1, sizeof *s);
	struct handshake *h = malloc(sizeof *h);
	if (!s || !h) {
		free(s);
		free(h);
		return NULL;
	}
	const struct config_node *config = config_node(server->config);
	struct chunk_reader_limits limits = {.message_bytes = (uint32_t)config->rtmp_max_message,
	                                     .streams = (uint32_t)config->rtmp_max_chunk_streams};
	handshake_init(h);
	s->handshake = h;
	s->server = server;
	s->acknowledge_every = RTMP_WINDOW;
	chunk_reader_init(&s->reader, limits, on_message, s);
	timer_init(&s->timer, server->worker, on_timer);
	random_id(s->id);
	return s;
}

void rtmp_server_accept(struct rtmp_server *server, struct listener *l) {
	struct rtmp_session *s = session_new(server);
	if (!s) {
		listener_refuse(l);
		log_error("rtmp connection refused: out of memory", log_u64("worker", server->worker->index));
		return;
	}
	if (conn_accept(&s->conn, l, &conn_ops)) {
		free(s->handshake);
		free(s);
		return;
	}
	metric_inc(M_CONNECTIONS_RTMP);
	list_append(&server->sessions, &s->node);
	conn_peer(&s->conn, s->peer);
	s->began_ms = worker_now_ms(server->worker);
	log_debug("rtmp connection accepted", log_str("session", s->id), log_str("remote", s->peer));
	arm(s, (uint64_t)config_node(server->config)->rtmp_handshake_timeout);
}

void rtmp_server_stop(struct rtmp_server *server, const char *why) {
	list_each (node, &server->sessions)
		rtmp_session_close(list_entry(node, struct rtmp_session, node), why, false);
}

static const char *state_of(const struct rtmp_session *s) {
	if (s->publish)
		return "publishing";
	if (s->play)
		return s->play->log ? "playing" : "waiting";
	return "connecting";
}

void rtmp_server_each(struct rtmp_server *server, void (*fn)(const struct rtmp_session_info *, void *context),
                      void *context) {
	list_each (node, &server->sessions) {
		struct rtmp_session *s = list_entry(node, struct rtmp_session, node);
		struct rtmp_session_info info = {.id = s->id,
		                                 .remote = s->peer,
		                                 .stream = rtmp_session_stream(s),
		                                 .state = state_of(s),
		                                 .received_bytes = s->conn.read_bytes,
		                                 .sent_bytes = s->conn.written_bytes,
		                                 .age_ms = worker_now_ms(server->worker) - s->began_ms,
		                                 .overruns = s->play ? s->play->overruns : 0};
		if (s->phase != RTMP_PHASE_CLOSED)
			fn(&info, context);
	}
}
