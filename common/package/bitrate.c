#include "common/package/bitrate.h"

static uint32_t per_second(uint64_t bytes, int64_t us) {
	uint64_t bits = us > 0 ? (uint64_t)((double)bytes * 8e6 / (double)us + 0.5) : 0;
	return bits > UINT32_MAX ? UINT32_MAX : (uint32_t)bits;
}

struct bitrate bitrate_of(const struct segment_track *t) {
	struct segment_range r = segment_track_range(t);
	struct bitrate rate = {0};
	uint64_t bytes = 0;
	int64_t us = 0;
	for (size_t i = r.first; i < r.first + r.count; i++) {
		const struct segment *s = t->items[i];
		if (s->state != SEGMENT_COMPLETE)
			continue;
		/* By its own frames: a mark may stand a frame beside. */
		int64_t its_us = ticks_to_us(s->duration, s->info->timescale);
		uint32_t its = per_second(s->size, its_us);
		rate.peak = its > rate.peak ? its : rate.peak;
		bytes += s->size;
		us += its_us;
	}
	rate.average = per_second(bytes, us);
	return rate;
}
