#include "common/rtmp/session_parts.h"

#include "common/base/logger.h"
#include "common/base/metrics.h"
#include "common/codec/amf0.h"
#include "common/mux/flv_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

static struct rtmp_publish *publish_of(struct publisher *p) {
	return list_entry(p, struct rtmp_publish, publisher);
}

/* --- the home's answers --- */

static void on_accepted(struct publisher *publisher, uint64_t epoch) {
	struct rtmp_publish *p = publish_of(publisher);
	struct rtmp_session *s = p->session;
	struct buffer out;
	p->accepted = true;
	p->epoch = epoch;
	log_peer_info("publish started", log_str("stream", p->name.text), log_u64("epoch", epoch),
	              log_str("session", s->id), log_str("remote", s->peer));
	buffer_init(&out, 0);
	rtmp_write_status(&out, p->stream, "status", "NetStream.Publish.Start", "publishing has begun", p->name.text);
	rtmp_session_send(s, &out);
	if (s->phase != RTMP_PHASE_CLOSED)
		rtmp_early_replay(s);
}

/* OBS stops for good at these codes but the last, at which it tries again. */
static const char *code_of(enum publish_refusal refusal) {
	switch (refusal) {
	case PUBLISH_BAD_NAME:
	case PUBLISH_REPLACED:
		return "NetStream.Publish.BadName";
	case PUBLISH_DENIED:
		return "NetStream.Publish.Denied";
	case PUBLISH_UNAVAILABLE:
	case PUBLISH_ELSEWHERE:
		break;
	}
	return "NetStream.Publish.Failed";
}

static void on_refused(struct publisher *publisher, enum publish_refusal refusal, const char *why) {
	struct rtmp_session *s = publish_of(publisher)->session;
	struct buffer out;
	log_peer_warn("publish refused", log_str("stream", s->publish->name.text), log_str("session", s->id),
	              log_str("remote", s->peer), log_str("reason", why));
	buffer_init(&out, 0);
	rtmp_write_status(&out, s->publish->stream, "error", code_of(refusal), why, s->publish->name.text);
	rtmp_session_send(s, &out);
	rtmp_session_close(s, why, true);
}

static void on_pressure(struct publisher *publisher, bool full) {
	struct conn *c = &publish_of(publisher)->session->conn;
	if (full)
		conn_read_pause(c);
	else
		conn_read_resume(c);
}

static const struct publisher_ops publisher_ops = {
    .on_accepted = on_accepted, .on_refused = on_refused, .on_stopped = on_refused, .on_pressure = on_pressure};

void rtmp_publish_begin(struct rtmp_session *s, uint32_t stream, const struct stream_name *name, const char *query) {
	struct rtmp_publish *p = calloc(1, sizeof *p);
	struct publish_request request = {.name = *name, .protocol = "rtmp"};
	snprintf(request.query, sizeof request.query, "%s", query);
	snprintf(request.remote, sizeof request.remote, "%s", s->peer);
	snprintf(request.session, sizeof request.session, "%s", s->id);
	int err = p ? publisher_open(&p->publisher, s->server->worker, &request, &publisher_ops) : UV_ENOMEM;
	if (err) {
		free(p);
		rtmp_session_close(s, err == UV_ENOMEM ? "out of memory" : "the node is stopping", false);
		return;
	}
	p->session = s;
	p->name = *name;
	p->stream = stream;
	s->publish = p;
	s->phase = RTMP_PHASE_PUBLISHING;
	if (timer_start(&s->timer, (uint64_t)config_node(s->server->config)->rtmp_idle_timeout))
		rtmp_session_close(s, "out of memory", false);
}

void rtmp_publish_end(struct rtmp_session *s, const char *why) {
	struct rtmp_publish *p = s->publish;
	if (!p)
		return;
	if (p->accepted)
		log_peer_info("publish ended", log_str("stream", p->name.text), log_u64("epoch", p->epoch),
		              log_str("session", s->id), log_str("reason", why));
	publisher_close(&p->publisher);
	rtmp_early_drop(p);
	s->publish = NULL;
	free(p);
	if (s->phase == RTMP_PHASE_PUBLISHING)
		s->phase = RTMP_PHASE_CONNECTED;
}

/* --- messages → samples --- */

enum { UNUSED_MOST = 4096 };

/* A frame keeps the message that it came in, which may hold much besides: other tracks of the same moment, or what
 * nobody can read. Then it is copied out, so that what a log holds is what it counts. */
static bool keeps_too_much(const struct sample *s) {
	return s->block && s->block->size - s->payload.size > s->payload.size + UNUSED_MOST;
}

static void send_sample(struct rtmp_publish *p, const struct sample *sample) {
	struct sample s = *sample;
	struct bytes *copy = keeps_too_much(sample) ? bytes_copy(s.payload.data, s.payload.size) : NULL;
	if (copy) {
		s.block = copy;
		s.payload = bytes_slice(copy);
	}
	if ((!copy && keeps_too_much(sample)) || publisher_sample(&p->publisher, &s))
		rtmp_session_close(p->session, "out of memory", false);
	bytes_unref(&copy);
}

static void on_media(struct rtmp_publish *p, const struct rtmp_message *m) {
	struct flv_tag_reader it = flv_tag_reader_of((enum flv_tag_type)m->type, m->payload);
	struct flv_tag tag;
	const struct rtmp_session *session = p->session;
	int got = 0;
	struct sample sample;
	while (session->publish && (got = flv_tag_read(&it, &tag)) == 1)
		if (flv_sample_of_tag(&sample, &tag, m->timestamp_ms, m->block))
			send_sample(p, &sample);
	if (got >= 0)
		return;
	metric_inc(M_FRAMES_DROPPED);
	if (p->refused_messages++ == 0)
		log_peer_warn("a media message cannot be read and was left out; further ones are not told",
		              log_str("stream", p->name.text), log_str("session", p->session->id), log_err(got));
}

/* A script message of AMF3 as AMF0, which is what every player reads. */
static struct bytes *to_amf0(struct slice s) {
	struct reader r = reader_of(s.data, s.size);
	struct amf_doc *doc;
	struct buffer out;
	if (amf0_read(&r, &doc))
		return NULL;
	buffer_init(&out, 0);
	for (size_t i = 0; amf_at(amf_root(doc), i); i++)
		amf0_write_value(&out, amf_at(amf_root(doc), i));
	struct bytes *b = buffer_take(&out);
	buffer_fini(&out);
	amf_doc_free(&doc);
	return b;
}

static void on_data(struct rtmp_publish *p, const struct rtmp_message *m) {
	struct bytes *block = bytes_ref(m->block);
	struct slice s = m->payload;
	if (m->type == RTMP_DATA_AMF3 && s.size) {
		bytes_unref(&block);
		block = to_amf0((struct slice){s.data + 1, s.size - 1});
		if (!block)
			return;
		s = bytes_slice(block);
	}
	struct sample sample;
	if (flv_sample_of_script(&sample, s, m->timestamp_ms, block))
		send_sample(p, &sample);
	bytes_unref(&block);
}

void rtmp_publish_message(struct rtmp_publish *p, const struct rtmp_message *m) {
	if (!p->accepted) { /* nothing is published before the home has said yes */
		if (rtmp_early_keep(p, m))
			rtmp_session_close(p->session, "out of memory", false);
		return;
	}
	if (m->type == RTMP_AUDIO || m->type == RTMP_VIDEO)
		on_media(p, m);
	else
		on_data(p, m);
}
