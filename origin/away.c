#include "origin/away.h"

#include "common/base/clock.h"
#include "common/base/logger.h"
#include "common/relay/push.h"
#include "common/stream/stream.h"
#include "origin/ingest.h"

#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

enum { RETRY_MS = 250, GIVE_UP_MS = 3000 };

struct away {
	struct origin *origin;
	struct intake *intake;
	struct seat seat;
	struct shadow shadow;
	struct align nobody; /* nothing is compared here */
	struct peer_link link;
	struct push push;
	bool passed;    /* samples were passed on */
	uint64_t epoch; /* of the other origin's claim; 0: not known */
	struct peer_watch watch;
	struct timer timer;
};

static struct away *away_of_link(struct peer_link *l) {
	return list_entry(l, struct away, link);
}

/* Lets go of all but the intake. */
static void away_free(struct away *a) {
	registry_forget(a->origin->registry, &a->intake->request.name, a);
	push_end(&a->push);
	peer_watch_end(&a->watch);
	peer_link_close(&a->link);
	timer_stop(&a->timer);
	seat_take(&a->seat, NULL);
	shadow_fini(&a->shadow);
	free(a);
}

/* It cannot stand by, and will not. */
static void give_up(struct away *a, enum publish_refusal refusal, const char *why) {
	struct intake *i = a->intake;
	i->role = NULL;
	if (i->accepted)
		intake_stop(i, refusal, why);
	else
		intake_refuse(i, refusal, why);
	away_free(a);
}

/* --- what it sends --- */

static void retry_soon(struct away *a, uint64_t in_ms) {
	if (timer_start(&a->timer, in_ms))
		log_error("a standby cannot claim its name: out of memory", log_str("stream", a->intake->request.name.text));
}

/* The other origin has it no more, for now. */
static void lose(struct away *a, const char *why) {
	log_info("a standby has lost the origin that has its name", log_str("stream", a->intake->request.name.text),
	         log_str("session", a->intake->request.session), log_str("why", why));
	retry_soon(a, a->passed ? 0 : RETRY_MS);
	a->passed = false;
}

static void pass_on(struct away *a, const struct sample *samples, size_t count) {
	int err = push_samples(&a->push, samples, count);
	if (!err)
		return;
	push_end(&a->push);
	lose(a, err == UV_ENOBUFS ? "the link to it does not keep up" : "out of memory");
}

static void samples(struct intake *i, const struct sample *from, size_t count) {
	struct away *a = i->role;
	int64_t wall_us = clock_wall_us();
	struct align_frame f;
	for (size_t k = 0; a && k < count; k++) {
		bool frame = seat_note(&a->seat, &from[k], wall_us, &f);
		if (shadow_push(&a->shadow, &from[k], wall_us, frame ? &f : NULL, NULL, &a->nobody, 0) == UV_ENOMEM)
			log_error("a standby's frame is not kept: out of memory", log_str("stream", i->request.name.text));
	}
	if (a && a->push.accepted)
		pass_on(a, from, count);
}

static void unpublish(struct intake *i) {
	struct away *a = i->role;
	i->role = NULL;
	if (a)
		away_free(a);
}

static const struct streams_ops away_ops = {.samples = samples, .unpublish = unpublish};

/* --- the other origin --- */

/* Another try to have the name here: the link is lost, or was not to be had. */
static void claim_here(struct away *a) {
	struct intake *i = a->intake;
	struct seat seat = a->seat;
	struct shadow shadow = a->shadow;
	/* Linked still, it has let the encoder go: then the name is free, or it is not. */
	struct gone gone = {.epoch = a->link.upstream ? 0 : a->epoch,
	                    .refused = peer_link_refused(&a->link),
	                    .silent = peer_link_silent(&a->link)};
	snprintf(gone.address, sizeof gone.address, "%s", a->link.address);
	a->seat = (struct seat){0};
	a->shadow = (struct shadow){0};
	away_free(a);
	i->streams_ops = streams_role_ops(i->streams);
	ingest_inherit(i, &seat, &shadow, &gone);
}

static void on_accepted(struct push *p, uint64_t epoch) {
	struct away *a = list_entry(p, struct away, push);
	const struct shadow *s = &a->shadow;
	timer_stop(&a->timer);
	a->epoch = epoch;
	a->passed = true;
	registry_note_epoch(&a->origin->base.node->registry, epoch);
	log_info("a publisher stands by at the origin that has its name", log_str("stream", a->intake->request.name.text),
	         log_u64("epoch", epoch), log_str("session", a->intake->request.session),
	         log_str("origin", p->upstream->peer));
	if (!a->intake->accepted)
		intake_accept(a->intake, epoch);
	pass_on(a, a->seat.setups, a->seat.setup_count);
	for (uint64_t n = s->has_key ? s->key : s->next; n < s->next; n++)
		pass_on(a, &shadow_at(s, n)->sample, 1);
}

static void on_over(struct push *p, enum publish_refusal refusal, const char *why) {
	struct away *a = list_entry(p, struct away, push);
	if (refusal != PUBLISH_ELSEWHERE && !(refusal == PUBLISH_UNAVAILABLE && a->intake->accepted)) {
		give_up(a, refusal, why);
		return;
	}
	lose(a, why);
}

/* It stays until it is stopped there, and then has the name here if that origin let it go. */
static void on_drain(struct push *p) {
	log_info("the origin that a standby is at drains", log_str("origin", p->upstream->peer));
}

static const struct push_ops push_ops = {.on_accepted = on_accepted, .on_over = on_over, .on_drain = on_drain};

static void on_up(struct peer_link *l) {
	struct away *a = away_of_link(l);
	if (a->push.upstream)
		return;
	timer_stop(&a->timer);
	if (push_begin(&a->push, l->upstream, &a->intake->request, &push_ops))
		retry_soon(a, RETRY_MS);
}

static void on_down(struct peer_link *l) {
	struct away *a = away_of_link(l);
	if (!timer_running(&a->timer))
		retry_soon(a, 0);
}

/* Its process is gone: the name need not wait. */
static void on_change(struct peer_watch *w) {
	struct away *a = list_entry(w, struct away, watch);
	if (a->intake->accepted && a->epoch && peer_link_refused(&a->link))
		retry_soon(a, 0);
}

static const struct peer_link_ops link_ops = {.on_up = on_up, .on_down = on_down};

static void on_located(void *context, const struct registry_location *l) {
	struct away *a = context;
	const struct upstream *u = l->where;
	if (a->push.upstream)
		return; /* where it stood by before is there again */
	retry_soon(a, a->intake->accepted ? RETRY_MS : GIVE_UP_MS);
	if (!l->found)
		return;
	a->epoch = l->epoch;
	peer_link_close(&a->link);
	peer_link_open(&a->link, &a->origin->peers, NULL, u ? u->address : l->address, &link_ops);
}

static void on_due(struct timer *t) {
	struct away *a = list_entry(t, struct away, timer);
	if (a->intake->accepted)
		claim_here(a);
	else
		give_up(a, PUBLISH_UNAVAILABLE, "the name is published at an origin that cannot be reached");
}

bool away_begin(struct origin *o, struct intake *i, struct seat *seat, struct shadow *shadow, const struct gone *gone) {
	struct away *a = calloc(1, sizeof *a);
	if (!a)
		return false;
	a->origin = o;
	a->intake = i;
	if (seat) {
		a->seat = *seat;
		*seat = (struct seat){0};
	}
	if (shadow) {
		a->shadow = *shadow;
		*shadow = (struct shadow){0};
	}
	a->seat.intake = i;
	a->shadow.whole = true;
	align_init(&a->nobody, 0);
	timer_init(&a->timer, o->base.worker, on_due);
	peer_watch_begin(&a->watch, &o->peers, on_change);
	i->role = a;
	i->streams_ops = &away_ops;
	if (gone->epoch) {
		a->epoch = gone->epoch;
		peer_link_open(&a->link, &o->peers, NULL, gone->address, &link_ops);
	}
	registry_locate(o->registry, &i->request.name, on_located, a);
	return true;
}
