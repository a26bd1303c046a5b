#include "common/stream/marker.h"

enum { NO_SECOND_KEY_US = 10000000 };

void marker_init(struct marker *m, int64_t segment_us, uint32_t target_ms) {
	*m = (struct marker){.segment_us = segment_us, .target_ms = target_ms};
}

uint64_t marker_first_number(int64_t wall_us) {
	const int64_t year_2020_us = 1577836800LL * 1000000;
	return wall_us > year_2020_us ? (uint64_t)(wall_us - year_2020_us) / 250000 : 1;
}

static uint32_t whole_seconds_ms(int64_t us) {
	return us > 0 ? (uint32_t)((us + 999999) / 1000000 * 1000) : 0;
}

/* TARGETDURATION is fixed by the first GOP, or by its absence. */
static void fix_target(struct marker *m, int64_t first_gop_us) {
	uint32_t by_segment = whole_seconds_ms(m->segment_us), by_gop = whole_seconds_ms(first_gop_us - 250000);
	m->target_ms = by_gop > by_segment ? by_gop : by_segment;
}

static int64_t longest_gop(const struct marker *m) {
	int64_t longest = 0;
	for (unsigned i = 0; i < MARKER_GOPS && i < m->gop_count; i++)
		if (m->gops[i] > longest)
			longest = m->gops[i];
	return longest;
}

static int64_t limit_us(const struct marker *m) {
	return (int64_t)m->target_ms * 1000 + MARKER_SLACK_US;
}

static enum marker_cut begin(struct marker *m, int64_t pts_us, enum marker_cut how) {
	m->begun = true;
	m->start_us = pts_us;
	return how;
}

static enum marker_cut at_key(struct marker *m, int64_t pts_us, bool must) {
	int64_t gop = m->have_key ? pts_us - m->last_key_us : 0;
	if (m->have_key)
		m->gops[m->gop_count++ % MARKER_GOPS] = gop;
	if (m->have_key && !m->target_ms)
		fix_target(m, gop);
	m->have_key = true;
	m->last_key_us = pts_us;
	int64_t elapsed = pts_us - m->start_us;
	if (!m->begun || must || elapsed + gop / 2 >= m->segment_us ||
	    (m->target_ms && elapsed + longest_gop(m) > limit_us(m)))
		return begin(m, pts_us, MARKER_CUT);
	return MARKER_NONE;
}

enum marker_cut marker_frame(struct marker *m, int64_t pts_us, bool key, int64_t duration_us, bool must) {
	if (key)
		return at_key(m, pts_us, must);
	int64_t end = pts_us + duration_us - m->start_us;
	if (!m->target_ms && m->begun && end > NO_SECOND_KEY_US)
		m->target_ms = NO_SECOND_KEY_US / 1000;
	if (m->begun && m->target_ms && end > limit_us(m) && pts_us > m->start_us)
		return begin(m, pts_us, MARKER_FORCED_CUT);
	return MARKER_NONE;
}
