/*
 * stream_feeds.c: who reads a stream, and the names that are only waited for.
 */
#include "common/stream/stream_parts.h"

#include "common/base/logger.h"
#include "common/base/metrics.h"
#include "common/stream/feed.h"

#include <uv.h>

/* Names that are waited for have a share of limits.streams of their own, the workers alike, each at least so many. */
enum { WAITED_SHARE = 4, WAITED_LEAST = 16 };

/* --- names that are waited for --- */

void stream_unlist_waited(struct stream *s) {
	if (list_empty(&s->waited_node))
		return;
	list_remove(&s->waited_node);
	s->streams->waited_count--;
}

void stream_not_waited(struct stream *s) {
	stream_unlist_waited(s);
	if (s->waited)
		metric_dec(M_STREAMS_WAITED);
	s->waited = false;
}

static size_t waited_most(const struct streams *s) {
	int64_t workers = (int64_t)workers_count(s->worker->group);
	int64_t most = config_node(s->config)->limits_streams / WAITED_SHARE / workers;
	return most > WAITED_LEAST ? (size_t)most : WAITED_LEAST;
}

/* Who has a stream says so within moments: the oldest is the least likely to be one. */
static void make_room(struct streams *s) {
	if (s->waited_count < waited_most(s))
		return;
	struct stream *oldest = list_entry(s->waited.next, struct stream, waited_node);
	metric_inc(M_STREAMS_GIVEN_UP);
	log_peer_warn("name given up before its time: too many are waited for", log_str("stream", oldest->name.text));
	stream_give_up(oldest, UV_ENOENT);
}

static struct stream *wait_for(struct streams *owner, const struct stream_name *name) {
	make_room(owner);
	struct stream *s = stream_new(owner, name);
	if (!s)
		return NULL;
	s->waited = true;
	list_append(&owner->waited, &s->waited_node);
	owner->waited_count++;
	metric_inc(M_STREAMS_WAITED);
	return s;
}

int stream_found(struct stream *s) {
	if (!s->waited)
		return 0;
	if (streams_full(s->streams, &s->name)) {
		stream_give_up(s, UV_ENFILE);
		return UV_ENFILE;
	}
	stream_not_waited(s);
	return 0;
}

/* --- feeds --- */

/* The feed's stream; else NULL, and why in `*reason`. */
static struct stream *stream_for(struct worker *home, const struct feed *f, int *reason) {
	struct stream *s = streams_find(home, &f->name);
	bool waits = f->flags & MIRROR_WAIT;
	*reason = worker_stopping(home) ? UV_ECANCELED : waits ? UV_ENOMEM : UV_ENOENT;
	if (waits)
		return s || worker_stopping(home) ? s : wait_for(home->streams, &f->name);
	/* A stream that the role holds already, claimed but without a frame yet, is about to be there. */
	return s && s->epoch >= s->newer && (s->phase != STREAM_PENDING || s->role) ? s : NULL;
}

void stream_add_feed(struct worker *home, struct feed *f) {
	int reason;
	struct stream *s = stream_for(home, f, &reason);
	if (!s) {
		feed_end(f, reason);
		return;
	}
	f->stream = s;
	list_append(&s->feeds, &f->node);
	feed_stream_live(f);
	if (!s->wanted) {
		s->wanted = true;
		if (s->streams->ops->wanted)
			s->streams->ops->wanted(s);
	}
}

void stream_remove_feed(struct feed *f) {
	struct stream *s = f->stream;
	list_remove(&f->node);
	f->stream = NULL;
	if (!list_empty(&s->feeds))
		return;
	if (s->ended) {
		stream_free_when_unread(s);
		return;
	}
	s->wanted = false;
	if (s->streams->ops->unwanted)
		s->streams->ops->unwanted(s);
	else if (s->phase == STREAM_PENDING && !s->role)
		stream_end(s, "nobody waits for it");
}
