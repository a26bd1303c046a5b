/*
 * serve_publish.c: publishers that reach this node through another: their samples are handed to the stream's home as
 * those of an encoder of our own would be.
 */
#include "common/relay/serve_parts.h"

#include "common/base/logger.h"
#include "common/base/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct upload {
	uint64_t id;
	struct serve *serve;
	struct publisher publisher;
	struct stream_name name;
	bool accepted;
	bool full; /* on_pressure */
	UT_hash_handle hh;
};

static struct upload *upload_of(struct publisher *p) {
	return list_entry(p, struct upload, publisher);
}

/* The link carries others too, but a home that does not keep up would otherwise fill the memory. It is read again when
 * the last of those that are full is not so any more, or is gone: one that is stopped is not heard of again. */
static void set_full(struct upload *u, bool full) {
	struct serve *s = u->serve;
	if (u->full == full)
		return;
	u->full = full;
	s->full_uploads = full ? s->full_uploads + 1 : s->full_uploads - 1;
	if (full && s->full_uploads == 1)
		conn_read_pause(&s->link->conn);
	else if (!full && s->full_uploads == 0 && !s->link->closed)
		conn_read_resume(&s->link->conn);
}

static void upload_free(struct upload *u) {
	set_full(u, false);
	HASH_DELETE(hh, u->serve->uploads, u);
	publisher_close(&u->publisher);
	free(u);
}

static void on_accepted(struct publisher *p, uint64_t epoch) {
	struct upload *u = upload_of(p);
	u->accepted = true;
	log_peer_info("publish started", log_str("stream", u->name.text), log_u64("epoch", epoch),
	              log_str("through", u->serve->link->peer));
	Weir__Relay__Accepted h_body = WEIR__RELAY__ACCEPTED__INIT;
	h_body.id = u->id;
	h_body.epoch = epoch;
	RELAY_HEADER(h, accepted, ACCEPTED);
	link_send(u->serve->link, &h, (struct slice){0});
}

static Weir__Relay__Reason reason_of(enum publish_refusal refusal) {
	switch (refusal) {
	case PUBLISH_BAD_NAME:
		return WEIR__RELAY__REASON__REASON_BAD_NAME;
	case PUBLISH_DENIED:
		return WEIR__RELAY__REASON__REASON_DENIED;
	case PUBLISH_REPLACED:
		return WEIR__RELAY__REASON__REASON_REPLACED;
	case PUBLISH_ELSEWHERE:
		return WEIR__RELAY__REASON__REASON_DRAINING;
	case PUBLISH_UNAVAILABLE:
		break;
	}
	return WEIR__RELAY__REASON__REASON_UNAVAILABLE;
}

static void on_refused(struct publisher *p, enum publish_refusal refusal, const char *why) {
	struct upload *u = upload_of(p);
	struct serve *s = u->serve;
	uint64_t id = u->id;
	upload_free(u);
	serve_refuse(s, id, reason_of(refusal), why);
}

static void stop(struct upload *u, enum publish_refusal refusal, const char *why) {
	struct link *l = u->serve->link;
	Weir__Relay__Stopped h_body = WEIR__RELAY__STOPPED__INIT;
	h_body.id = u->id;
	h_body.reason = reason_of(refusal);
	h_body.why = (char *)why;
	RELAY_HEADER(h, stopped, STOPPED);
	upload_free(u);
	link_send(l, &h, (struct slice){0});
}

static void on_stopped(struct publisher *p, enum publish_refusal refusal, const char *why) {
	stop(upload_of(p), refusal, why);
}

static void on_pressure(struct publisher *p, bool full) {
	set_full(upload_of(p), full);
}

static const struct publisher_ops publisher_ops = {
    .on_accepted = on_accepted, .on_refused = on_refused, .on_stopped = on_stopped, .on_pressure = on_pressure};

void serve_publish(struct serve *s, const Weir__Relay__Publish *m) {
	struct publish_request request = {0};
	struct upload *u = NULL;
	HASH_FIND(hh, s->uploads, &m->id, sizeof m->id, u);
	if (u || stream_name_parse(&request.name, m->stream, strlen(m->stream)) ||
	    strlen(m->query) >= sizeof request.query) {
		serve_refuse(s, m->id, WEIR__RELAY__REASON__REASON_BAD_NAME, "not a stream's name, or the id is in use");
		return;
	}
	if (s->server->draining) {
		serve_refuse(s, m->id, WEIR__RELAY__REASON__REASON_DRAINING, "the node is draining");
		return;
	}
	if (!s->server->take_publishers || HASH_COUNT(s->uploads) >= SERVE_PUBLISHERS_MAX) {
		serve_refuse(s, m->id, WEIR__RELAY__REASON__REASON_UNAVAILABLE, "this node takes no publishers from others");
		return;
	}
	snprintf(request.query, sizeof request.query, "%s", m->query);
	snprintf(request.remote, sizeof request.remote, "%s", m->remote);
	snprintf(request.protocol, sizeof request.protocol, "%s", m->protocol);
	snprintf(request.session, sizeof request.session, "%s", m->session);
	_Static_assert(sizeof request.through >= RELAY_NODE_SIZE, "a node's id");
	snprintf(request.through, sizeof request.through, "%s", s->link->peer);
	u = calloc(1, sizeof *u);
	if (!u || publisher_open(&u->publisher, s->server->worker, &request, &publisher_ops)) {
		free(u);
		serve_refuse(s, m->id, WEIR__RELAY__REASON__REASON_UNAVAILABLE, "out of memory, or the node is stopping");
		return;
	}
	u->id = m->id;
	u->serve = s;
	u->name = request.name;
	HASH_ADD(hh, s->uploads, id, sizeof u->id, u);
	if (HASH_ADDED(hh, u))
		return;
	publisher_close(&u->publisher);
	free(u);
	serve_refuse(s, m->id, WEIR__RELAY__REASON__REASON_UNAVAILABLE, "out of memory");
}

int serve_sample(struct serve *s, const struct relay_message *m) {
	struct sample sample;
	struct upload *u;
	uint64_t id = m->header->sample->id;
	HASH_FIND(hh, s->uploads, &id, sizeof id, u);
	if (!u || !u->accepted)
		return 0; /* sent before our Stopped reached the other */
	if (relay_read_sample(&sample, m)) {
		metric_inc(M_FRAMES_DROPPED);
		return UV_EPROTO;
	}
	return publisher_sample(&u->publisher, &sample);
}

void serve_unpublish(struct serve *s, uint64_t id) {
	struct upload *u;
	HASH_FIND(hh, s->uploads, &id, sizeof id, u);
	if (u)
		upload_free(u);
}

void serve_uploads_stop(struct serve *s) {
	const struct link *l = s->link;
	while (!l->closed && s->uploads) /* sending may close the link, and free all this with it */
		stop(s->uploads, PUBLISH_ELSEWHERE, "the node is draining");
}

size_t serve_uploads_count(const struct serve *s) {
	return HASH_COUNT(s->uploads);
}

void serve_uploads_end(struct serve *s) {
	struct upload *u, *next;
	HASH_ITER(hh, s->uploads, u, next) {
		upload_free(u);
	}
}
