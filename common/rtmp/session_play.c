/*
 * session_play.c: a player. Asks for the stream's RTMP view, opens a sender on its log when it is there, and from then
 * on has nothing to do with frames.
 *
 * What differs for one viewer takes the private way: another message stream than the view's, or only sound or only
 * picture. It reads the same log with a cursor of its own and sends what is wanted of each block, patched in a copy.
 */
#include "common/rtmp/session_parts.h"

#include "common/base/logger.h"
#include "common/base/metrics.h"
#include "common/rtmp/chunk_writer.h"
#include "common/rtmp/message.h"
#include "common/rtmp/view.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { PRIVATE_QUEUE = 256 * 1024, HEAD_SIZE = 12, TYPE_AT = 7, STREAM_AT = 8 };

static int64_t history_us(const struct rtmp_play *p) {
	const struct stream_name *n = &p->name;
	return config_app(p->session->server->config, n->text, stream_name_app_size(n))->edge_history * 1000;
}

/* --- the end of a stream --- */

static void tell_end(struct rtmp_play *p, const char *why) {
	struct rtmp_session *s = p->session;
	struct buffer out;
	buffer_init(&out, 0);
	rtmp_write_event(&out, RTMP_STREAM_EOF, p->stream);
	rtmp_write_status(&out, p->stream, "status", "NetStream.Play.UnpublishNotify", why, p->name.text);
	rtmp_write_status(&out, p->stream, "status", "NetStream.Play.Stop", why, p->name.text);
	rtmp_session_send(s, &out);
	/* Players wait for the end of the connection rather than for these words. */
	rtmp_session_close(s, why, true);
}

/* The stream goes on, elsewhere: no word of an end. */
static void tell_leave(struct rtmp_play *p) {
	struct rtmp_session *s = p->session;
	struct buffer out;
	buffer_init(&out, 0);
	rtmp_write_status(&out, p->stream, "status", "NetStream.Play.Stop", RTMP_DRAINING, p->name.text);
	rtmp_session_send(s, &out);
	rtmp_session_close(s, RTMP_DRAINING, true);
}

static void on_fail(struct rtmp_play *p, int error) {
	rtmp_session_close(p->session, uv_strerror(error), false);
}

static void on_overrun(struct rtmp_play *p) {
	p->overruns++;
	log_peer_info("viewer fell behind and goes on at the newest keyframe", log_str("stream", p->name.text),
	              log_str("session", p->session->id), log_str("remote", p->session->peer),
	              log_u64("times", p->overruns));
}

/* --- the shared way --- */

static struct rtmp_play *play_of_sender(struct sender *s) {
	return list_entry(s, struct rtmp_play, sender);
}

static void sender_on_end(struct sender *s) {
	if (s->ended_at_key)
		tell_leave(play_of_sender(s));
	else
		tell_end(play_of_sender(s), "the stream has ended");
}

static void sender_on_fail(struct sender *s, int error) {
	on_fail(play_of_sender(s), error);
}

static void sender_on_overrun(struct sender *s) {
	on_overrun(play_of_sender(s));
}

static const struct sender_ops sender_ops = {
    .on_end = sender_on_end, .on_fail = sender_on_fail, .on_overrun = sender_on_overrun};

/* --- the private way --- */

/* Bytes of the message that begins at `at`: a view's messages are one type 0 chunk and type 3 ones behind it. */
static size_t message_size(const uint8_t *at) {
	size_t payload = (size_t)at[4] << 16 | (size_t)at[5] << 8 | at[6];
	size_t extended = at[1] == 0xff && at[2] == 0xff && at[3] == 0xff ? 4 : 0;
	size_t chunks = payload ? (payload + RTMP_CHUNK_SIZE_OUT - 1) / RTMP_CHUNK_SIZE_OUT : 1;
	return HEAD_SIZE + extended + payload + (chunks - 1) * (1 + extended);
}

static bool unwanted(const struct rtmp_play *p, uint8_t type) {
	return (type == RTMP_AUDIO && p->no_audio) || (type == RTMP_VIDEO && p->no_video);
}

/* A copy of a view's block without what is not wanted, on this viewer's message stream. Empty: nothing is left. */
static void patch(const struct rtmp_play *p, const struct bytes *block, struct buffer *out) {
	for (size_t at = 0; at < block->size;) {
		size_t size = message_size(block->data + at), start = out->size;
		if (!unwanted(p, block->data[at + TYPE_AT])) {
			buffer_append(out, block->data + at, size);
			if (!buffer_error(out))
				memcpy(out->block->data + start + STREAM_AT,
				       (uint8_t[]){(uint8_t)p->stream, (uint8_t)(p->stream >> 8), (uint8_t)(p->stream >> 16),
				                   (uint8_t)(p->stream >> 24)},
				       4);
		}
		at += size;
	}
}

static int send_patched(struct rtmp_play *p, struct counted *object) {
	struct buffer out;
	if (!object)
		return 0;
	buffer_init(&out, 0);
	patch(p, (struct bytes *)object, &out); /* counted is the first member */
	struct bytes *b = out.size || buffer_error(&out) ? buffer_take(&out) : NULL;
	int err = b ? conn_send(&p->session->conn, b) : buffer_error(&out);
	buffer_fini(&out);
	return err;
}

static void private_ready(struct cursor *c) {
	struct rtmp_play *p = list_entry(c, struct rtmp_play, private);
	const struct log_item *item;
	for (;;) {
		if (conn_queued(&p->session->conn) > PRIVATE_QUEUE) {
			cursor_pause(c);
			return;
		}
		enum cursor_result r = cursor_next(c, &item);
		if (r == CURSOR_EMPTY)
			return;
		if (r == CURSOR_OVERRUN) {
			p->need_head = true;
			on_overrun(p);
			continue;
		}
		if (p->leaving && item->flags & ITEM_KEY) {
			cursor_close(c);
			tell_leave(p);
			return;
		}
		int err = p->need_head && item->flags & ITEM_KEY ? send_patched(p, item->head) : 0;
		p->need_head = p->need_head && !(item->flags & ITEM_KEY);
		err = err ? err : send_patched(p, item->object);
		if (err) {
			on_fail(p, err);
			return;
		}
		bool end = item->flags & ITEM_END;
		cursor_advance(c);
		if (end) {
			cursor_close(c);
			tell_end(p, "the stream has ended");
			return;
		}
	}
}

static bool is_private(const struct rtmp_play *p) {
	return p->stream != RTMP_VIEW_STREAM || p->no_audio || p->no_video;
}

/* Opens the way that the viewer's wishes need, at the newest keyframe (or where its app has viewers begin). */
static void open_way(struct rtmp_play *p, int64_t history) {
	sender_close(&p->sender);
	cursor_close(&p->private);
	p->need_head = true;
	if (p->paused)
		return;
	if (is_private(p)) {
		cursor_open(&p->private, p->log, history ? CURSOR_HISTORY : CURSOR_NEWEST_KEY, history, private_ready);
		cursor_set_paced(&p->private);
	} else {
		sender_open(&p->sender, &p->session->conn, p->log, history, &sender_ops);
		if (p->leaving)
			sender_end_at_key(&p->sender);
	}
}

/* Who gets no media just now need not wait for a keyframe. */
void rtmp_play_leave(struct rtmp_play *p, bool at_keyframe) {
	p->leaving = true;
	if (!at_keyframe || !p->log || p->paused)
		tell_leave(p);
	else
		sender_end_at_key(&p->sender);
}

void rtmp_play_writable(struct rtmp_play *p) {
	if (p->private.log)
		cursor_resume(&p->private);
	else
		sender_writable(&p->sender);
}

/* A player that gets media needs no timer; the conn sees whether it takes them. False: the session is closed. */
static bool tick_while_starved(struct rtmp_play *p) {
	struct timer *t = &p->session->timer;
	if (!p->paused && !p->waiting) {
		timer_stop(t);
	} else if (!timer_running(t) && timer_start(t, RTMP_TICK_MS)) {
		rtmp_session_close(p->session, "out of memory", false);
		return false;
	}
	return true;
}

void rtmp_play_pause(struct rtmp_play *p, bool pause) {
	if (p->paused == pause)
		return;
	p->paused = pause;
	if (p->log && tick_while_starved(p))
		open_way(p, 0);
}

void rtmp_play_receive(struct rtmp_play *p, bool audio, bool wanted) {
	bool *off = audio ? &p->no_audio : &p->no_video;
	if (*off == !wanted)
		return;
	*off = !wanted;
	if (p->log)
		open_way(p, 0);
}

/* --- beginning --- */

static struct rtmp_play *play_of(struct mirror_reader *r) {
	return list_entry(r, struct rtmp_play, reader);
}

static void on_log(struct mirror_reader *r, struct log *log, const struct mirror_info *info) {
	struct rtmp_play *p = play_of(r);
	struct rtmp_session *s = p->session;
	struct buffer out;
	buffer_init(&out, 0);
	rtmp_write_event(&out, RTMP_STREAM_BEGIN, p->stream);
	rtmp_write_status(&out, p->stream, "status", "NetStream.Play.Reset", "playing and resetting", p->name.text);
	rtmp_write_status(&out, p->stream, "status", "NetStream.Play.Start", "playing has begun", p->name.text);
	rtmp_write_sample_access(&out, p->stream);
	rtmp_session_send(s, &out);
	if (s->phase == RTMP_PHASE_CLOSED)
		return;
	log_peer_info("play started", log_str("stream", p->name.text), log_u64("run", info->run),
	              log_u64("epoch", info->epoch), log_str("session", s->id), log_str("remote", s->peer));
	p->log = log;
	metric_inc(M_VIEWERS_RTMP);
	p->waiting = info->waiting;
	conn_watch_stall(&s->conn, (uint32_t)config_node(s->server->config)->limits_stalled_viewer);
	conn_set_peer_timeout(&s->conn, config_viewer_timeout(s->server->config));
	timer_stop(&s->timer);
	if (tick_while_starved(p))
		open_way(p, history_us(p));
}

/* Players that show "no signal" learn it so; others pass over it. */
static void on_waiting(struct mirror_reader *r, bool waiting) {
	struct rtmp_play *p = play_of(r);
	struct rtmp_session *s = p->session;
	if (p->waiting == waiting)
		return;
	p->waiting = waiting;
	rtmp_session_send_event(s, waiting ? RTMP_STREAM_DRY : RTMP_STREAM_BEGIN, p->stream);
	if (s->phase != RTMP_PHASE_CLOSED)
		tick_while_starved(p);
}

static void refuse(struct rtmp_play *p, const char *code, const char *why) {
	struct rtmp_session *s = p->session;
	struct buffer out;
	buffer_init(&out, 0);
	rtmp_write_status(&out, p->stream, "error", code, why, p->name.text);
	rtmp_session_send(s, &out);
	rtmp_session_close(s, why, true);
}

static void on_gone(struct mirror_reader *r, int reason) {
	struct rtmp_play *p = play_of(r);
	sender_close(&p->sender);
	cursor_close(&p->private);
	if (reason == UV_EOF)
		tell_end(p, "the stream has ended");
	else if (reason == UV_ENOENT)
		rtmp_play_overdue(p);
	else if (reason == UV_ENFILE)
		refuse(p, "NetStream.Play.Failed", "the node has as many streams as it may: try again");
	else
		rtmp_session_close(p->session, reason == UV_ECANCELED ? "the node is stopping" : uv_strerror(reason), false);
}

static const struct mirror_reader_ops reader_ops = {.on_log = on_log, .on_waiting = on_waiting, .on_gone = on_gone};

void rtmp_play_overdue(struct rtmp_play *p) {
	refuse(p, "NetStream.Play.StreamNotFound", "nobody publishes this stream");
}

void rtmp_play_begin(struct rtmp_session *s, uint32_t stream, const struct stream_name *name) {
	struct rtmp_play *p = calloc(1, sizeof *p);
	const struct view_ops *form = s->connect->enhanced ? &rtmp_enhanced_view_ops : &rtmp_view_ops;
	const struct config_app *config = config_app(s->server->config, name->text, stream_name_app_size(name));
	int err = p ? mirror_open(&p->reader, s->server->worker, name, RENDITION_SOURCE, form, MIRROR_WAIT, &reader_ops)
	            : UV_ENOMEM;
	if (!err) {
		p->session = s;
		p->name = *name;
		p->stream = stream;
		s->play = p;
		s->phase = RTMP_PHASE_PLAYING;
		err = timer_start(&s->timer, (uint64_t)config->edge_wait_publish);
	} else {
		free(p);
	}
	if (err)
		rtmp_session_close(s, err == UV_ENOMEM ? "out of memory" : "the node is stopping", false);
}

void rtmp_play_end(struct rtmp_session *s) {
	struct rtmp_play *p = s->play;
	if (!p)
		return;
	if (p->log)
		metric_dec(M_VIEWERS_RTMP);
	sender_close(&p->sender);
	cursor_close(&p->private);
	mirror_close(&p->reader);
	s->play = NULL;
	free(p);
	if (s->phase != RTMP_PHASE_PLAYING)
		return;
	s->phase = RTMP_PHASE_CONNECTED;
	rtmp_session_idle(s); /* while it played no timer ran */
}
