#include "edge/edge.h"
#include "edge/packaging_parts.h"
#include "edge/upstream.h"

#include "common/base/logger.h"
#include "common/base/metrics.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum {
	SWEEP_MS = 1000,
	FETCH_AGAIN_MS = 100,
	FETCH_TRIES = 20, /* two seconds, then what is missing is given up */
	SESSION_LEAST_MS = 10000,
};

static void catch_up(struct packaging *p);

/* --- life --- */

static void note_usage(struct packaging *p, struct segment_usage now) {
	metric_add(M_SEGMENTS, (int64_t)now.segments - (int64_t)p->usage.segments);
	metric_add(M_SEGMENT_BYTES, (int64_t)now.bytes - (int64_t)p->usage.bytes);
	p->usage = now;
}

static void note_irregular(struct packaging *p) {
	uint64_t now = packager_irregular(p->packager);
	metric_add(M_PARTS_GIVEN_UP, (int64_t)(now - p->irregular));
	p->irregular = now;
}

static void unlist(struct packaging *p) {
	if (p->hh.tbl)
		HASH_DEL(p->edge->packagings.table, p);
	p->hh.tbl = NULL;
	list_remove(&p->ended_node);
}

/* No ask waits any more. */
static void packaging_free(struct packaging *p) {
	unlist(p);
	timer_stop(&p->sweep);
	timer_stop(&p->overdue);
	timer_stop(&p->fetch_again);
	fetch_end(&p->fetch);
	cursor_close(&p->cursor);
	mirror_close(&p->reader);
	http_sessions_fini(&p->sessions);
	packaging_forget_texts(p);
	packager_free(&p->packager);
	segment_store_free(&p->store);
	note_usage(p, (struct segment_usage){0});
	metric_dec(M_PACKAGED);
	worker_release(p->worker);
	free(p);
}

static void look_again(struct packaging *p) {
	p->changed = false;
	packaging_forget_texts(p);
	note_usage(p, segment_store_usage(p->store));
	note_irregular(p);
	packaging_look_at_all(p);
}

/* --- what the packager tells --- */

static void on_part(void *context, const struct segment *s, uint32_t part) {
	struct packaging *p = context;
	(void)s;
	(void)part;
	p->changed = true;
}

static void on_segment(void *context, const struct segment *s) {
	on_part(context, s, 0);
}

static void on_end(void *context, const char *reason) {
	struct packaging *p = context;
	(void)reason;
	p->changed = true;
}

static void on_unsupported(void *context, const struct track *track, int error) {
	struct packaging *p = context;
	log_peer_warn("track left out of packaging", log_str("stream", p->name.text), log_str("track", track->name),
	              log_str("codec", track->info.rfc6381), log_str("reason", uv_strerror(error)));
}

static const struct packager_ops packager_ops = {
    .on_part = on_part, .on_segment = on_segment, .on_end = on_end, .on_unsupported = on_unsupported};

/* --- entries, in order: the log's, and where it has a hole, fetched ones --- */

static void package(struct packaging *p, const struct entry *e) {
	int err = packager_push(p->packager, e);
	if (err)
		log_peer_warn("a segment has a hole", log_str("stream", p->name.text), log_str("reason", uv_strerror(err)));
}

static void on_fetched(struct fetch *f, struct entry *e) {
	struct packaging *p = list_entry(f, struct packaging, fetch);
	package(p, e);
	entry_unref(&e);
}

/* What could not be had is missing from here on: the packager sees that by the sequence. */
static void begin_live(struct packaging *p) {
	if (p->phase != PACKAGING_HISTORY)
		return;
	p->phase = PACKAGING_LIVE;
	p->changed = true;
	packaging_wait_anew(p);
}

static void on_fetch_done(struct fetch *f, int status) {
	struct packaging *p = list_entry(f, struct packaging, fetch);
	bool worth_it = status != UV_ENOENT || p->phase == PACKAGING_LIVE; /* another node may have it in a moment */
	if (status && worth_it && ++p->fetch_failures < FETCH_TRIES && timer_start(&p->fetch_again, FETCH_AGAIN_MS) == 0)
		return;
	if (status && p->phase == PACKAGING_LIVE)
		log_peer_warn("entries that a link left out cannot be had", log_str("stream", p->name.text),
		              log_str("reason", uv_strerror(status)));
	uint64_t epoch, sequence;
	packager_position(p->packager, &epoch, &sequence);
	bool all = epoch == p->missing.to_epoch && sequence == p->missing.to;
	p->fetch_failures = all ? 0 : FETCH_TRIES; /* what is still missing before the log's next item is given up */
	begin_live(p);
	catch_up(p);
}

static const struct fetch_ops fetch_ops = {.on_entry = on_fetched, .on_done = on_fetch_done};

static void on_fetch_again(struct timer *t) {
	catch_up(list_entry(t, struct packaging, fetch_again));
}

/* True when `item` does not follow what the packager has, and something of that can still be asked for. */
static bool is_behind_hole(const struct packaging *p, const struct log_item *item, struct fetch_range *range) {
	uint64_t epoch, sequence;
	packager_position(p->packager, &epoch, &sequence);
	*range = (struct fetch_range){epoch, epoch ? sequence + 1 : 0, item->epoch, item->sequence - 1};
	if (p->phase == PACKAGING_HISTORY)
		return true;
	if (item->epoch < epoch || (item->epoch == epoch && item->sequence <= sequence + 1))
		return false;
	return item->epoch == epoch || item->sequence > 1;
}

static bool fetch_missing(struct packaging *p, const struct fetch_range *range) {
	struct stream *s = streams_find(p->worker, &p->name);
	if (p->fetch_failures >= FETCH_TRIES || !s)
		return false;
	p->missing = *range;
	int err = upstream_fetch(s, &p->fetch, RENDITION_SOURCE, range, &fetch_ops);
	if (!err) {
		metric_inc(M_PACKAGE_FETCHES);
		return true;
	}
	/* The link is away: it may come back. History is not worth the wait. */
	return p->phase == PACKAGING_LIVE && ++p->fetch_failures < FETCH_TRIES &&
	       timer_start(&p->fetch_again, FETCH_AGAIN_MS) == 0;
}

/* The log's next item, from its oldest on: nothing is skipped but what has left it. */
static const struct log_item *next_item(struct packaging *p) {
	const struct log_item *item;
	if (p->cursor.position < p->cursor.log->first)
		p->cursor.position = p->cursor.log->first;
	return cursor_next(&p->cursor, &item) == CURSOR_ITEM ? item : NULL;
}

static void push(struct packaging *p, const struct log_item *item) {
	const struct entry *e = (const struct entry *)item->object; /* counted is the first member */
	if (e)
		package(p, e);
	p->fetch_failures = 0;
	cursor_advance(&p->cursor);
}

/* What could not be had: playlists go on behind it. */
static void give_up(struct packaging *p) {
	int err = segment_store_give_up(p->store);
	if (err)
		log_peer_warn("playlists stand before a hole", log_str("stream", p->name.text),
		              log_str("reason", uv_strerror(err)));
}

static void catch_up(struct packaging *p) {
	const struct log_item *item;
	struct fetch_range range;
	while (p->cursor.log && (item = next_item(p))) {
		if (is_behind_hole(p, item, &range) && fetch_missing(p, &range)) {
			cursor_pause(&p->cursor);
			return;
		}
		begin_live(p);
		push(p, item);
	}
	if (p->cursor.log)
		cursor_resume(&p->cursor);
	if (p->changed)
		give_up(p);
	segment_store_expire(p->store, worker_now_ms(p->worker));
	if (p->changed)
		look_again(p);
}

static void on_ready(struct cursor *c) {
	catch_up(list_entry(c, struct packaging, cursor));
}

/* --- the stream --- */

/* Another run of the name begins while this one's segments are still asked for. */
static struct packaging *succeed(struct packaging *ended) {
	unlist(ended);
	list_append(&ended->edge->packagings.ended, &ended->ended_node);
	return packaging_new(ended->edge, &ended->name);
}

static void begin(struct packaging *p, struct log *log) {
	p->phase = PACKAGING_HISTORY;
	cursor_open_at(&p->cursor, log, log->first, on_ready);
	p->asked_ms = worker_now_ms(p->worker);
	log_peer_info("packaging started", log_str("stream", p->name.text));
	catch_up(p);
}

static void on_log(struct mirror_reader *r, struct log *log, const struct mirror_info *info) {
	struct packaging *p = list_entry(r, struct packaging, reader);
	(void)info;
	if (p->phase == PACKAGING_ENDED) {
		mirror_close(&p->reader);
		succeed(p);
		return;
	}
	p->store = segment_store_new((uint32_t)p->config->package_window);
	p->packager = p->store ? packager_new(p->store, RENDITION_SOURCE, &packager_ops, p) : NULL;
	if (!p->packager) {
		packaging_forget_asks(p, 503, "out_of_memory", "out of memory");
		packaging_free(p);
		return;
	}
	begin(p, log);
}

/* Everything up to its end is in the log: what is missing before that cannot be had any more. */
static void end(struct packaging *p) {
	fetch_end(&p->fetch);
	timer_stop(&p->fetch_again);
	p->fetch_failures = FETCH_TRIES;
	begin_live(p);
	for (const struct log_item *item; p->cursor.log && (item = next_item(p));)
		push(p, item);
	cursor_close(&p->cursor);
	packager_cut(p->packager);
	segment_store_end(p->store);
	give_up(p);
	p->phase = PACKAGING_ENDED;
	p->ended_ms = worker_now_ms(p->worker);
	look_again(p);
}

static void on_gone(struct mirror_reader *r, int reason) {
	struct packaging *p = list_entry(r, struct packaging, reader);
	if (p->phase == PACKAGING_ENDED)
		return; /* the next run that was waited for */
	if (reason == UV_EOF && p->store) {
		end(p);
		return;
	}
	if (reason == UV_ENOENT || reason == UV_EOF)
		packaging_forget_asks(p, 404, "stream_not_found", "nobody publishes this stream");
	else if (reason == UV_ENFILE)
		packaging_forget_asks(p, 503, PACKAGE_FULL, PACKAGE_FULL_WHY);
	else
		packaging_forget_asks(p, 503, "unavailable", uv_strerror(reason));
	packaging_free(p);
}

static const struct mirror_reader_ops reader_ops = {.on_log = on_log, .on_gone = on_gone};

/* --- now and then --- */

static bool is_over(const struct packaging *p, uint64_t now) {
	uint64_t patience = packaging_patience_ms(p), linger = (uint64_t)p->config->edge_linger;
	if (!list_empty(&p->asks))
		return false;
	if (p->phase == PACKAGING_WAITING)
		return true;
	return now - (p->phase == PACKAGING_ENDED ? p->ended_ms : p->asked_ms) > patience + linger;
}

static void on_sweep(struct timer *t) {
	struct packaging *p = list_entry(t, struct packaging, sweep);
	uint64_t now = worker_now_ms(p->worker), idle = packaging_patience_ms(p);
	http_sessions_expire(&p->sessions, now, idle > SESSION_LEAST_MS ? idle : SESSION_LEAST_MS);
	if (is_over(p, now)) {
		log_peer_info("packaging stopped", log_str("stream", p->name.text));
		packaging_free(p);
		return;
	}
	if (p->store) {
		segment_store_expire(p->store, now);
		note_usage(p, segment_store_usage(p->store));
	}
	timer_start(&p->sweep, SWEEP_MS); /* its slot in the heap is free: this allocates nothing */
}

struct packaging *packaging_new(struct edge *e, const struct stream_name *name) {
	struct worker *w = e->base.worker;
	struct packaging *p = calloc(1, sizeof *p);
	if (!p)
		return NULL;
	p->name = *name;
	p->worker = w;
	p->edge = e;
	p->config = config_app(e->base.node->config, name->text, stream_name_app_size(name));
	list_init(&p->asks);
	list_init(&p->texts);
	list_init(&p->ended_node);
	http_sessions_init(&p->sessions, config_node(e->base.node->config)->limits_http_sessions);
	timer_init(&p->sweep, w, on_sweep);
	timer_init(&p->overdue, w, packaging_on_overdue);
	timer_init(&p->fetch_again, w, on_fetch_again);
	HASH_ADD_STR(e->packagings.table, name.text, p);
	bool added = HASH_ADDED(hh, p);
	if (!added || timer_start(&p->sweep, SWEEP_MS) ||
	    mirror_open(&p->reader, w, name, RENDITION_SOURCE, NULL, MIRROR_WAIT, &reader_ops)) {
		if (added)
			HASH_DEL(e->packagings.table, p);
		timer_stop(&p->sweep);
		free(p);
		return NULL;
	}
	worker_hold(w);
	metric_inc(M_PACKAGED);
	return p;
}

void packaging_watch_for_next(struct packaging *p) {
	if (!p->reader.mirror)
		mirror_open(&p->reader, p->worker, &p->name, RENDITION_SOURCE, NULL, MIRROR_WAIT, &reader_ops);
}

/* --- all of a worker --- */

void packagings_init(struct packagings *all) {
	all->table = NULL;
	list_init(&all->ended);
}

void packagings_stop(struct edge *e) {
	struct packaging *p, *next;
	while (!list_empty(&e->packagings.ended)) {
		p = list_entry(e->packagings.ended.next, struct packaging, ended_node);
		packaging_forget_asks(p, 503, "stopping", "the node is stopping");
		packaging_free(p);
	}
	HASH_ITER(hh, e->packagings.table, p, next) {
		packaging_forget_asks(p, 503, "stopping", "the node is stopping");
		packaging_free(p);
	}
}

/* A player asks for its playlist at least once a target duration. */
static size_t players(const struct packaging *p) {
	enum { LEAST_MS = 2000, PATIENCE_SHARE = 2 };
	uint64_t within = packaging_patience_ms(p) / PATIENCE_SHARE;
	size_t active = http_sessions_active(&p->sessions, worker_now_ms(p->worker), within > LEAST_MS ? within : LEAST_MS);
	return active || list_empty(&p->asks) ? active : 1;
}

size_t packagings_players(const struct edge *e) {
	size_t sum = 0;
	for (const struct packaging *p = e->packagings.table; p; p = p->hh.next)
		sum += players(p);
	list_each (node, &e->packagings.ended)
		sum += players(list_entry(node, struct packaging, ended_node));
	return sum;
}

static void list_sessions(const struct packaging *p, json_t *array) {
	http_sessions_list(&p->sessions, worker_now_ms(p->worker), array);
}

void packagings_list_sessions(struct edge *e, json_t *array) {
	struct packaging *p, *next;
	HASH_ITER(hh, e->packagings.table, p, next) {
		list_sessions(p, array);
	}
	list_each (node, &e->packagings.ended)
		list_sessions(list_entry(node, struct packaging, ended_node), array);
}
