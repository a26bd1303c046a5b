/*
 * serve_subscribe.c: feeds a link. A sibling of the player of RTMP: a mirror, a cursor, blocks; on overrun it goes on
 * at the newest keyframe. Many share one connection, so blocks are queued on it, up to a mark.
 */
#include "common/relay/serve_parts.h"

#include "common/base/logger.h"
#include "common/base/metrics.h"
#include "common/relay/view.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct subscription {
	uint64_t id; /* the puller's */
	struct serve *serve;
	struct mirror_reader reader;
	struct cursor cursor;
	struct stream_name name;
	uint64_t handle;
	uint64_t epoch, sequence; /* what the puller has */
	int64_t after_us;         /* its newest media time */
	int64_t history_us;
	int64_t behind_us; /* what it may be behind the newest entry: what it began with, and relay.max_lag */
	bool need_head, live, full;
	UT_hash_handle hh;
};

static void subscription_free(struct subscription *b) {
	HASH_DELETE(hh, b->serve->subscriptions, b);
	cursor_close(&b->cursor);
	mirror_close(&b->reader);
	if (b->live)
		metric_dec(M_SUBSCRIPTIONS);
	free(b);
}

/* Each of the two may close the link, and free the subscription with it. */
static void send_item(struct subscription *b, const struct log_item *item) {
	struct link *l = b->serve->link;
	if (b->need_head && item->flags & ITEM_KEY) {
		b->need_head = false;
		if (item->head)
			link_send_block(l, (struct bytes *)item->head); /* counted is the first member */
	}
	if (!l->closed && item->object)
		link_send_block(l, (struct bytes *)item->object);
}

/* Media time from the cursor to the newest entry. */
static int64_t lag_us(const struct cursor *c) {
	const struct log *l = c->log;
	uint64_t from = c->position > l->first ? c->position : l->first;
	return from < l->next ? log_at(l, l->next - 1)->time_us - log_at(l, from)->time_us : 0;
}

static void on_skipped(struct subscription *b) {
	b->need_head = true;
	log_peer_warn("relay link lags: skipped to the newest keyframe", log_str("stream", b->name.text),
	              log_str("peer", b->serve->link->peer));
}

/* A link that lags delivers the present rather than all of the past; who packages fetches what was left out. */
static void skip_lag(struct subscription *b) {
	uint64_t key;
	if (lag_us(&b->cursor) <= b->behind_us || !log_newest_key(b->cursor.log, &key) || key <= b->cursor.position)
		return;
	cursor_skip(&b->cursor);
	metric_inc(M_OVERRUNS);
	on_skipped(b);
}

static void on_ready(struct cursor *c) {
	struct subscription *b = list_entry(c, struct subscription, cursor);
	struct link *l = b->serve->link;
	const struct log_item *item;
	for (;;) {
		if (link_full(l)) {
			b->full = true;
			cursor_pause(c);
			return;
		}
		enum cursor_result r = cursor_next(c, &item);
		if (r == CURSOR_EMPTY)
			return;
		if (r == CURSOR_OVERRUN) {
			on_skipped(b);
			continue;
		}
		bool end = item->flags & ITEM_END;
		cursor_advance(c);
		send_item(b, item); /* may close the link, and free this with it */
		if (l->closed)
			return;
		if (end) { /* all is said, and the stream need not wait for this reader */
			subscription_free(b);
			return;
		}
	}
}

void serve_subscriptions_writable(struct serve *s) {
	struct subscription *b, *next;
	HASH_ITER(hh, s->subscriptions, b, next) {
		if (!b->full)
			continue;
		b->full = false;
		skip_lag(b);
		cursor_resume(&b->cursor);
	}
}

/* --- beginning --- */

enum { AGAIN_MAX_US = 1000000 }; /* clocks differ: an epoch may begin a little before what the puller has */

/* Where a newer epoch is new to the puller: at its first keyframe; or, when the older one has gone on for the puller
 * beyond where we took it over, at the first that lies behind that. */
static uint64_t first_new(const struct subscription *b, const struct log *log, uint64_t position) {
	while (position < log->next) {
		const struct log_item *item = log_at(log, position);
		if (item->flags & ITEM_KEY && item->time_us > b->after_us - AGAIN_MAX_US)
			break;
		position++;
	}
	return position;
}

/* Where the puller goes on: after what it has, or at a newer epoch's beginning, or where it asked to begin. */
static bool open_cursor(struct subscription *b, struct log *log) {
	uint64_t position;
	if (b->epoch && log_after(log, b->epoch, b->sequence, &position)) {
		cursor_open_at(&b->cursor, log, position, on_ready);
		return true;
	}
	if (b->epoch && log_is_before(log, b->epoch, b->sequence)) {
		/* A copy that got less from a dead owner than the puller did: what comes next is new to both. */
		cursor_open_at(&b->cursor, log, log->next, on_ready);
		return true;
	}
	b->need_head = true;
	if (b->epoch && log_first_of_newer(log, b->epoch, &position) && position > log->first) {
		cursor_open_at(&b->cursor, log, first_new(b, log, position), on_ready);
		b->cursor.want_key = true; /* whole from its first keyframe on */
		return false;
	}
	int64_t history = b->history_us < 0 ? INT64_MAX / 2 : b->history_us;
	cursor_open(&b->cursor, log, history ? CURSOR_HISTORY : CURSOR_NEWEST_KEY, history, on_ready);
	return false;
}

static void send_accepted(struct subscription *b, const struct mirror_info *info, bool resumed) {
	Weir__Relay__Accepted h_body = WEIR__RELAY__ACCEPTED__INIT;
	h_body.id = b->id;
	h_body.handle = info->stream_id;
	h_body.epoch = info->epoch;
	h_body.run = info->run;
	h_body.waiting = info->waiting;
	h_body.resumed = resumed;
	RELAY_HEADER(h, accepted, ACCEPTED);
	link_send(b->serve->link, &h, (struct slice){0});
}

static struct subscription *subscription_of(struct mirror_reader *r) {
	return list_entry(r, struct subscription, reader);
}

static void on_log(struct mirror_reader *r, struct log *log, const struct mirror_info *info) {
	struct subscription *b = subscription_of(r);
	b->handle = info->stream_id;
	b->live = true;
	metric_inc(M_SUBSCRIPTIONS);
	bool resumed = open_cursor(b, log);
	if (b->serve->link->peer_role == WEIR__RELAY__ROLE__ROLE_ORIGIN)
		cursor_set_first(&b->cursor); /* a copy, so that it never lacks what an edge has had */
	const struct config *config = streams_config(b->serve->server->worker->streams);
	b->behind_us = lag_us(&b->cursor) + config_node(config)->relay_max_lag * 1000;
	log_peer_info("relay subscription started", log_str("stream", b->name.text), log_str("peer", b->serve->link->peer),
	              log_u64("run", info->run), log_u64("epoch", info->epoch), log_str("resumed", resumed ? "yes" : "no"));
	send_accepted(b, info, resumed);
}

static void on_waiting(struct mirror_reader *r, bool waiting) {
	struct subscription *b = subscription_of(r);
	Weir__Relay__Waiting h_body = WEIR__RELAY__WAITING__INIT;
	h_body.handle = b->handle;
	h_body.waiting = waiting;
	RELAY_HEADER(h, waiting, WAITING);
	link_send(b->serve->link, &h, (struct slice){0});
}

static void on_gone(struct mirror_reader *r, int reason) {
	struct subscription *b = subscription_of(r);
	struct serve *s = b->serve;
	uint64_t id = b->id;
	subscription_free(b);
	/* After its End (UV_EOF) a stream has said all. */
	if (reason == UV_ENOENT)
		serve_refuse(s, id, WEIR__RELAY__REASON__REASON_NOT_FOUND, "the stream is not here");
	else if (reason == UV_ENFILE)
		serve_refuse(s, id, WEIR__RELAY__REASON__REASON_LIMIT, "limits.streams is reached");
	else if (reason != UV_EOF)
		serve_refuse(s, id, WEIR__RELAY__REASON__REASON_STOPPING, "the node is stopping");
}

static const struct mirror_reader_ops reader_ops = {.on_log = on_log, .on_waiting = on_waiting, .on_gone = on_gone};

void serve_subscribe(struct serve *s, const Weir__Relay__Subscribe *m) {
	struct stream_name name;
	struct subscription *b = NULL;
	HASH_FIND(hh, s->subscriptions, &m->id, sizeof m->id, b);
	if (b || stream_name_parse(&name, m->stream, strlen(m->stream)) ||
	    !name_valid(m->rendition, strlen(m->rendition)) || strlen(m->rendition) >= TRACK_NAME_MAX) {
		serve_refuse(s, m->id, WEIR__RELAY__REASON__REASON_NOT_FOUND, "no such name, or the id is in use");
		return;
	}
	if (HASH_COUNT(s->subscriptions) >= SERVE_SUBSCRIPTIONS_MAX) {
		serve_refuse(s, m->id, WEIR__RELAY__REASON__REASON_LIMIT, "too many subscriptions on one link");
		return;
	}
	b = calloc(1, sizeof *b);
	unsigned flags = s->server->wait_for_streams ? MIRROR_WAIT : 0;
	if (!b || mirror_open(&b->reader, s->server->worker, &name, m->rendition, &relay_view_ops, flags, &reader_ops)) {
		free(b);
		serve_refuse(s, m->id, WEIR__RELAY__REASON__REASON_LIMIT, "out of memory, or the node is stopping");
		return;
	}
	b->id = m->id;
	b->serve = s;
	b->name = name;
	b->epoch = m->epoch;
	b->sequence = m->sequence;
	b->after_us = m->after_us;
	b->history_us = m->history_us;
	HASH_ADD(hh, s->subscriptions, id, sizeof b->id, b);
	if (HASH_ADDED(hh, b)) {
		if (m->newest_number)
			serve_tell_number(s, &name, m->epoch, m->newest_number);
		return;
	}
	mirror_close(&b->reader);
	free(b);
	serve_refuse(s, m->id, WEIR__RELAY__REASON__REASON_LIMIT, "out of memory");
}

void serve_unsubscribe(struct serve *s, uint64_t id) {
	struct subscription *b;
	HASH_FIND(hh, s->subscriptions, &id, sizeof id, b);
	if (b)
		subscription_free(b);
}

size_t serve_subscriptions_count(const struct serve *s) {
	return HASH_COUNT(s->subscriptions);
}

void serve_subscriptions_end(struct serve *s) {
	struct subscription *b, *next;
	HASH_ITER(hh, s->subscriptions, b, next) {
		subscription_free(b);
	}
}
