#include "origin/standby_parts.h"

#include "common/base/name.h"
#include "common/stream/timeline_adopt.h"

#include <stdlib.h>
#include <uv.h>

/* A frame of the log, and its place among those of the side that is gone. */
struct known {
	const struct entry *entry;
	uint64_t hash; /* of its payload */
	struct align_place place;
};

struct carry {
	struct standby *standby;
	const struct rendition *log;
	const struct mark *mark; /* in force at `position` */
	uint64_t position;       /* in the log */
	uint64_t nth;            /* in the shadow */
	struct known *known;
	size_t known_count;
	struct timeline_match *matches;
	size_t match_count;
};

/* --- comparing --- */

/* By its configuration's bytes, as a seat hashes them. */
static uint64_t config_of(const struct track *t) {
	uint64_t config = t->config ? name_hash((const char *)t->config->data, t->config->size) : 0;
	return config ^ t->fourcc ^ (uint64_t)t->flv_audio << 32;
}

static bool is_recent(const struct carry *c, const struct entry *e) {
	const struct log *l = &c->log->log;
	return e->epoch == c->log->epoch && log_at(l, l->next - 1)->time_us - e->time_us <= SHADOW_WHOLE_US;
}

/* The log's next frame that can be compared; NULL: there are no more. What it says of its arrival is by its anchor. */
static const struct entry *next_known(struct carry *c, struct align_frame *out) {
	while (c->position < c->log->log.next) {
		const struct entry *e =
		    (const struct entry *)log_at(&c->log->log, c->position++)->object; /* its first member */
		if (e->kind == ENTRY_MARK)
			c->mark = &e->mark;
		if (e->kind != ENTRY_FRAME || !c->mark || !is_recent(c, e))
			continue;
		const struct frame *f = &e->frame;
		const struct track *t = tracks_find(c->mark->tracks, f->track);
		if (!t || (f->kind != TRACK_VIDEO && f->kind != TRACK_AUDIO))
			continue;
		*out = (struct align_frame){.kind = f->kind,
		                            .publisher_track = t->publisher_track,
		                            .key = f->kind == TRACK_VIDEO && f->flags & FRAME_KEY,
		                            .config = config_of(t),
		                            .time_us = e->time_us,
		                            .wall_us = e->time_us + c->mark->anchor.wall_us - c->mark->anchor.media_us,
		                            .payload = f->payload,
		                            .hash = bytes_hash(f->payload)};
		return e;
	}
	return NULL;
}

/* What the standby has sent until then. */
static int push_sent(struct carry *c, int64_t until_us) {
	struct align *a = &c->standby->align;
	const struct shadow *s = &c->standby->replay;
	for (; c->nth < s->next && shadow_at(s, c->nth)->wall_us <= until_us; c->nth++) {
		struct shadow_item *i = shadow_at(s, c->nth);
		i->placed = false;
		if (!i->is_frame)
			continue;
		if (align_push(a, !a->active, &i->frame, &i->place))
			return UV_ENOMEM;
		i->placed = true;
	}
	return 0;
}

/* The log's frames are those of the active side, all of which the stream has had. */
static int compare(struct carry *c) {
	struct align *a = &c->standby->align;
	struct align_frame f;
	const struct entry *e;
	while ((e = next_known(c, &f))) {
		struct known k = {.entry = e, .hash = f.hash};
		if (push_sent(c, f.wall_us) || align_push(a, a->active, &f, &k.place))
			return UV_ENOMEM;
		align_take(a, a->active, &k.place);
		c->known[c->known_count++] = k;
	}
	return push_sent(c, INT64_MAX);
}

/* --- what both have --- */

/* What the standby sent for a frame of the log; NULL: it has not come (yet), or not been kept. `from` is where to look
 * on in the shadow. */
static const struct shadow_item *find_sent(const struct carry *c, const struct known *k, uint64_t *from) {
	const struct align *a = &c->standby->align;
	const struct shadow *s = &c->standby->replay;
	const struct align_track *t = &a->tracks[k->place.track];
	int64_t nth = (int64_t)k->place.nth + (a->active ? -t->shift : t->shift);
	for (; *from < s->next; ++*from) {
		const struct shadow_item *i = shadow_at(s, *from);
		if (!i->placed || i->place.track != k->place.track || (int64_t)i->place.nth < nth)
			continue;
		bool same = (int64_t)i->place.nth == nth && i->frame.hash == k->hash &&
		            i->frame.payload.size == k->entry->frame.payload.size;
		return same ? i : NULL;
	}
	return NULL;
}

static void match(struct carry *c) {
	const struct align *a = &c->standby->align;
	uint64_t from[ALIGN_TRACKS_MAX];
	for (size_t i = 0; i < ALIGN_TRACKS_MAX; i++)
		from[i] = c->standby->replay.first;
	for (size_t i = 0; i < c->known_count; i++) {
		const struct known *k = &c->known[i];
		if (k->place.track >= a->track_count || !a->tracks[k->place.track].locked)
			continue;
		const struct shadow_item *sent = find_sent(c, k, &from[k->place.track]);
		if (sent)
			c->matches[c->match_count++] =
			    (struct timeline_match){.frame = &k->entry->frame, .sample = &sent->sample, .wall_us = sent->wall_us};
	}
}

/* --- going on --- */

/* NULL, or why it cannot go on without a break. */
static const char *carry_on(struct carry *c) {
	struct ingest *g = c->standby->ingest;
	size_t count = (size_t)(c->log->log.next - c->log->log.first);
	c->known = calloc(count, sizeof *c->known);
	c->matches = calloc(count, sizeof *c->matches);
	if (!c->known || !c->matches || compare(c))
		return "out of memory";
	if (!align_is(&c->standby->align))
		return c->standby->align.why_not;
	match(c);
	struct timeline_legacy legacy = {
	    .log = &c->log->log, .first_mark = c->log->first_mark, .matches = c->matches, .count = c->match_count};
	return ingest_adopt_timeline(g, &legacy) ? NULL : "out of memory";
}

bool standby_carry_on(struct standby *s) {
	const struct ingest *g = s->ingest;
	struct carry c = {.standby = s, .log = stream_rendition(g->stream, RENDITION_SOURCE), .nth = s->replay.first};
	if (!s->replay.whole || !c.log || c.log->log.next == c.log->log.first)
		return false;
	c.position = c.log->log.first;
	c.mark = c.log->first_mark ? &c.log->first_mark->mark : NULL;
	align_switch(&s->align); /* while they are compared the one is active that is gone */
	const char *why = carry_on(&c);
	align_switch(&s->align);
	free(c.known);
	free(c.matches);
	standby_log(s, why ? "stream cannot go on without a break" : "stream goes on without a break", s->ingest->holder,
	            why ? why : "the other origin's encoder sent the same frames");
	if (why)
		align_reset(&s->align, why);
	s->carried = !why;
	return s->carried;
}
