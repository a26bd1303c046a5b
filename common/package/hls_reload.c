#include "common/package/hls_reload.h"

#include "common/base/query.h"
#include "common/package/ts_segment.h"

#include <string.h>
#include <uv.h>

enum { WAIT_TARGETS = 3, AHEAD_SEGMENTS = 2, AHEAD_PARTS = 3 };

/* --- directives --- */

static int read_skip(const char *query, bool *skip) {
	char value[4];
	int n = query_get(query, "_HLS_skip", value, sizeof value);
	*skip = n >= 0;
	if (n == UV_ENOENT || (n >= 0 && (strcmp(value, "YES") == 0 || strcmp(value, "v2") == 0)))
		return 0;
	return UV_EINVAL;
}

int hls_directives_parse(struct hls_directives *out, const char *query) {
	struct hls_directives d = {0};
	int msn = query_u64(query, "_HLS_msn", &d.msn), part = query_u64(query, "_HLS_part", &d.part);
	d.has_msn = msn == 0;
	d.has_part = part == 0;
	if (read_skip(query, &d.skip) || msn == UV_EINVAL || part == UV_EINVAL || (d.has_part && !d.has_msn))
		return UV_EINVAL;
	*out = d;
	return 0;
}

/* --- where a playlist stands --- */

static uint32_t parts_of_whole(const struct segment *s) {
	bool counts = s->state == SEGMENT_COMPLETE && !(s->flags & SEGMENT_NO_PARTS);
	return counts ? s->listed : UINT32_MAX;
}

static void position_of_track(const struct segment_track *t, struct hls_position *p) {
	struct segment_range r = segment_track_range(t);
	if (!r.count)
		return;
	const struct segment *last = t->items[r.first + r.count - 1];
	p->known = true;
	p->last_parts = UINT32_MAX;
	p->part_target_ms = last->info->part_target_ms;
	if (last->state != SEGMENT_OPEN) {
		p->next_msn = last->number + 1;
		p->last_parts = parts_of_whole(last);
		return;
	}
	p->next_msn = last->number;
	p->parts = last->listed;
	if (r.count > 1)
		p->last_parts = parts_of_whole(t->items[r.first + r.count - 2]);
}

static void position_of_ts(const struct segment_store *s, const struct segment_track *t, struct hls_position *p) {
	struct segment_range r = segment_track_range(t);
	size_t n = r.count;
	while (n && !ts_segment_whole(s, t->items[r.first + n - 1]))
		n--;
	if (!r.count)
		return;
	p->known = true;
	p->last_parts = UINT32_MAX;
	p->next_msn = n ? t->items[r.first + n - 1]->number + 1 : t->items[r.first]->number;
}

int hls_position_of(const struct segment_store *s, const char *track, struct hls_position *out) {
	bool is_ts = strcmp(track, PACKAGE_TS) == 0;
	const struct segment_track *t = is_ts ? ts_segment_track(s) : segment_store_track(s, track);
	if (!t)
		return UV_ENOENT;
	*out = (struct hls_position){.ended = segment_store_ended(s), .target_ms = segment_store_target(s) * 1000};
	if (is_ts)
		position_of_ts(s, t, out);
	else
		position_of_track(t, out);
	return 0;
}

uint64_t hls_wait_ms(const struct hls_position *p) {
	return (uint64_t)WAIT_TARGETS * (p->target_ms ? p->target_ms : 2000);
}

/* --- the decision --- */

/* Parts that may be asked for ahead: the Advance Part Limit, but always a whole segment's, for there are players that
 * ask for the last part of the next segment. */
static uint64_t parts_ahead(const struct hls_position *p) {
	uint64_t limit = p->part_target_ms < 1000 ? (3000 + p->part_target_ms - 1) / p->part_target_ms : AHEAD_PARTS;
	uint64_t segment = p->target_ms * 2 / p->part_target_ms + 1;
	return limit > segment ? limit : segment;
}

static const char *refusal(const struct hls_directives *d, const struct hls_position *p) {
	/* The newest segment that the playlist tells of. */
	uint64_t last = p->parts ? p->next_msn : p->next_msn - 1;
	if (d->msn > last && d->msn - last > AHEAD_SEGMENTS)
		return "_HLS_msn is more than two segments ahead";
	if (!d->has_part || !p->part_target_ms)
		return NULL;
	uint64_t parts = d->msn == p->next_msn ? p->parts : 0;
	if (d->msn >= p->next_msn && d->part > parts && d->part - parts >= parts_ahead(p))
		return "_HLS_part is too far ahead";
	return NULL;
}

enum hls_reload hls_reload_decide(const struct hls_directives *d, const struct hls_position *p, const char **reason) {
	if (!d->has_msn || p->ended)
		return HLS_ANSWER;
	if (!p->known)
		return HLS_WAIT;
	const char *why = refusal(d, p);
	if (why) {
		*reason = why;
		return HLS_REFUSE;
	}
	uint64_t msn = d->msn, part = d->part;
	bool has_part = d->has_part && p->part_target_ms;
	/* Past a segment's last part means the first of the next (6.2.5.2). */
	if (has_part && msn + 1 == p->next_msn && part >= p->last_parts) {
		msn++;
		part = 0;
	}
	if (msn < p->next_msn)
		return HLS_ANSWER;
	return has_part && msn == p->next_msn && part < p->parts ? HLS_ANSWER : HLS_WAIT;
}
