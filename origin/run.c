#include "origin/run.h"

#include "common/stream/marker.h"

static const struct entry *newest_mark(const struct rendition *r) {
	for (uint64_t p = r->log.next; p > r->log.first; p--) {
		const struct entry *e = (const struct entry *)log_at(&r->log, p - 1)->object; /* counted is the first member */
		if (e->kind == ENTRY_MARK)
			return e;
	}
	return r->first_mark;
}

/* Where the last frames end. */
static int64_t end_us(const struct stream *s, const struct rendition *r) {
	struct track_end ends[TRACKS_MAX];
	size_t count = tails_ends(&r->tails, s->tracks, ends);
	int64_t latest = s->highest_us;
	for (size_t i = 0; i < count; i++) {
		const struct track *t = tracks_find(s->tracks, ends[i].track);
		int64_t us = t ? ticks_to_us(ends[i].end, t->timescale) : 0;
		latest = us > latest ? us : latest;
	}
	return latest;
}

static void pass_tracks(struct timeline_run *run, const struct tracks *t) {
	tracks_unref(&run->tracks);
	run->tracks = tracks_ref((struct tracks *)t);
	run->base_us = t->base_us;
	run->target_ms = t->target_ms;
	for (size_t i = 0; i < t->count; i++)
		if (t->items[i].id > run->next_track)
			run->next_track = t->items[i].id;
}

bool run_adopt(struct timeline_run *run, const struct stream *s) {
	const struct rendition *r = stream_rendition((struct stream *)s, RENDITION_SOURCE);
	const struct entry *mark = r ? newest_mark(r) : NULL;
	if (!mark || !s->tracks || (run->run && run->run != s->run))
		return false;
	run->run = s->run;
	run->anchor = mark->mark.anchor;
	run->start_us = mark->time_us;
	if (mark->mark.discontinuity > run->discontinuity)
		run->discontinuity = mark->mark.discontinuity;
	/* As of what the map told (two above): its owner may have set one more that nobody wrote down. */
	if (run->next_number < mark->mark.number + 2)
		run->next_number = mark->mark.number + 2;
	if (run->last_number < mark->mark.number)
		run->last_number = mark->mark.number;
	if (s->told_number >= run->next_number)
		timeline_run_pass_number(run, s->told_number);
	int64_t end = end_us(s, r);
	if (run->highest_us < end)
		run->highest_us = end;
	pass_tracks(run, s->tracks);
	return true;
}

void run_take(struct timeline_run *run, const struct registry_claim *c, const struct config_app *config,
              int64_t wall_us) {
	const struct registry_state *p = &c->previous;
	if (run->run || !c->known || !p->number)
		return;
	int64_t age_ms = (wall_us - p->wall_us) / 1000;
	run->next_number = p->number + 2 + (age_ms > 0 ? (uint64_t)(age_ms / config->package_segment) : 0);
	if (!p->run || age_ms > config->stream_grace) {
		uint64_t seed = marker_first_number(wall_us);
		run->next_number = run->next_number > seed ? run->next_number : seed;
		return;
	}
	run->last_number = p->number;
	run->run = p->run;
	run->base_us = p->base_us;
	run->highest_us = p->highest_us;
	run->discontinuity = p->discontinuity;
	run->target_ms = p->target_ms;
	run->next_track = p->track;
}
