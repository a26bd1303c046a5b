#include "origin/standby_parts.h"

#include "common/base/clock.h"
#include "common/base/logger.h"
#include "common/base/metrics.h"
#include "common/registry/takeover.h"
#include "origin/replicas.h"

#include <stdlib.h>
#include <uv.h>

static const char ANOTHER[] = "another encoder has come";

/* --- life --- */

struct standby *standby_new(struct ingest *g) {
	struct standby *s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	s->ingest = g;
	align_init(&s->align, PRIMARY);
	timer_init(&s->check, ingest_worker(g), standby_on_check);
	return s;
}

void standby_place_copy(const struct standby *s) {
	const struct intake *i = standby_other(s)->intake;
	if (s->ingest->replicas)
		replicas_prefer(s->ingest->replicas, i ? i->request.through : NULL);
}

void standby_empty(struct standby *s, struct seat *seat) {
	if (seat == standby_other(s) && seat->intake) {
		metric_dec(M_STANDBYS);
		shadow_fini(&s->shadow);
	}
	seat_take(seat, NULL);
	standby_note_aligned(s);
	standby_place_copy(s);
}

void standby_free(struct standby **out) {
	struct standby *s = *out;
	if (!s)
		return;
	*out = NULL;
	for (int i = 0; i < 2; i++) {
		if (s->seats[i].intake)
			s->seats[i].intake->role = NULL;
		standby_empty(s, &s->seats[i]);
	}
	timer_stop(&s->check);
	shadow_fini(&s->replay);
	align_fini(&s->align);
	free(s);
}

void standby_stop(struct standby *s, enum publish_refusal refusal, const char *why) {
	struct intake *i = standby_other(s)->intake;
	standby_empty(s, standby_other(s));
	if (!i)
		return;
	i->role = NULL;
	intake_stop(i, refusal, why);
}

void standby_log(const struct standby *s, const char *what, const struct intake *i, const char *why) {
	log_info(what, log_str("stream", s->ingest->stream->name.text), log_u64("run", s->ingest->run.run),
	         log_u64("epoch", s->ingest->epoch), log_str("seat", i == s->seats[PRIMARY].intake ? "primary" : "backup"),
	         log_str("session", i->request.session), log_str("remote", i->request.remote), log_str("why", why));
}

void standby_note_aligned(struct standby *s) {
	const struct intake *i = standby_other(s)->intake;
	bool aligned = standby_aligned(s);
	if (aligned == s->told_aligned)
		return;
	s->told_aligned = aligned;
	metric_add(M_STANDBYS_ALIGNED, aligned ? 1 : -1);
	if (i)
		standby_log(s, aligned ? "the standby is aligned" : "the standby is not aligned any more", i,
		            aligned ? "both send the same frames" : s->align.why_not);
}

/* --- who may be the standby --- */

static void seat_standby(struct standby *s, struct intake *i) {
	seat_take(standby_other(s), i);
	i->role = s->ingest;
	s->begun = false;
	metric_inc(M_STANDBYS);
	standby_watch(s);
	standby_place_copy(s);
}

static bool silent(const struct standby *s, const struct intake *i) {
	return worker_now_ms(ingest_worker(s->ingest)) - i->last_sample_ms >= (uint64_t)standby_config(s)->ingest_stall;
}

static bool same_host(const struct intake *i, const struct intake *newcomer) {
	return i && takeover_same_host(i->request.remote, newcomer->request.remote);
}

/* A third one comes, which may be one of the two that connects again, its old connection being half open. It gets the
 * standby's seat if that is silent, or from the newcomer's own host while the holder is not. The holder's own host: the
 * stream changes to the standby first, if nobody notices. */
static bool make_room(struct standby *s, const struct intake *newcomer) {
	const struct intake *standby = standby_other(s)->intake;
	bool like_standby = same_host(standby, newcomer), like_holder = same_host(standby_held(s)->intake, newcomer);
	bool aligned = false;
	if (s->switching)
		return false;
	if (like_holder && !like_standby && !standby_aligned(s))
		return false;
	if (like_holder && !like_standby && standby_switch(s, STANDBY_LOST, &aligned))
		return false;
	if (!aligned && !silent(s, standby) && (!like_standby || like_holder))
		return false;
	standby_stop(s, PUBLISH_REPLACED, "its encoder has connected again");
	return true;
}

/* There is no room just now: encoders stop for good at BadName, so it is not for one that may have a seat soon. */
static enum publish_refusal refusal_of(const struct standby *s, const struct intake *newcomer) {
	bool one_of_two = same_host(standby_other(s)->intake, newcomer) || same_host(standby_held(s)->intake, newcomer);
	return s->switching || one_of_two ? PUBLISH_UNAVAILABLE : PUBLISH_BAD_NAME;
}

void standby_offer(struct standby *s, struct intake *i) {
	if (standby_other(s)->intake && !make_room(s, i)) {
		intake_refuse(i, refusal_of(s, i), "the name has a publisher and a standby already");
		return;
	}
	seat_standby(s, i);
	if (!i->accepted)
		intake_accept(i, s->ingest->epoch);
	standby_log(s, "a standby is held ready", i, "ingest.second is backup");
}

void standby_keep(struct standby *s, struct seat *seat, struct shadow *shadow) {
	struct intake *i = standby_other(s)->intake;
	*standby_other(s) = *seat;
	standby_other(s)->intake = i;
	s->shadow = *shadow;
	*seat = (struct seat){0};
	*shadow = (struct shadow){0};
}

void standby_adopt(struct standby *s, struct intake *i, struct seat *seat, struct shadow *shadow) {
	s->align.active = BACKUP; /* nobody is there: it gets the primary's seat */
	seat_standby(s, i);
	standby_keep(s, seat, shadow);
	s->switching = s->adopted = true;
	s->reason = STANDBY_LOST;
}

void standby_release(struct standby *s, struct seat *seat, struct shadow *shadow) {
	*seat = *standby_other(s);
	*shadow = s->shadow;
	s->shadow = (struct shadow){0};
	standby_other(s)->setup_count = 0; /* they are the other's now */
	standby_empty(s, standby_other(s));
	s->begun = s->switching = s->adopted = false;
}

/* --- what they send --- */

/* The comparison begins when there are two, and the stream lacks nothing of who was there before. */
static void begin(struct standby *s) {
	if (s->begun || align_behind(&s->align))
		return;
	align_reset(&s->align, ANOTHER);
	s->begun = true;
}

/* True if the sample goes into the stream. */
static bool take_from_holder(struct standby *s, const struct sample *sample, int64_t wall_us) {
	struct align_frame f;
	struct align_place place;
	if (!seat_note(standby_held(s), sample, wall_us, &f))
		return true;
	bool compared = s->begun || align_behind(&s->align);
	bool placed = compared && !align_push(&s->align, s->align.active, &f, &place);
	s->torn |= align_torn(&s->align);
	return !s->torn && (!placed || align_take(&s->align, s->align.active, &place));
}

static void keep_of_standby(struct standby *s, const struct sample *sample, int64_t wall_us) {
	struct align_frame f;
	struct align_place place;
	unsigned side = !s->align.active;
	bool frame = seat_note(&s->seats[side], sample, wall_us, &f);
	if (frame)
		f.hash = bytes_hash(f.payload); /* for both of these */
	bool placed = frame && s->begun && !align_push(&s->align, side, &f, &place);
	s->torn |= align_torn(&s->align);
	int err = shadow_push(&s->shadow, sample, wall_us, frame ? &f : NULL, placed ? &place : NULL, &s->align, side);
	if (!err)
		return;
	align_reset(&s->align, err == UV_ENOBUFS ? "the standby is too far ahead" : "out of memory");
	if (err == UV_ENOMEM)
		s->ingest->stream->lost++;
}

void standby_samples(struct standby *s, struct intake *i, const struct sample *samples, size_t count) {
	int64_t wall_us = clock_wall_us();
	struct ingest *g = s->ingest;
	bool holds = i == g->holder;
	if (!holds && i != standby_other(s)->intake)
		return;
	if (standby_other(s)->intake)
		begin(s);
	for (size_t k = 0; k < count; k++) {
		if (!holds)
			keep_of_standby(s, &samples[k], wall_us);
		else if (take_from_holder(s, &samples[k], wall_us))
			ingest_push(g, &samples[k], wall_us);
	}
	standby_note_aligned(s);
	if (s->torn)
		standby_watch(s);
}

/* --- who comes and goes --- */

bool standby_left(struct standby *s, struct intake *i) {
	bool aligned = false;
	if (i == standby_other(s)->intake) {
		standby_log(s, "the standby has left", i, "its connection was closed");
		standby_empty(s, standby_other(s));
		s->begun = s->switching = false;
		return true;
	}
	if (i != standby_held(s)->intake)
		return false;
	seat_take(standby_held(s), NULL);
	shadow_fini(&s->replay);
	s->torn = false;
	return standby_other(s)->intake && standby_switch(s, STANDBY_LOST, &aligned) == 0 && aligned;
}

bool standby_refused(struct standby *s, const struct intake *i) {
	if (i != standby_other(s)->intake)
		return false;
	s->switching = false;
	return true;
}

void standby_renewed(struct standby *s) {
	s->torn = false;
}

struct intake *standby_next(struct standby *s) {
	return standby_other(s)->intake;
}

bool standby_claimed(struct standby *s, struct intake *i, struct intake *old) {
	if (i != standby_other(s)->intake) { /* the first that comes, or comes back */
		if (!standby_other(s)->intake) {
			s->align.active = PRIMARY;
			align_reset(&s->align, ANOTHER);
		}
		seat_take(standby_held(s), i);
		return false;
	}
	if (s->adopted && i->accepted) {
		metric_inc(M_SWITCHES_LOST);
		standby_log(s, "stream goes on at this origin, whose encoder stood by elsewhere", i,
		            "the other origin is gone");
	}
	s->adopted = s->torn = false;
	s->replay = s->shadow;
	s->shadow = (struct shadow){0};
	align_switch(&s->align);
	align_reset(&s->align, ANOTHER);
	s->begun = s->switching = false;
	standby_other(s)->healthy_since_ms = 0;
	if (!old)
		metric_dec(M_STANDBYS);
	standby_note_aligned(s);
	standby_place_copy(s);
	return old;
}

/* What the stream lacks of it where it goes on without a break; else its configurations, and its newest GOP. */
void standby_began(struct standby *s) {
	const struct seat *held = standby_held(s);
	struct shadow *r = &s->replay;
	int64_t wall_us = clock_wall_us();
	if (r->next == 0)
		return; /* it was no standby */
	if (s->carried) {
		s->carried = false;
		standby_push_lacking(s, r);
		shadow_fini(r);
		return;
	}
	for (unsigned i = 0; i < held->setup_count; i++)
		ingest_push(s->ingest, &held->setups[i], wall_us);
	for (uint64_t n = r->first; n < r->next; n++) {
		const struct shadow_item *item = shadow_at(r, n);
		bool media = item->sample.type == SAMPLE_FRAME || item->sample.type == SAMPLE_DATA;
		if (!media || (r->has_key && n >= r->key))
			ingest_push(s->ingest, &item->sample, item->wall_us);
	}
	shadow_fini(r);
}

void standby_describe(const struct standby *s, struct standby_info *out) {
	const struct seat *other = standby_other(s);
	*out = (struct standby_info){.holder_primary = s->align.active == PRIMARY};
	if (!other->intake)
		return;
	bool aligned = standby_aligned(s);
	int64_t offset_us = align_offset_us(&s->align);
	out->remote = other->intake->request.remote;
	out->session = other->intake->request.session;
	out->protocol = other->intake->request.protocol;
	out->aligned = aligned;
	out->primary = s->align.active != PRIMARY;
	out->healthy = other->healthy_since_ms != 0;
	out->why_not = aligned ? NULL : s->align.why_not;
	out->offset_ms = (s->align.active ? -offset_us : offset_us) / 1000;
}
