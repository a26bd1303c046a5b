#include "common/stream/tails.h"

static struct tail *find(struct tails *t, uint32_t track) {
	for (size_t i = 0; i < t->count; i++)
		if (t->items[i].track == track)
			return &t->items[i];
	return NULL;
}

void tails_note(struct tails *t, uint64_t epoch, uint32_t track, int64_t dts, bool is_restart) {
	if (t->epoch != epoch)
		*t = (struct tails){.epoch = epoch};
	struct tail *tail = find(t, track);
	if (!tail && t->count == TRACKS_MAX)
		return;
	if (!tail) {
		t->items[t->count++] = (struct tail){.track = track, .dts = dts};
		return;
	}
	int64_t step;
	/* A track whose timescale changed may step back. */
	if (!is_restart && !__builtin_sub_overflow(dts, tail->dts, &step) && step > 0)
		tail->step = step;
	tail->dts = dts;
}

size_t tails_ends(const struct tails *t, const struct tracks *tracks, struct track_end out[TRACKS_MAX]) {
	for (size_t i = 0; i < t->count; i++) {
		const struct tail *tail = &t->items[i];
		const struct track *track = tracks ? tracks_find(tracks, tail->track) : NULL;
		int64_t step = tail->step ? tail->step : track ? track->frame_ticks : 0, end;
		out[i] = (struct track_end){.track = tail->track, .end = tail->dts};
		if (!__builtin_add_overflow(tail->dts, step, &end)) /* an edge's frames are as its peer states them */
			out[i].end = end;
	}
	return t->count;
}
