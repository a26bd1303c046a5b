#include "edge/upstream.h"
#include "edge/edge.h"

#include "common/base/logger.h"
#include "common/base/random.h"
#include "common/control/ask.h"
#include "common/relay/pull.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

/* A stream that was never here may be a name that somebody made up: it is searched for less and less often, up to the
 * most. A claim's announcement, a hint or a new link ends each pause. */
enum { SEARCH_AGAIN_MS = 1000, SEARCH_SOON_MS = 50, SEARCH_MOST_MS = 4000 };

struct source {
	struct stream *stream;
	struct edge *edge;
	enum { SEARCHING, PAUSING, PULLING } state;
	struct pull pull;
	uint64_t located_epoch;
	struct timer again;  /* PAUSING: search again */
	uint64_t pause_ms;   /* the last one, of a stream that was never here; 0: none, or there are news since */
	struct timer linger; /* nobody reads: the stream is let go */
	struct timer grace;  /* nothing comes: the stream ends */
	bool told;           /* that it was not found */
};

static void search(struct source *s);
static void on_owner_located(void *context, const struct registry_location *l);

static uint64_t jittered(uint64_t ms) {
	return ms / 2 + random_below(ms / 2 + 1);
}

/* --- ending --- */

static void source_free(struct source *s) {
	registry_forget(s->edge->registry, &s->stream->name, s);
	pull_end(&s->pull);
	timer_stop(&s->again);
	timer_stop(&s->linger);
	timer_stop(&s->grace);
	free(s);
}

void upstream_ended(struct stream *stream) {
	struct source *s = stream->role;
	stream->role = NULL;
	if (s)
		source_free(s);
}

static void on_linger_over(struct timer *t) {
	struct source *s = list_entry(t, struct source, linger);
	log_peer_info("stream let go: nobody watches", log_str("stream", s->stream->name.text),
	              log_u64("epoch", s->stream->epoch));
	stream_end(s->stream, "nobody watches");
}

static void on_grace_over(struct timer *t) {
	struct source *s = list_entry(t, struct source, grace);
	log_info("stream ended: its origin did not come back", log_str("stream", s->stream->name.text),
	         log_u64("epoch", s->stream->epoch));
	stream_end(s->stream, "the origin did not come back");
}

/* --- lost, and looking again --- */

static void pause_search(struct source *s, uint64_t ms) {
	s->state = PAUSING;
	if (s->stream->phase == STREAM_PENDING) {
		uint64_t most = ms < SEARCH_AGAIN_MS ? SEARCH_AGAIN_MS : SEARCH_MOST_MS;
		ms = 2 * s->pause_ms > ms ? 2 * s->pause_ms : ms;
		ms = ms < most ? ms : most;
		s->pause_ms = ms;
	}
	if (timer_start(&s->again, jittered(ms)))
		log_error("a stream is not looked for any more: out of memory", log_str("stream", s->stream->name.text));
}

static void on_again(struct timer *t) {
	search(list_entry(t, struct source, again));
}

/* Readers are told that nothing comes, and it may not last. False: the stream has ended, and its source is gone. */
static bool begin_grace(struct source *s) {
	struct stream *stream = s->stream;
	if (stream->phase == STREAM_PENDING || timer_running(&s->grace))
		return true;
	stream_waiting(stream);
	if (timer_start(&s->grace, (uint64_t)stream->config->stream_grace) == 0)
		return true;
	log_error("stream ended: memory is out, and its origin cannot be waited for", log_str("stream", stream->name.text),
	          log_u64("epoch", stream->epoch));
	stream_end(stream, "out of memory");
	return false;
}

/* Nothing comes any more; it is looked for again. The source may be gone when this returns. */
static void lost(struct source *s, uint64_t again_ms) {
	if (begin_grace(s))
		pause_search(s, again_ms);
}

/* --- pulling --- */

static struct source *source_of(struct pull *p) {
	return list_entry(p, struct source, pull);
}

static void on_accepted(struct pull *p, uint64_t epoch, bool waiting) {
	struct source *s = source_of(p);
	registry_note_epoch(&s->edge->base.node->registry, epoch);
	timer_stop(&s->grace); /* from now on the origin says when it is over */
	s->told = false;
	log_peer_info("stream subscribed", log_str("stream", s->stream->name.text), log_u64("epoch", epoch),
	              log_str("origin", p->upstream->peer), log_str("waiting", waiting ? "yes" : "no"));
	if (waiting)
		stream_waiting(s->stream);
	else if (s->stream->epoch == epoch)
		stream_resumed(s->stream);
}

static void on_refused(struct pull *p, bool not_found, const char *why) {
	struct source *s = source_of(p);
	if (!not_found)
		log_peer_warn("subscription refused", log_str("stream", s->stream->name.text), log_str("reason", why));
	lost(s, SEARCH_SOON_MS);
}

static void on_waiting(struct pull *p, bool waiting) {
	struct source *s = source_of(p);
	if (!waiting) {
		stream_resumed(s->stream);
		return;
	}
	stream_waiting(s->stream);
	/* It may be a copy that has lost an owner who goes on. */
	if (p->upstream->link->peer_role == WEIR__RELAY__ROLE__ROLE_ORIGIN)
		registry_locate(s->edge->registry, &s->stream->name, on_owner_located, s);
}

static void on_end(struct pull *p, const char *reason) {
	stream_end(source_of(p)->stream, reason);
}

static void on_lost(struct pull *p) {
	struct source *s = source_of(p);
	log_warn("the link to a stream's origin is lost", log_str("stream", s->stream->name.text),
	         log_u64("epoch", s->stream->epoch));
	search(s); /* a copy may be elsewhere: readers are told only if there is none */
}

static const struct pull_ops pull_ops = {.on_accepted = on_accepted,
                                         .on_refused = on_refused,
                                         .on_waiting = on_waiting,
                                         .on_end = on_end,
                                         .on_lost = on_lost};

static void begin_pull(struct source *s, struct upstream *u, uint64_t epoch) {
	struct rendition *r = stream_rendition_get(s->stream, RENDITION_SOURCE);
	timer_stop(&s->again);
	pull_end(&s->pull);
	if (!r || !u || !u->up) {
		lost(s, SEARCH_AGAIN_MS); /* or when the link is up */
		return;
	}
	if (stream_found(s->stream))
		return; /* one too many: it has ended, and `s` with it */
	s->state = PULLING;
	s->located_epoch = epoch;
	int64_t history_us = s->stream->config->edge_history * 1000;
	if (pull_begin(&s->pull, u, r, history_us, &pull_ops)) {
		lost(s, SEARCH_AGAIN_MS);
	}
}

/* --- searching --- */

/* One of those who hold copies that can be reached; `ids` ends each by a newline. */
static struct upstream *find_copy(struct edge *e, const char *ids) {
	for (const char *id = ids, *end; id && (end = strchr(id, '\n')); id = end + 1) {
		size_t size = (size_t)(end - id);
		list_each (node, &e->pool.upstreams) {
			struct upstream *u = list_entry(node, struct upstream, node);
			if (u->up && strlen(u->peer) == size && memcmp(u->peer, id, size) == 0)
				return u;
		}
	}
	return NULL;
}

struct upstream *upstream_located(struct edge *e, const struct registry_location *l) {
	struct upstream *owner = l->where || !l->address ? l->where : link_pool_get(&e->pool, l->address);
	if (owner && owner->up)
		return owner;
	for (size_t i = 0; i < l->other_count; i++) {
		struct upstream *u = l->others[i];
		if (u->up)
			return u;
	}
	struct upstream *copy = find_copy(e, l->replicas);
	return copy ? copy : owner;
}

/* The node that we pull from drains, and another has the same. */
static bool leaves(const struct source *s, const struct registry_location *l) {
	const struct upstream *other = l->where;
	return s->pull.upstream->draining && other && other != s->pull.upstream && !other->draining &&
	       l->epoch >= s->stream->epoch;
}

static void on_located(void *context, const struct registry_location *l) {
	struct source *s = context;
	if (s->state != SEARCHING)
		return; /* an announcement was quicker */
	if (l->found && s->pull.upstream && l->epoch <= s->located_epoch && !leaves(s, l)) {
		s->state = PULLING; /* a hint was wrong */
		return;
	}
	if (l->found && l->epoch >= s->stream->epoch) { /* one with an older epoch does not know yet that it is over */
		begin_pull(s, upstream_located(s->edge, l), l->epoch);
		return;
	}
	if (!s->told)
		log_peer_info("no origin has the stream yet", log_str("stream", s->stream->name.text));
	s->told = true;
	lost(s, SEARCH_AGAIN_MS);
}

static void on_owner_located(void *context, const struct registry_location *l) {
	struct source *s = context;
	/* What was announced meanwhile is newer than what those know who were asked before. */
	bool is_news = l->found && l->epoch >= s->stream->epoch && l->epoch >= s->located_epoch;
	struct upstream *u = is_news ? upstream_located(s->edge, l) : NULL;
	if (s->state == PULLING && s->stream->phase == STREAM_WAITING && u && u->up && u != s->pull.upstream)
		begin_pull(s, u, l->epoch);
}

static void search(struct source *s) {
	s->state = SEARCHING;
	registry_locate(s->edge->registry, &s->stream->name, on_located, s);
}

void upstream_wanted(struct stream *stream) {
	struct source *s = stream->role;
	if (s) {
		timer_stop(&s->linger);
		return;
	}
	s = calloc(1, sizeof *s);
	if (!s) {
		stream_end(stream, "out of memory");
		return;
	}
	struct worker *w = streams_worker(stream->streams);
	s->stream = stream;
	s->edge = edge_of(w);
	timer_init(&s->again, w, on_again);
	timer_init(&s->linger, w, on_linger_over);
	timer_init(&s->grace, w, on_grace_over);
	stream->role = s;
	search(s);
}

void upstream_unwanted(struct stream *stream) {
	struct source *s = stream->role;
	if (!s || stream->phase == STREAM_PENDING || timer_start(&s->linger, (uint64_t)stream->config->edge_linger))
		stream_end(stream, "nobody watches");
}

/* Told on upwards with the next subscription. */
void upstream_told_number(struct stream *stream, uint64_t epoch, uint64_t number) {
	if (epoch != stream->epoch && number > stream->told_number)
		stream->told_number = number;
}

/* --- news --- */

static void search_now(struct stream *stream, void *context) {
	struct source *s = stream->role;
	(void)context;
	if (!s)
		return;
	s->pause_ms = 0;
	if (s->state != PAUSING)
		return;
	registry_hint(s->edge->registry, &stream->name);
	timer_start(&s->again, jittered(2 * SEARCH_SOON_MS) / 4);
}

void upstream_link_up(struct edge *e) {
	streams_each(e->base.worker, search_now, NULL);
}

static void look_elsewhere(struct stream *stream, void *context) {
	struct source *s = stream->role;
	if (s && s->state == PULLING && s->pull.upstream == context)
		search(s);
}

void upstream_draining(struct edge *e, struct upstream *u) {
	streams_each(e->base.worker, look_elsewhere, u);
}

void upstream_announced(struct edge *e, struct upstream *u, const struct stream_name *name, uint64_t epoch) {
	registry_note_epoch(&e->base.node->registry, epoch);
	registry_hint(e->registry, name);
	struct stream *stream = streams_find(e->base.worker, name);
	struct source *s = stream ? stream->role : NULL;
	/* The origin that we pull from begins a new epoch: its entries come by themselves. */
	if (!s || epoch <= stream->epoch || (s->state == PULLING && s->pull.upstream == u))
		return;
	s->pause_ms = 0;
	log_peer_info("stream is claimed", log_str("stream", name->text), log_u64("epoch", epoch),
	              log_str("origin", u->peer));
	begin_pull(s, u, epoch);
}

/* It may be long ago, or what an announcement said already. */
void upstream_changed(void *context, const struct stream_name *name, uint64_t epoch) {
	struct edge *e = context;
	struct stream *stream = streams_find(e->base.worker, name);
	struct source *s = stream ? stream->role : NULL;
	if (!s || epoch <= stream->epoch || s->state == SEARCHING || (s->state == PULLING && epoch <= s->located_epoch))
		return;
	timer_stop(&s->again);
	s->pause_ms = 0;
	search(s);
}

/* --- asking all origins --- */

void upstream_ask(void *context, const struct stream_name *name, registry_locate_fn answer, void *answer_context) {
	struct edge *e = context;
	ask_linked(&e->pool, name, answer, answer_context);
}

/* --- fetching --- */

int upstream_fetch(struct stream *stream, struct fetch *f, const char *rendition, const struct fetch_range *range,
                   const struct fetch_ops *ops) {
	const struct source *s = stream->role;
	if (!s || !s->pull.upstream || !s->pull.upstream->up)
		return UV_ENOTCONN;
	return fetch_begin(f, s->pull.upstream, &stream->name, rendition, range, ops);
}

/* --- the API --- */

const char *upstream_origin(const struct stream *stream) {
	const struct source *s = stream->role;
	return s && s->pull.upstream ? s->pull.upstream->peer : NULL;
}

const char *upstream_state(const struct stream *stream) {
	static const char *const names[] = {"searching", "waiting for a publish", "subscribed"};
	const struct source *s = stream->role;
	return s ? names[s->state] : "none";
}
