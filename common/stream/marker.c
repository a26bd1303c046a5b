#include "common/stream/marker.h"

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

static uint32_t larger(uint32_t a, uint32_t b) {
	return a > b ? a : b;
}

/* TARGETDURATION is fixed by the first GOP, or by its absence; segments that were cut before that count too. */
static void fix_target(struct marker *m, int64_t first_gop_us) {
	if (m->longest_us > first_gop_us)
		first_gop_us = m->longest_us;
	m->target_ms = larger(whole_seconds_ms(m->segment_us), whole_seconds_ms(first_gop_us - 250000));
}

static uint32_t unknown_target_ms(const struct marker *m) {
	return larger(whole_seconds_ms(m->segment_us), MARKER_UNKNOWN_TARGET_MS);
}

int64_t marker_limit_us(const struct marker *m) {
	return (int64_t)(m->target_ms ? m->target_ms : unknown_target_ms(m)) * 1000 + MARKER_SLACK_US;
}

/* A GOP that outgrew the limit was cut without a keyframe, and so will be its like: cutting early does not help. */
static int64_t longest_gop(const struct marker *m) {
	int64_t longest = 0;
	for (unsigned i = 0; i < MARKER_GOPS && i < m->gop_count; i++)
		if (m->gops[i] > longest && m->gops[i] <= marker_limit_us(m))
			longest = m->gops[i];
	return longest;
}

void marker_begin(struct marker *m, int64_t us) {
	m->begun = true;
	m->start_us = us;
}

void marker_close(struct marker *m, int64_t us) {
	if (m->begun && !m->target_ms)
		fix_target(m, us - m->start_us);
}

bool marker_overdue(struct marker *m, int64_t us) {
	int64_t limit = marker_limit_us(m);
	if (!m->begun || us - m->start_us < limit)
		return false;
	if (!m->target_ms)
		m->target_ms = unknown_target_ms(m);
	marker_begin(m, m->start_us + limit);
	return true;
}

static enum marker_cut at_key(struct marker *m, int64_t pts_us, bool must) {
	int64_t gop = m->have_key ? pts_us - m->last_key_us : 0, elapsed = m->begun ? pts_us - m->start_us : 0;
	if (m->have_key && gop > 0)
		m->gops[m->gop_count++ % MARKER_GOPS] = gop;
	if (m->have_key && gop > 0 && !m->target_ms)
		fix_target(m, gop > elapsed ? gop : elapsed);
	m->have_key = true;
	m->last_key_us = pts_us;
	bool cut = !m->begun || must || elapsed + gop / 2 >= m->segment_us ||
	           (m->target_ms && elapsed + longest_gop(m) > marker_limit_us(m));
	if (!cut)
		return MARKER_NONE;
	if (m->begun && elapsed > m->longest_us)
		m->longest_us = elapsed;
	marker_begin(m, pts_us);
	return MARKER_CUT;
}

enum marker_cut marker_frame(struct marker *m, int64_t pts_us, bool key, int64_t duration_us, bool must) {
	if (m->begun && pts_us <= m->start_us) {
		if (key && !m->have_key) { /* another track began the segment: this one's first GOP begins with it */
			m->have_key = true;
			m->last_key_us = m->start_us;
		}
		return MARKER_NONE;
	}
	if (key)
		return at_key(m, pts_us, must);
	int64_t end = pts_us + duration_us - m->start_us;
	if (!m->begun || end <= marker_limit_us(m))
		return MARKER_NONE;
	if (!m->target_ms)
		m->target_ms = unknown_target_ms(m);
	marker_begin(m, pts_us);
	return MARKER_FORCED_CUT;
}

void marker_recall(struct marker *m, int64_t us, bool cut) {
	struct marker before = *m;
	enum marker_cut how = marker_frame(m, us, true, 0, cut);
	if (cut && how != MARKER_CUT)
		marker_begin(m, us);
	if (cut)
		return;
	m->begun = before.begun;
	m->start_us = before.start_us;
	m->longest_us = before.longest_us;
}
