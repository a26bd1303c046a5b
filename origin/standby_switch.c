#include "origin/standby_parts.h"

#include "common/base/clock.h"
#include "common/base/logger.h"
#include "common/base/metrics.h"

#include <uv.h>

enum { CHECK_LEAST_MS = 20, CHECK_MOST_MS = 250 };

static const struct {
	const char *why;
	enum metric metric;
} reasons[STANDBY_REASONS] = {
    [STANDBY_LOST] = {"the holder was lost", M_SWITCHES_LOST},
    [STANDBY_STALLED] = {"the holder was silent for ingest.stall", M_SWITCHES_STALLED},
    [STANDBY_FROZEN] = {"the holder's picture stood still for ingest.frozen", M_SWITCHES_FROZEN},
    [STANDBY_API] = {"the API asked for it", M_SWITCHES_API},
    [STANDBY_FAILBACK] = {"the primary is healthy again", M_SWITCHES_FAILBACK},
};

static void note_switch(struct standby *s, enum standby_reason reason) {
	metric_inc(reasons[reason].metric);
	s->by_hand = reason == STANDBY_API;
}

/* --- seamless --- */

void standby_push_lacking(struct standby *s, const struct shadow *from) {
	bool lacking = false;
	for (uint64_t n = from->first; n < from->next; n++) {
		const struct shadow_item *item = shadow_at(from, n);
		bool frame = item->sample.type == SAMPLE_FRAME;
		if (frame && !(item->placed && align_take(&s->align, s->align.active, &item->place)))
			continue;
		lacking |= frame;
		if (lacking)
			ingest_push(s->ingest, &item->sample, item->wall_us);
	}
}

/* The other's frames are taken from now on: the timeline, and with it every reader, cannot tell. The holder until now,
 * if it is still there, becomes the standby, in step as before. */
static void switch_aligned(struct standby *s, enum standby_reason reason) {
	struct ingest *g = s->ingest;
	struct seat *from = standby_held(s), *to = standby_other(s);
	struct shadow kept = s->shadow;
	int64_t offset_us = align_offset_us(&s->align);
	int64_t ahead_ms = (s->align.active ? -offset_us : offset_us) / 1000;
	bool alone = !from->intake;
	timeline_rebase(g->timeline, seat_apart_ms(from, to, ahead_ms));
	s->shadow = (struct shadow){0};
	align_switch(&s->align);
	g->holder = to->intake;
	standby_log(s, "stream goes on with its standby, seamlessly", to->intake, reasons[reason].why);
	note_switch(s, reason);
	from->healthy_since_ms = 0;
	standby_push_lacking(s, &kept);
	shadow_fini(&kept);
	if (alone) {
		metric_dec(M_STANDBYS);
		s->begun = false;
	}
	standby_note_aligned(s);
	standby_place_copy(s);
}

int standby_switch(struct standby *s, enum standby_reason reason, bool *aligned) {
	if (!standby_other(s)->intake)
		return UV_ENOTSUP;
	if (s->switching || s->ingest->claiming)
		return UV_EBUSY;
	/* Not if the slate holds the stream by now. */
	*aligned = standby_aligned(s) && s->ingest->timeline && s->ingest->holder == standby_held(s)->intake;
	if (*aligned) {
		switch_aligned(s, reason);
		return 0;
	}
	s->switching = true;
	s->reason = reason;
	standby_watch(s);
	return 0;
}

/* --- by a claim --- */

/* Last call: the answer may come within. */
static void claim_for_standby(struct standby *s) {
	struct intake *i = standby_other(s)->intake;
	standby_log(s, "stream goes on with its standby, from a new epoch on", i, reasons[s->reason].why);
	note_switch(s, s->reason);
	ingest_reclaim(s->ingest, i);
}

/* --- health --- */

static enum seat_health health(const struct standby *s, const struct seat *seat) {
	const struct config_app *c = standby_config(s);
	return seat_health(seat, worker_now_ms(ingest_worker(s->ingest)), clock_wall_us(), c->ingest_stall,
	                   c->ingest_frozen);
}

static bool primary_is_back(const struct standby *s) {
	const struct config_app *c = standby_config(s);
	const struct seat *primary = &s->seats[PRIMARY];
	return c->ingest_failback == CONFIG_FAILBACK_AUTO && !s->by_hand && standby_other(s) == primary &&
	       worker_now_ms(ingest_worker(s->ingest)) - primary->healthy_since_ms >= (uint64_t)c->ingest_failback_after;
}

/* The reason for a switch, or STANDBY_REASONS. */
static enum standby_reason find_reason(const struct standby *s) {
	if (!standby_held(s)->intake)
		return STANDBY_LOST;
	if (!standby_other(s)->healthy_since_ms)
		return STANDBY_REASONS; /* it would be no better */
	switch (health(s, standby_held(s))) {
	case SEAT_SILENT:
		return STANDBY_STALLED;
	case SEAT_FROZEN:
		return STANDBY_FROZEN;
	case SEAT_HEALTHY:
		break;
	}
	return primary_is_back(s) ? STANDBY_FAILBACK : STANDBY_REASONS;
}

static void note_health(struct standby *s) {
	struct seat *seat = standby_other(s);
	if (health(s, seat) != SEAT_HEALTHY)
		seat->healthy_since_ms = 0;
	else if (!seat->healthy_since_ms)
		seat->healthy_since_ms = worker_now_ms(ingest_worker(s->ingest));
}

void standby_watch(struct standby *s) {
	int64_t ms = standby_config(s)->ingest_stall / 8;
	uint64_t in_ms = (uint64_t)(ms < CHECK_LEAST_MS ? CHECK_LEAST_MS : ms > CHECK_MOST_MS ? CHECK_MOST_MS : ms);
	bool now = (s->torn || s->switching) && !s->ingest->claiming;
	if (timer_start(&s->check, now ? 0 : in_ms))
		log_error("the standby is not watched: out of memory", log_str("stream", s->ingest->stream->name.text));
}

/* Refused, it is tried again. Last call. */
static void mend(struct standby *s) {
	struct ingest *g = s->ingest;
	if (align_torn(&s->align)) {
		align_reset(&s->align, "what both sent was not the same after all");
		log_warn("the standby's frames do not go on from the other's after all: a new epoch begins",
		         log_str("stream", g->stream->name.text), log_u64("epoch", g->epoch));
	}
	ingest_reclaim(g, g->holder);
}

void standby_on_check(struct timer *t) {
	struct standby *s = list_entry(t, struct standby, check);
	struct ingest *g = s->ingest;
	bool aligned;
	if (standby_other(s)->intake)
		standby_watch(s);
	if (g->claiming)
		return;
	if (s->torn && g->holder) {
		mend(s);
		return;
	}
	if (!standby_other(s)->intake)
		return;
	note_health(s);
	if (s->switching) {
		claim_for_standby(s);
		return;
	}
	enum standby_reason reason = find_reason(s);
	if (reason != STANDBY_REASONS)
		standby_switch(s, reason, &aligned);
}
