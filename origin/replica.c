#include "origin/replica.h"

#include "common/base/logger.h"
#include "common/base/metrics.h"
#include "common/relay/convert.h"
#include "common/relay/pull.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum {
	AGAIN_MS = 500,  /* the owner is linked, and did not serve the stream */
	DOUBT_MS = 3000, /* a newer epoch is elsewhere, and its owner has not asked for a copy */
	RENEW_MS = 20000,
	ASK_MS = 1000, /* the grace is over, and the map says that the owner is there */
	ASK_TIMES = 30
};

struct replica {
	struct origin *origin;
	struct stream *stream;
	char owner[RELAY_NODE_SIZE];
	uint64_t epoch; /* of the owner, as it was told */
	struct peer_link link;
	struct pull pull;
	bool lost;
	unsigned asked; /* since it was lost: whether the run is over */
	struct timer again, grace, doubt, renew;
	UT_hash_handle hh;
};

static struct replica *find(struct origin *o, const struct stream_name *name) {
	struct replica *r;
	HASH_FIND_STR(o->replicas, name->text, r);
	return r;
}

static struct replica *replica_of(const struct stream *s) {
	return s->replica ? find(origin_of(streams_worker(s->streams)), &s->name) : NULL;
}

/* --- the end --- */

/* The stream stays, and is no replica any more. */
static void replica_free(struct replica *r) {
	pull_end(&r->pull);
	peer_link_close(&r->link);
	timer_stop(&r->again);
	timer_stop(&r->grace);
	timer_stop(&r->doubt);
	timer_stop(&r->renew);
	r->stream->replica = false;
	r->stream->newer = 0;
	HASH_DEL(r->origin->replicas, r);
	metric_dec(M_REPLICAS);
	free(r);
}

void replica_ended(struct stream *s) {
	struct replica *r = replica_of(s);
	if (r)
		replica_free(r);
}

bool replica_take(struct stream *s) {
	struct replica *r = replica_of(s);
	if (!r)
		return false;
	log_info("a replica takes its stream over", log_str("stream", s->name.text), log_u64("run", s->run),
	         log_u64("epoch", s->epoch), log_str("owner", r->owner));
	replica_free(r);
	return true;
}

static void tell_owner(struct replica *r, bool held, const char *why) {
	struct upstream *u = r->link.upstream;
	if (!u)
		return; /* it sees by the lost link that nothing is held */
	Weir__Relay__Replicated h_body = WEIR__RELAY__REPLICATED__INIT;
	h_body.stream = r->stream->name.text;
	h_body.epoch = r->epoch;
	h_body.held = held;
	h_body.why = (char *)why;
	RELAY_HEADER(h, replicated, REPLICATED);
	link_send(u->link, &h, (struct slice){0});
}

static void let_go(struct replica *r, const char *why) {
	struct stream *s = r->stream;
	log_info("a replica is let go", log_str("stream", s->name.text), log_u64("epoch", s->epoch),
	         log_str("owner", r->owner), log_str("reason", why));
	tell_owner(r, false, why);
	stream_withdraw(s);
}

/* --- without its owner --- */

/* What the owner told may not have come yet. */
static uint64_t epoch_of(const struct replica *r) {
	return r->stream->epoch > r->epoch ? r->stream->epoch : r->epoch;
}

static void on_grace_over(struct timer *t) {
	struct replica *r = list_entry(t, struct replica, grace);
	registry_finish(r->origin->registry, &r->stream->name, epoch_of(r));
}

static void on_renew(struct timer *t) {
	struct replica *r = list_entry(t, struct replica, renew);
	registry_keep(r->origin->registry, &r->stream->name);
	if (timer_start(&r->renew, RENEW_MS))
		log_error("the map is not told any more that a stream waits: out of memory",
		          log_str("stream", r->stream->name.text));
}

/* Nothing comes any more: readers are told, and it may not last. False: memory is out for the grace, and the replica
 * may be gone. */
static bool lost(struct replica *r) {
	struct stream *s = r->stream;
	if (r->lost)
		return true;
	r->lost = true;
	r->asked = 0;
	if (s->phase != STREAM_PENDING)
		log_info("the owner of a replica is lost: its publisher may come to any origin",
		         log_str("stream", s->name.text), log_u64("epoch", s->epoch), log_str("owner", r->owner),
		         log_i64("grace_ms", s->config->stream_grace));
	stream_waiting(s);
	timer_start(&r->renew, RENEW_MS);
	if (timer_start(&r->grace, (uint64_t)s->config->stream_grace) == 0)
		return true;
	log_error("memory is out: a replica does not wait for its stream's publisher", log_str("stream", s->name.text));
	on_grace_over(&r->grace);
	return false;
}

void replica_finished(struct origin *o, const struct stream_name *name, uint64_t epoch, enum registry_run run) {
	struct replica *r = find(o, name);
	if (!r || !r->lost || epoch_of(r) != epoch)
		return;
	if (run == REGISTRY_RUN_OWNED && ++r->asked < ASK_TIMES && timer_start(&r->grace, ASK_MS) == 0)
		return; /* it died a moment ago; or it lives, and cannot be reached from here */
	if (run != REGISTRY_RUN_OVER) {
		let_go(r, "it goes on where it cannot be reached from here");
		return;
	}
	log_info("stream ended: its origin is gone, and no publisher came back", log_str("stream", name->text),
	         log_u64("run", r->stream->run), log_u64("epoch", epoch), log_str("owner", r->owner));
	stream_end(r->stream, "the publisher did not come back");
}

/* --- pulling --- */

static struct replica *pulling(struct pull *p) {
	return list_entry(p, struct replica, pull);
}

static void begin(struct replica *r);

static void on_again(struct timer *t) {
	begin(list_entry(t, struct replica, again));
}

static void again_later(struct replica *r) {
	if (timer_start(&r->again, AGAIN_MS))
		let_go(r, "out of memory");
}

static void on_accepted(struct pull *p, uint64_t epoch, bool waiting) {
	struct replica *r = pulling(p);
	registry_note_epoch(&r->origin->base.node->registry, epoch);
	r->lost = false;
	timer_stop(&r->grace); /* from now on the owner says when it is over */
	timer_stop(&r->renew);
	log_info("stream is held as a replica", log_str("stream", r->stream->name.text), log_u64("epoch", epoch),
	         log_str("owner", r->owner));
	if (waiting)
		stream_waiting(r->stream);
	else if (r->stream->epoch == epoch)
		stream_resumed(r->stream);
	tell_owner(r, true, NULL);
}

static void on_refused(struct pull *p, bool not_found, const char *why) {
	struct replica *r = pulling(p);
	if (!not_found)
		log_peer_warn("a replica's subscription was refused", log_str("stream", r->stream->name.text),
		              log_str("owner", r->owner), log_str("reason", why));
	if (lost(r))
		again_later(r);
}

static void on_waiting(struct pull *p, bool waiting) {
	struct stream *s = pulling(p)->stream;
	if (waiting)
		stream_waiting(s);
	else
		stream_resumed(s);
}

static void on_end(struct pull *p, const char *reason) {
	stream_end(pulling(p)->stream, reason);
}

static void on_lost(struct pull *p) {
	lost(pulling(p)); /* it is pulled again when the link is up */
}

static const struct pull_ops pull_ops = {.on_accepted = on_accepted,
                                         .on_refused = on_refused,
                                         .on_waiting = on_waiting,
                                         .on_end = on_end,
                                         .on_lost = on_lost};

static void begin(struct replica *r) {
	struct rendition *source = stream_rendition_get(r->stream, RENDITION_SOURCE);
	struct upstream *u = r->link.upstream;
	timer_stop(&r->again);
	pull_end(&r->pull);
	if (u && (!source || pull_begin(&r->pull, u, source, PULL_ALL_HISTORY, &pull_ops)))
		again_later(r);
}

static void on_link_up(struct peer_link *l) {
	begin(list_entry(l, struct replica, link));
}

static void on_link_down(struct peer_link *l) {
	lost(list_entry(l, struct replica, link));
}

static const struct peer_link_ops link_ops = {.on_up = on_link_up, .on_down = on_link_down};

/* --- what is said of it --- */

static void on_doubt(struct timer *t) {
	struct replica *r = list_entry(t, struct replica, doubt);
	if (r->stream->epoch >= r->stream->newer)
		r->stream->newer = 0; /* it has come from the owner */
	else
		let_go(r, "the stream goes on at another origin");
}

static struct replica *replica_new(struct origin *o, const struct stream_name *name) {
	struct stream *s = streams_get(o->base.worker, name);
	struct replica *r = s ? calloc(1, sizeof *r) : NULL;
	if (!r)
		return NULL;
	r->origin = o;
	r->stream = s;
	HASH_ADD_KEYPTR(hh, o->replicas, s->name.text, strlen(s->name.text), r);
	if (!HASH_ADDED(hh, r)) {
		free(r);
		return NULL;
	}
	timer_init(&r->again, o->base.worker, on_again);
	timer_init(&r->grace, o->base.worker, on_grace_over);
	timer_init(&r->doubt, o->base.worker, on_doubt);
	timer_init(&r->renew, o->base.worker, on_renew);
	s->replica = true;
	metric_inc(M_REPLICAS);
	return r;
}

void replica_hold(struct origin *o, const struct stream_name *name, uint64_t epoch, const char *owner) {
	struct replica *r = find(o, name);
	registry_note_epoch(&o->base.node->registry, epoch);
	if (r && (epoch < r->epoch || epoch < r->stream->epoch))
		return; /* an owner of before; it hears of the newer one as all do */
	if (!r)
		r = replica_new(o, name);
	if (!r) {
		log_error("a stream is not held as a replica: out of memory, or limits.streams is reached",
		          log_str("stream", name->text), log_str("owner", owner));
		return;
	}
	r->epoch = epoch;
	if (epoch >= r->stream->newer) {
		r->stream->newer = 0;
		timer_stop(&r->doubt);
	}
	if (r->link.peers && strcmp(r->owner, owner) == 0) {
		if (!r->pull.upstream)
			begin(r);
		else
			tell_owner(r, true, NULL);
		return;
	}
	snprintf(r->owner, sizeof r->owner, "%s", owner);
	pull_end(&r->pull);
	peer_link_close(&r->link);
	r->lost = false;
	peer_link_open(&r->link, &o->peers, owner, NULL, &link_ops);
	if (!r->link.upstream)
		lost(r); /* until it is there */
}

void replica_drop(struct origin *o, const struct stream_name *name, uint64_t epoch, const char *owner) {
	struct replica *r = find(o, name);
	if (r && epoch >= r->epoch && strcmp(r->owner, owner) == 0)
		let_go(r, "its owner wants it held elsewhere");
}

void replica_newer(struct origin *o, const struct stream_name *name, uint64_t epoch, const char *owner) {
	struct replica *r = find(o, name);
	if (r && !epoch && r->lost) {
		replica_finished(o, name, epoch_of(r), REGISTRY_RUN_OVER);
		return;
	}
	if (!r || epoch <= r->stream->epoch || epoch <= r->epoch)
		return;
	if (owner && strcmp(owner, r->owner) == 0 && r->pull.upstream)
		return; /* its entries are on their way */
	r->stream->newer = epoch;
	if (!timer_running(&r->doubt) && timer_start(&r->doubt, DOUBT_MS))
		let_go(r, "out of memory");
}

/* --- the API --- */

const char *replica_owner(const struct stream *s) {
	const struct replica *r = replica_of(s);
	return r ? r->owner : NULL;
}

const char *replica_state(const struct stream *s) {
	const struct replica *r = replica_of(s);
	return !r ? NULL : r->lost ? "without its owner" : r->pull.handle ? "holding" : "linking";
}
