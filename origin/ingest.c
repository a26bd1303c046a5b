#include "origin/ingest.h"

#include "common/base/clock.h"
#include "common/base/logger.h"
#include "origin/announce.h"
#include "origin/away.h"
#include "origin/replica.h"
#include "origin/replicas.h"
#include "origin/run.h"
#include "origin/standby.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

/* The standby where the stream may have one and `i` is a publisher; else NULL. */
static struct standby *standby_for(const struct ingest *g, const struct intake *i) {
	return slate_is(&g->slate, i) ? NULL : g->standby;
}

/* --- the end --- */

static void ingest_free(struct ingest *g) {
	registry_forget(g->origin->registry, &g->stream->name, g);
	timer_stop(&g->grace);
	slate_disarm(&g->slate);
	replicas_free(&g->replicas);
	standby_free(&g->standby);
	timeline_free(&g->timeline);
	timeline_run_fini(&g->run);
	if (g->holder)
		g->holder->role = NULL;
	if (g->candidate)
		g->candidate->role = NULL;
	free(g);
}

void ingest_ended(struct stream *s) {
	struct ingest *g = s->role;
	s->role = NULL;
	if (!g)
		return;
	if (g->holder)
		intake_stop(g->holder, PUBLISH_UNAVAILABLE, "the stream was ended");
	if (g->candidate)
		intake_refuse(g->candidate, PUBLISH_UNAVAILABLE, "the stream was ended");
	if (g->standby)
		standby_stop(g->standby, PUBLISH_UNAVAILABLE, "the stream was ended");
	ingest_free(g);
}

enum { CLAIM_LOOK_MS = 100 };

/* Somebody may have the name in a moment. */
static bool is_claimed(const struct ingest *g) {
	return g->claiming || (g->standby && standby_next(g->standby));
}

static void on_grace_over(struct timer *t) {
	struct ingest *g = list_entry(t, struct ingest, grace);
	if (is_claimed(g) && timer_start(&g->grace, CLAIM_LOOK_MS) == 0)
		return;
	log_info("stream ended: no publisher came back", log_str("stream", g->stream->name.text),
	         log_u64("run", g->run.run), log_u64("epoch", g->epoch));
	registry_release(g->origin->registry, &g->stream->name, g->epoch);
	stream_end(g->stream, "the publisher did not come back");
}

/* How long the stream may still wait; what runs already is not begun anew. */
static void begin_grace(struct ingest *g) {
	if (!timer_running(&g->grace) && timer_start(&g->grace, (uint64_t)g->stream->config->stream_grace))
		on_grace_over(&g->grace);
}

/* --- a publish begins --- */

enum { OWNER_DEAD_MS = 1500 }; /* nodes tell the map each second that they are there */

/* What other origins hold of it follows the epoch. */
static void replicate(struct ingest *g) {
	size_t wanted = (size_t)g->stream->config->stream_replicas;
	if (g->replicas)
		replicas_epoch(g->replicas, g->epoch);
	else if (wanted)
		g->replicas = replicas_new(g->origin, g->stream, g->epoch, wanted);
	if (g->standby)
		standby_place_copy(g->standby);
	if (wanted && !g->replicas)
		log_error("a stream has no replicas: out of memory", log_str("stream", g->stream->name.text));
}

/* The stream is ours, also if it was another's of which we held a copy: the run goes on behind all that is in its log.
 * True: it was, and the map knows of no newer epoch than the log's. */
static bool take_over(struct ingest *g, const struct registry_claim *c) {
	run_take(&g->run, c, g->stream->config, clock_wall_us());
	uint64_t known = c->known ? c->previous.epoch : 0;
	return replica_take(g->stream) && run_adopt(&g->run, g->stream) && (!known || known == g->stream->epoch);
}

/* The map, all who are linked, and who holds copies hear of the epoch. */
static void tell_epoch(struct ingest *g) {
	ingest_tell_registry(g);
	origin_announce(g->origin, &g->stream->name, g->epoch);
	replicate(g);
}

static void lost(struct ingest *g);

/* Granted, but who asked has left: the name stays with the holder, or waits, or nobody wants it. */
static void claimed_for_nobody(struct ingest *g, const struct registry_claim *c) {
	uint64_t epoch = c->epoch;
	if (g->stream->replica) {
		take_over(g, c);
		g->epoch = g->stream->epoch = epoch;
		tell_epoch(g);
		lost(g);
		return;
	}
	if (g->holder) {
		ingest_close_timeline(g);
		if (ingest_begin_epoch(g, epoch))
			intake_stop(g->holder, PUBLISH_UNAVAILABLE, "out of memory");
		else
			timeline_continue(g->timeline);
		if (g->standby)
			standby_renewed(g->standby);
	} else {
		g->epoch = g->stream->epoch = epoch;
	}
	if (g->holder || g->stream->phase != STREAM_PENDING) {
		tell_epoch(g);
		return;
	}
	registry_release(g->origin->registry, &g->stream->name, epoch);
	stream_end(g->stream, "the publisher left");
}

/* The slate's claim to what a dead origin had. */
static void answer_heir(struct ingest *g, const struct registry_claim *c) {
	if (!g->gone_epoch)
		return;
	if (c->epoch || c->passed)
		heirs_forget(&g->origin->heirs, &g->stream->name, c->epoch ? c->epoch : g->gone_epoch);
	g->gone_epoch = 0;
	if (!c->epoch)
		slate_disarm(&g->slate); /* who is to try again, and when, the heirs know */
}

/* Nobody has the name here, and nobody will. */
static void abandon(struct ingest *g, const char *why) {
	if (!g->stream->replica) {
		stream_end(g->stream, why);
		return;
	}
	if (g->standby)
		standby_stop(g->standby, PUBLISH_UNAVAILABLE, why);
	g->stream->role = NULL; /* it stays as a copy */
	ingest_free(g);
}

static void refuse(struct intake *i, const struct registry_claim *c) {
	i->role = NULL;
	intake_refuse(i, c->refusal ? PUBLISH_BAD_NAME : PUBLISH_UNAVAILABLE, c->refusal ? c->refusal : "out of memory");
}

static void claim(struct ingest *g, const struct intake *i);

/* The name is live at another origin: it stands by there. */
static bool send_away(struct ingest *g, struct intake *i, const struct registry_claim *c, const struct gone *gone) {
	struct seat seat = {0};
	struct shadow shadow = {0};
	if (!standby_for(g, i) || g->holder || !c->refusal)
		return false;
	if (standby_next(g->standby) == i)
		standby_release(g->standby, &seat, &shadow);
	bool sent = away_begin(g->origin, i, &seat, &shadow, gone);
	seat_take(&seat, NULL);
	shadow_fini(&shadow);
	return sent;
}

static void on_refused(struct ingest *g, struct intake *i, const struct registry_claim *c, const struct gone *after) {
	if (i && !send_away(g, i, c, after) && !(g->standby && standby_refused(g->standby, i)))
		refuse(i, c);
	if (!g->holder && (g->stream->phase == STREAM_PENDING || g->stream->replica))
		abandon(g, "nobody may publish it here");
}

/* The new holder in place of the one until now, which may stay as the standby. */
static void replace_holder(struct ingest *g, struct intake *i) {
	struct intake *old = g->holder;
	struct standby *s = standby_for(g, i);
	ingest_close_timeline(g);
	g->holder = i;
	g->stream->filled = slate_is(&g->slate, i);
	if ((s && standby_claimed(s, i, slate_is(&g->slate, old) ? NULL : old)) || !old)
		return;
	old->role = NULL;
	intake_stop(old, PUBLISH_REPLACED, "another publisher took the name");
}

/* The holder's epoch: at the next keyframe, if the log can go on without a break until then. 0 or UV_ENOMEM. */
static int begin(struct ingest *g, uint64_t epoch, bool may_carry_on) {
	g->epoch = epoch;
	if (may_carry_on && standby_carry_on(g->standby)) {
		g->stream->claimed = epoch;
		return 0;
	}
	return ingest_begin_epoch(g, epoch);
}

/* Without memory for its epoch it leaves at once; the name is ours all the same. */
static void drop_holder(struct ingest *g) {
	struct intake *i = g->holder;
	g->holder = NULL;
	i->role = NULL;
	bool goes_on = standby_for(g, i) && standby_left(g->standby, i);
	(i->accepted ? intake_stop : intake_refuse)(i, PUBLISH_UNAVAILABLE, "out of memory");
	tell_epoch(g);
	if (!goes_on)
		lost(g);
}

static void on_claimed(void *context, const struct registry_claim *c) {
	struct ingest *g = context;
	struct intake *i = g->candidate;
	struct gone after = g->after;
	g->after.epoch = 0;
	g->claiming = false;
	answer_heir(g, c);
	if (g->again && i) {
		g->epoch = g->stream->epoch = c->epoch ? c->epoch : g->epoch;
		claim(g, i);
		return;
	}
	g->candidate = NULL;
	g->again = false;
	if (!c->epoch) {
		on_refused(g, i, c, &after);
		return;
	}
	if (!i && ingest_waits(g) && g->standby)
		i = standby_next(g->standby);
	if (!i) {
		claimed_for_nobody(g, c);
		return;
	}
	replace_holder(g, i);
	bool copied = take_over(g, c);
	if (slate_is(&g->slate, i) && !g->run.run) { /* its grace was over already */
		g->holder = NULL;
		i->role = NULL;
		registry_release(g->origin->registry, &g->stream->name, c->epoch);
		stream_end(g->stream, "the publisher did not come back");
		return;
	}
	if (begin(g, c->epoch, copied && standby_for(g, i))) {
		drop_holder(g);
		return;
	}
	if (!ingest_waits(g)) {
		timer_stop(&g->grace);
		slate_disarm(&g->slate);
	}
	if (!i->accepted)
		intake_accept(i, c->epoch);
	tell_epoch(g);
	if (ingest_waits(g))
		begin_grace(g);
	if (standby_for(g, i))
		standby_began(g->standby);
}

static void claim(struct ingest *g, const struct intake *i) {
	const struct config_app *config = g->stream->config;
	/* Of two encoders that are here the stream itself decides. */
	int64_t silent_ms =
	    ingest_waits(g) || g->standby ? -1 : (int64_t)(worker_now_ms(ingest_worker(g)) - g->holder->last_sample_ms);
	bool fills = slate_is(&g->slate, i);
	struct registry_request request = {
	    .publisher = i->request.remote,
	    .policy = fills || config->ingest_second ? TAKEOVER_REJECT : TAKEOVER_NEWEST,
	    .waiting = fills,
	    /* Of a copy the run is known, but not whether its owner still has a publisher. */
	    .held = g->run.run || (g->stream->replica && !config->ingest_second),
	    .gone_epoch = fills ? g->gone_epoch : g->after.epoch,
	    .gone_ms = fills              ? g->gone_ms
	               : g->after.refused ? 0
	                                  : OWNER_DEAD_MS,
	    .gone_sure = !fills && (g->after.refused || g->after.silent),
	    .stall_ms = config->ingest_stall,
	    .silent_ms = silent_ms};
	g->claiming = true;
	g->again = false;
	registry_claim(g->origin->registry, &g->stream->name, &request, on_claimed, g);
}

static struct ingest *ingest_get(struct worker *w, const struct stream_name *name) {
	struct stream *s = streams_get(w, name);
	if (!s || s->role)
		return s ? s->role : NULL;
	struct ingest *g = calloc(1, sizeof *g);
	if (!g) {
		stream_end(s, "out of memory");
		return NULL;
	}
	g->stream = s;
	g->origin = origin_of(w);
	timer_init(&g->grace, w, on_grace_over);
	slate_init(&g->slate, w, slate_files_find(g->origin->base.node->shared, s->config), &s->name, s->config);
	s->role = g;
	if (s->config->ingest_second != CONFIG_SECOND_BACKUP)
		return g;
	g->standby = standby_new(g);
	if (!g->standby) {
		stream_end(s, "out of memory");
		return NULL;
	}
	return g;
}

void ingest_publish(struct intake *i) {
	struct ingest *g = ingest_get(streams_worker(i->streams), &i->request.name);
	if (!g) {
		intake_refuse(i, PUBLISH_UNAVAILABLE, "out of memory, or limits.streams is reached");
		return;
	}
	if (slate_is(&g->slate, i) && !ingest_waits(g)) { /* it was asked before a publisher came */
		intake_refuse(i, PUBLISH_REPLACED, "a publisher has come");
		return;
	}
	if (slate_is(&g->slate, g->candidate)) {
		g->candidate->role = NULL;
		intake_refuse(g->candidate, PUBLISH_REPLACED, "a publisher has come");
		g->candidate = NULL;
		g->again = true;
	}
	if (standby_for(g, i) && (!ingest_waits(g) || g->candidate)) {
		standby_offer(g->standby, i);
		return;
	}
	if (g->candidate) {
		intake_refuse(i, PUBLISH_UNAVAILABLE, "another publisher is just taking the name");
		return;
	}
	g->candidate = i;
	i->role = g;
	if (!g->claiming) /* else it gets the answer that one who left was waiting for */
		claim(g, i);
}

void ingest_fill(struct worker *w, const struct stream_name *name, uint64_t epoch, int64_t dead_ms) {
	struct stream *s = streams_find(w, name);
	struct ingest *g = s && s->role ? NULL : ingest_get(w, name);
	if (!g)
		return;
	g->gone_epoch = epoch;
	g->gone_ms = dead_ms;
	slate_begin(&g->slate);
}

void ingest_inherit(struct intake *i, struct seat *seat, struct shadow *shadow, const struct gone *gone) {
	struct ingest *g = ingest_get(streams_worker(i->streams), &i->request.name);
	bool map = config_node(streams_config(i->streams))->registry_backend != CONFIG_BACKEND_STATIC;
	i->role = NULL;
	if (g && g->standby && !g->holder && !g->candidate && !standby_next(g->standby)) {
		i->role = g;
		standby_adopt(g->standby, i, seat, shadow);
		g->candidate = i;
		g->after = map ? *gone : (struct gone){0};
		if (!g->claiming) /* else it gets the answer that one who left was waiting for */
			claim(g, i);
	} else if (g && g->standby) {
		standby_offer(g->standby, i);
		shadow->whole = false; /* it is compared as it comes */
		if (standby_next(g->standby) == i)
			standby_keep(g->standby, seat, shadow);
	} else {
		intake_stop(i, PUBLISH_UNAVAILABLE, "out of memory, or limits.streams is reached");
	}
	seat_take(seat, NULL);
	shadow_fini(shadow);
}

/* --- while it lasts --- */

void ingest_push(struct ingest *g, const struct sample *s, int64_t wall_us) {
	if (g->timeline && timeline_push(g->timeline, s, wall_us))
		g->stream->lost++;
}

void ingest_samples(struct intake *i, const struct sample *samples, size_t count) {
	struct ingest *g = i->role;
	int64_t wall_us = clock_wall_us();
	if (g && standby_for(g, i))
		standby_samples(g->standby, i, samples, count);
	else if (g && g->holder == i)
		for (size_t k = 0; k < count; k++)
			ingest_push(g, &samples[k], wall_us);
}

void ingest_reclaim(struct ingest *g, struct intake *i) {
	g->candidate = i == g->holder ? NULL : i;
	claim(g, i);
}

/* Nobody publishes any more: the stream waits, or ends at once if it never began. */
static void lost(struct ingest *g) {
	struct stream *s = g->stream;
	ingest_close_timeline(g);
	bool others = g->candidate || (g->standby && standby_next(g->standby));
	if (s->phase == STREAM_PENDING && !others) {
		registry_release(g->origin->registry, &s->name, g->epoch);
		stream_end(s, "nothing was published");
		return;
	}
	ingest_tell_registry(g);
	stream_waiting(s);
	log_info("stream waits for its publisher", log_str("stream", s->name.text), log_u64("run", g->run.run),
	         log_u64("epoch", g->epoch), log_i64("grace_ms", s->config->stream_grace));
	slate_arm(&g->slate);
	begin_grace(g);
}

void ingest_unpublish(struct intake *i) {
	struct ingest *g = i->role;
	if (!g)
		return;
	bool held = g->holder == i;
	i->role = NULL;
	if (g->candidate == i)
		g->candidate = NULL; /* on_claimed finds nobody */
	if (held)
		g->holder = NULL;
	bool goes_on = standby_for(g, i) && standby_left(g->standby, i);
	if (held && !goes_on)
		lost(g);
}
