#include "edge/forward.h"
#include "edge/edge.h"
#include "edge/samples.h"
#include "edge/upstream.h"

#include "common/base/logger.h"
#include "common/base/metrics.h"
#include "common/relay/push.h"
#include "common/stream/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum {
	HELD_MAX = 16 * 1024 * 1024, /* bytes */
	AGAIN_MS = 100,              /* between two tries to find an origin */
	TRY_MS = 5000                /* then the encoder is told that there is none */
};

struct forward {
	struct intake *intake;
	struct edge *edge;
	struct push push;
	enum { ASKING, PASSING, LEAVING, ADRIFT, HOLDING, OVER } state;
	struct samples notes; /* what describes the stream, as the origin has been told, or was to be */
	struct samples held;
	bool has_video;
	struct timer again; /* HOLDING: tries another origin */
	uint64_t held_since_ms;
	char from[RELAY_NODE_SIZE]; /* the origin that had it before */
};

static struct forward *forward_of(struct push *p) {
	return list_entry(p, struct forward, push);
}

static const struct stream_name *name_of(const struct forward *f) {
	return &f->intake->request.name;
}

static void choose_again(struct forward *f);

/* --- an origin's answers --- */

/* The last of a publish that nobody takes. */
static void give_up(struct forward *f, enum publish_refusal refusal, const char *why) {
	timer_stop(&f->again);
	samples_fini(&f->held);
	f->state = OVER;
	intake_stop(f->intake, refusal, why);
}

static void note(struct forward *f, const struct sample *s) {
	int err = samples_note(&f->notes, s);
	if (err && f->state != OVER)
		give_up(f, PUBLISH_UNAVAILABLE,
		        err == UV_E2BIG ? "it describes more tracks than any stream has" : "out of memory");
}

/* The publish has a hole from here to its next keyframe, where it goes on, perhaps at another origin. */
static void lose(struct forward *f, const char *why) {
	log_peer_warn("a publish loses frames", log_str("stream", name_of(f)->text),
	              log_str("session", f->intake->request.session), log_str("reason", why));
	timer_stop(&f->again);
	push_end(&f->push);
	samples_fini(&f->held);
	f->state = ADRIFT;
}

static void pass_on(struct forward *f, const struct sample *samples, size_t count) {
	int err = f->state == PASSING || f->state == LEAVING ? push_samples(&f->push, samples, count) : 0;
	if (err)
		lose(f, err == UV_ENOBUFS ? "the link to its origin does not keep up" : "out of memory");
}

/* What describes the stream is told anew, at the time of the keyframe that follows. */
static void send_held(struct forward *f) {
	struct samples held = f->held;
	f->held = (struct samples){0};
	for (size_t i = 0; i < f->notes.count; i++)
		f->notes.items[i].timestamp_ms = held.items[0].timestamp_ms;
	pass_on(f, f->notes.items, f->notes.count);
	pass_on(f, held.items, held.count);
	for (size_t i = 0; i < held.count && f->state != OVER; i++)
		note(f, &held.items[i]);
	samples_fini(&held);
}

static void on_accepted(struct push *p, uint64_t epoch) {
	struct forward *f = forward_of(p);
	bool moved = f->state == HOLDING;
	registry_note_epoch(&f->edge->base.node->registry, epoch);
	log_info(moved ? "publish has moved to another origin" : "publish is passed on",
	         log_str("stream", name_of(f)->text), log_u64("epoch", epoch),
	         log_str("session", f->intake->request.session), log_str("origin", p->upstream->peer),
	         log_str("from", moved ? f->from : NULL), log_u64("held", f->held.count));
	f->state = p->upstream->draining ? LEAVING : PASSING;
	snprintf(f->from, sizeof f->from, "%s", p->upstream->peer);
	if (!moved) {
		intake_accept(f->intake, epoch);
		return;
	}
	metric_inc(M_PUBLISHES_MOVED);
	send_held(f);
}

/* True when another origin, or this one a moment later, may take what was refused. */
static bool may_pass(enum publish_refusal refusal) {
	return refusal == PUBLISH_ELSEWHERE || refusal == PUBLISH_UNAVAILABLE || refusal == PUBLISH_BAD_NAME;
}

static void on_over(struct push *p, enum publish_refusal refusal, const char *why) {
	struct forward *f = forward_of(p);
	if (f->state == ASKING)
		intake_refuse(f->intake, refusal, why);
	else if (f->state == HOLDING && may_pass(refusal))
		choose_again(f);
	else if (f->state != HOLDING && refusal == PUBLISH_ELSEWHERE)
		f->state = ADRIFT;
	else
		give_up(f, refusal, why);
}

static void on_drain(struct push *p) {
	struct forward *f = forward_of(p);
	if (f->state == PASSING)
		f->state = LEAVING;
}

static const struct push_ops push_ops = {.on_accepted = on_accepted, .on_over = on_over, .on_drain = on_drain};

/* --- which origin --- */

static bool is_draining(const struct edge *e, const struct upstream *u) {
	const struct registry_node *n = registry_node_at(e->registry, u->address);
	return n && n->state == REGISTRY_NODE_DRAINING;
}

/* By rendezvous hashing, so that each edge chooses alike. One that drains takes nothing. */
static struct upstream *choose(struct edge *e, const struct stream_name *name) {
	struct upstream *best = NULL;
	uint64_t most = 0;
	list_each (node, &e->pool.upstreams) {
		struct upstream *u = list_entry(node, struct upstream, node);
		uint64_t weight = name_weight(u->address, name->text);
		if (u->up && !u->draining && !is_draining(e, u) && (!best || weight > most)) {
			best = u;
			most = weight;
		}
	}
	return best;
}

static void on_located(void *context, const struct registry_location *l) {
	struct forward *f = context;
	struct upstream *u = l->found ? upstream_located(f->edge, l) : NULL;
	if (!u || !u->up || u->draining) /* nobody has it, or its origin goes or is gone */
		u = choose(f->edge, name_of(f));
	if (!u)
		intake_refuse(f->intake, PUBLISH_UNAVAILABLE, "no origin can be reached, or all are draining");
	else if (push_begin(&f->push, u, &f->intake->request, &push_ops))
		intake_refuse(f->intake, PUBLISH_UNAVAILABLE, "out of memory");
}

/* --- from one origin to another --- */

static void try_to_move(struct forward *f) {
	struct upstream *u = choose(f->edge, name_of(f));
	if (!u)
		choose_again(f);
	else if (push_begin(&f->push, u, &f->intake->request, &push_ops))
		give_up(f, PUBLISH_UNAVAILABLE, "out of memory");
}

static void on_again(struct timer *t) {
	try_to_move(list_entry(t, struct forward, again));
}

static void choose_again(struct forward *f) {
	if (worker_now_ms(f->edge->base.worker) - f->held_since_ms >= TRY_MS)
		give_up(f, PUBLISH_UNAVAILABLE, "its origin is gone, and no other takes it");
	else if (timer_start(&f->again, AGAIN_MS))
		give_up(f, PUBLISH_UNAVAILABLE, "out of memory");
}

/* Where another origin can begin: a keyframe of the picture, or of sound alone anything. */
static bool is_beginning(const struct forward *f, const struct sample *s) {
	return s->type == SAMPLE_FRAME && (s->kind == TRACK_VIDEO ? s->keyframe : s->kind == TRACK_AUDIO && !f->has_video);
}

static bool wants_to_move(const struct forward *f) {
	return f->state == ADRIFT || (f->state == LEAVING && choose(f->edge, name_of(f)));
}

static void begin_to_move(struct forward *f) {
	push_end(&f->push);
	f->state = HOLDING;
	f->held_since_ms = worker_now_ms(f->edge->base.worker);
	try_to_move(f);
}

static void hold(struct forward *f, const struct sample *s) {
	if (f->held.bytes + s->payload.size <= HELD_MAX && !samples_add(&f->held, s))
		return;
	lose(f, "no origin takes it in time");
}

/* --- the encoder --- */

void forward_publish(struct intake *i) {
	struct forward *f = calloc(1, sizeof *f);
	if (!f) {
		intake_refuse(i, PUBLISH_UNAVAILABLE, "out of memory");
		return;
	}
	f->intake = i;
	f->edge = edge_of(streams_worker(i->streams));
	timer_init(&f->again, f->edge->base.worker, on_again);
	i->role = f;
	registry_locate(f->edge->registry, &i->request.name, on_located, f);
}

static void take(struct forward *f, const struct sample *s) {
	f->has_video = f->has_video || s->kind == TRACK_VIDEO;
	if (is_beginning(f, s) && wants_to_move(f))
		begin_to_move(f);
	if (f->state == HOLDING) {
		hold(f, s); /* noted when its turn comes */
		return;
	}
	note(f, s);
	pass_on(f, s, 1);
}

void forward_samples(struct intake *i, const struct sample *samples, size_t count) {
	struct forward *f = i->role;
	for (size_t k = 0; f && k < count; k++)
		take(f, &samples[k]);
}

void forward_unpublish(struct intake *i) {
	struct forward *f = i->role;
	i->role = NULL;
	if (!f)
		return;
	registry_forget(f->edge->registry, &i->request.name, f);
	timer_stop(&f->again);
	push_end(&f->push);
	samples_fini(&f->notes);
	samples_fini(&f->held);
	free(f);
}
