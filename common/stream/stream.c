#include "common/stream/stream.h"

#include "common/base/logger.h"
#include "common/base/metrics.h"
#include "common/stream/feed.h"
#include "common/stream/stream_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

/* A slow reader has so long to take the rest of a stream that has ended. */
enum { END_LINGER_MS = 5000 };

/* --- the table --- */

int streams_init(struct worker *w, const struct config *config, const struct streams_ops *ops, void *role) {
	struct streams *s = calloc(1, sizeof *s);
	if (!s)
		return UV_ENOMEM;
	*s = (struct streams){.worker = w, .config = config, .ops = ops, .role = role, .next_id = 1};
	for (int i = 0; i < MIRROR_BUCKETS; i++)
		list_init(&s->mirrors[i]);
	list_init(&s->ended);
	list_init(&s->waited);
	w->streams = s;
	return 0;
}

void *streams_role(const struct streams *s) {
	return s->role;
}

const struct streams_ops *streams_role_ops(const struct streams *s) {
	return s->ops;
}

struct worker *streams_worker(const struct streams *s) {
	return s->worker;
}

const struct config *streams_config(const struct streams *s) {
	return s->config;
}

struct worker *stream_home(struct worker *any, const struct stream_name *name) {
	return workers_home(any->group, name_hash(name->text, strlen(name->text)));
}

struct list *streams_mirrors(struct streams *s, const struct stream_name *name) {
	/* The low bits chose the worker already. */
	return &s->mirrors[(name_hash(name->text, strlen(name->text)) >> 32) % MIRROR_BUCKETS];
}

static const struct config_app *app_config(const struct streams *s, const struct stream_name *name) {
	return config_app(s->config, name->text, stream_name_app_size(name));
}

struct log_limits streams_log_limits(const struct streams *s, const struct stream_name *name) {
	const struct config_app *a = app_config(s, name);
	return (struct log_limits){.duration_us = a->stream_log_duration * 1000, .bytes = (size_t)a->stream_log_bytes};
}

struct pace_rule pace_rule_of(const struct config_app *a) {
	return (struct pace_rule){.merge_ms = a->edge_merge == CONFIG_WORD ? PACE_ADAPTIVE : a->edge_merge,
	                          .most_ms = a->edge_merge_max};
}

struct pace_rule streams_pace_rule(const struct streams *s, const struct stream_name *name) {
	return pace_rule_of(app_config(s, name));
}

struct stream *streams_find(struct worker *home, const struct stream_name *name) {
	struct stream *s;
	HASH_FIND_STR(home->streams->table, name->text, s);
	return s;
}

static void on_end_due(struct timer *t);

struct stream *stream_new(struct streams *owner, const struct stream_name *name) {
	struct stream *s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	s->name = *name;
	s->streams = owner;
	s->config = app_config(owner, name);
	s->id = owner->next_id++ << 8 | owner->worker->index; /* unlike any other worker's */
	list_init(&s->renditions);
	list_init(&s->feeds);
	list_init(&s->ended_node);
	list_init(&s->waited_node);
	timer_init(&s->end_timer, owner->worker, on_end_due);
	HASH_ADD_STR(owner->table, name.text, s);
	if (!HASH_ADDED(hh, s)) {
		free(s);
		return NULL;
	}
	metric_inc(M_STREAMS);
	worker_hold(owner->worker);
	return s;
}

bool streams_full(const struct streams *s, const struct stream_name *name) {
	if (metric_value(M_STREAMS) - metric_value(M_STREAMS_WAITED) < config_node(s->config)->limits_streams)
		return false;
	metric_inc(M_STREAMS_REFUSED);
	log_peer_warn("stream refused: limits.streams is reached", log_str("stream", name->text));
	return true;
}

struct stream *streams_get(struct worker *home, const struct stream_name *name) {
	struct stream *s = streams_find(home, name);
	if ((s && !s->waited) || worker_stopping(home))
		return s;
	if (streams_full(home->streams, name))
		return NULL;
	if (s)
		stream_not_waited(s);
	return s ? s : stream_new(home->streams, name);
}

void streams_each(struct worker *home, void (*fn)(struct stream *, void *context), void *context) {
	struct stream *s, *next;
	HASH_ITER(hh, home->streams->table, s, next) {
		fn(s, context);
	}
}

/* --- renditions --- */

static void on_drop(struct log *l, const struct log_item *item) {
	struct rendition *r = list_entry(l, struct rendition, log);
	struct entry *e = (struct entry *)item->object; /* counted is the first member */
	if (e->kind != ENTRY_MARK)
		return;
	entry_unref(&r->first_mark);
	r->first_mark = entry_ref(e);
}

struct rendition *stream_rendition(struct stream *s, const char *name) {
	list_each (node, &s->renditions) {
		struct rendition *r = list_entry(node, struct rendition, node);
		if (strcmp(r->name, name) == 0)
			return r;
	}
	return NULL;
}

struct rendition *stream_rendition_get(struct stream *s, const char *name) {
	struct rendition *r = stream_rendition(s, name);
	if (r)
		return r;
	r = calloc(1, sizeof *r);
	if (!r)
		return NULL;
	r->stream = s;
	snprintf(r->name, sizeof r->name, "%s", name);
	list_init(&r->views);
	log_init(&r->log, s->streams->worker, streams_log_limits(s->streams, &s->name));
	r->log.on_drop = on_drop;
	list_append(&s->renditions, &r->node);
	return r;
}

static void rendition_free(struct rendition *r) {
	list_remove(&r->node);
	log_fini(&r->log);
	entry_unref(&r->first_mark);
	free(r);
}

/* --- appending --- */

static void tell_feeds(struct stream *s) {
	list_each (node, &s->feeds)
		feed_state(list_entry(node, struct feed, node));
}

static void became_live(struct stream *s) {
	s->phase = STREAM_LIVE;
	stream_not_waited(s);
	if (!s->began_ms)
		s->began_ms = worker_now_ms(s->streams->worker);
	list_each (node, &s->feeds) {
		struct feed *f = list_entry(node, struct feed, node);
		feed_state(f);
		feed_stream_live(f);
	}
}

static void note_mark(struct stream *s, const struct entry *e) {
	const struct mark *m = &e->mark;
	s->segment_number = m->number;
	s->discontinuity = m->discontinuity;
	s->anchor = m->anchor;
	if (!m->tracks)
		return;
	tracks_unref(&s->tracks);
	s->tracks = tracks_ref(m->tracks);
	s->run = m->tracks->run;
}

static int check_order(const struct rendition *r, const struct entry *e) {
	if (e->epoch < r->stream->epoch || (e->epoch == r->epoch && e->sequence <= r->sequence))
		return UV_EALREADY;
	if (e->epoch > r->epoch && e->kind != ENTRY_MARK && e->kind != ENTRY_END)
		return UV_EPROTO;
	return 0;
}

static uint32_t kinds_of_tracks(const struct rendition *r) {
	const struct tracks *t = r->stream->tracks;
	uint32_t flags = 0;
	for (size_t i = 0; t && i < t->count; i++)
		if (strcmp(t->items[i].rendition, r->name) == 0)
			flags |= t->items[i].kind == TRACK_VIDEO ? ITEM_VIDEO : t->items[i].kind == TRACK_AUDIO ? ITEM_AUDIO : 0;
	return flags;
}

/* The mark begins an epoch that goes on where the log ends. */
static bool goes_on(const struct rendition *r, const struct entry *e) {
	return e->kind == ENTRY_MARK && r->epoch && e->epoch > r->epoch && e->sequence == 1 &&
	       e->mark.after_epoch == r->epoch && e->mark.after_sequence == r->sequence;
}

static uint32_t item_flags(const struct rendition *r, const struct entry *e) {
	uint32_t flags = 0;
	if (e->kind == ENTRY_FRAME && e->frame.flags & FRAME_KEY)
		flags |= ITEM_KEY | kinds_of_tracks(r);
	if (e->kind == ENTRY_END)
		flags |= ITEM_END;
	if ((e->epoch != r->epoch || e->sequence != r->sequence + 1) && !goes_on(r, e))
		flags |= ITEM_RESTART;
	return flags;
}

/* It has nothing but a mark: who begins inside a segment gets the mark in force and then what there is now, and has
 * lost nothing of what lies between. */
static bool begins_inside(const struct rendition *r) {
	if (r->log.next != 1)
		return false;
	const struct entry *e = (const struct entry *)log_at(&r->log, 0)->object; /* counted is the first member */
	return e->kind == ENTRY_MARK;
}

int stream_append(struct rendition *r, struct entry *e) {
	struct stream *s = r->stream;
	int err = check_order(r, e);
	if (err) {
		entry_unref(&e);
		return err;
	}
	struct log_item item = {.object = &e->counted,
	                        .epoch = e->epoch,
	                        .sequence = e->sequence,
	                        .time_us = e->time_us,
	                        .size_bytes = (uint32_t)entry_size(e),
	                        .flags = item_flags(r, e)};
	if (item.flags & ITEM_RESTART && e->epoch == r->epoch && !begins_inside(r))
		s->lost += e->sequence - r->sequence - 1;
	if (goes_on(r, e))
		r->tails.epoch = e->epoch;
	if (e->kind == ENTRY_FRAME && e->frame.track)
		tails_note(&r->tails, e->epoch, e->frame.track, e->frame.dts, item.flags & ITEM_RESTART);
	bool newer = e->epoch != s->epoch;
	s->epoch = r->epoch = e->epoch;
	r->sequence = e->sequence;
	if (e->time_us > s->highest_us)
		s->highest_us = e->time_us;
	if (e->kind == ENTRY_MARK) {
		note_mark(s, e);
	} else if (e->kind == ENTRY_FRAME) {
		s->frames++;
		s->bytes_in += e->frame.payload.size;
		metric_inc(M_FRAMES_IN);
	}
	bool first = r->log.next == 0;
	err = log_append(&r->log, &item);
	if (!err && (s->phase != STREAM_LIVE || first) && !s->ended && !(item.flags & ITEM_END))
		became_live(s);
	else if (!err && newer)
		tell_feeds(s);
	return err;
}

void stream_waiting(struct stream *s) {
	if (s->phase != STREAM_LIVE)
		return;
	s->phase = STREAM_WAITING;
	tell_feeds(s);
}

void stream_resumed(struct stream *s) {
	if (s->phase == STREAM_WAITING)
		became_live(s);
}

/* --- the end --- */

static void stream_free(struct stream *s) {
	struct worker *w = s->streams->worker;
	timer_stop(&s->end_timer);
	stream_not_waited(s);
	list_remove(&s->ended_node);
	list_each (node, &s->renditions)
		rendition_free(list_entry(node, struct rendition, node));
	tracks_unref(&s->tracks);
	free(s);
	metric_dec(M_STREAMS);
	worker_release(w);
}

/* Views go at the end of a turn; the stream goes after them. */
static void on_free_due(struct timer *t) {
	struct stream *s = list_entry(t, struct stream, end_timer);
	stream_free(s);
}

void stream_free_when_unread(struct stream *s) {
	if (!s->ended || !list_empty(&s->feeds))
		return;
	timer_stop(&s->end_timer);
	timer_init(&s->end_timer, s->streams->worker, on_free_due);
	if (timer_start(&s->end_timer, 0))
		log_error("memory is out: an ended stream stays", log_str("stream", s->name.text));
}

static void end_feeds(struct stream *s, int reason) {
	list_each (node, &s->feeds)
		feed_end(list_entry(node, struct feed, node), reason);
}

static void on_end_due(struct timer *t) {
	end_feeds(list_entry(t, struct stream, end_timer), UV_EOF);
}

static void append_end(struct rendition *r, const char *reason) {
	if (r->log.next > r->log.first && log_at(&r->log, r->log.next - 1)->flags & ITEM_END)
		return;
	struct track_end ends[TRACKS_MAX];
	size_t count = tails_ends(&r->tails, r->stream->tracks, ends);
	struct entry *e = entry_new_end(reason, ends, count, r->stream->highest_us);
	if (!e)
		return; /* readers are told by on_gone all the same */
	e->epoch = r->epoch;
	e->sequence = r->sequence + 1;
	stream_append(r, e);
}

/* Out of the table: who asks from now on gets a new stream. */
static void leave_table(struct stream *s) {
	s->ended = true;
	HASH_DELETE(hh, s->streams->table, s);
	stream_unlist_waited(s);
	list_append(&s->streams->ended, &s->ended_node);
	if (s->streams->ops->ended)
		s->streams->ops->ended(s);
}

void stream_end(struct stream *s, const char *reason) {
	if (s->ended)
		return;
	bool had_frames = s->phase != STREAM_PENDING;
	leave_table(s);
	if (had_frames)
		list_each (node, &s->renditions)
			append_end(list_entry(node, struct rendition, node), reason);
	if (!had_frames || timer_start(&s->end_timer, END_LINGER_MS))
		end_feeds(s, had_frames ? UV_EOF : UV_ENOENT);
	stream_free_when_unread(s);
}

void stream_give_up(struct stream *s, int reason) {
	if (s->ended)
		return;
	leave_table(s);
	end_feeds(s, reason);
	stream_free_when_unread(s);
}

void stream_withdraw(struct stream *s) {
	stream_give_up(s, UV_ENOENT);
}

static void stop_one(struct stream *s) {
	if (!s->ended)
		leave_table(s);
	timer_stop(&s->end_timer);
	end_feeds(s, UV_ECANCELED);
	stream_free_when_unread(s);
}

void streams_stop(struct worker *w) {
	struct stream *s, *next;
	list_each (node, &w->streams->ended)
		stop_one(list_entry(node, struct stream, ended_node));
	HASH_ITER(hh, w->streams->table, s, next) {
		stop_one(s);
	}
}

void streams_fini(struct worker *w) {
	free(w->streams);
	w->streams = NULL;
}
