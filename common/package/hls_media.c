/*
 * Media playlists: CMAF with parts, and MPEG-TS.
 */
#include "common/package/hls_parts.h"
#include "common/package/hls_reload.h"
#include "common/package/ts_segment.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <uv.h>

enum {
	VERSION = 9,
	VERSION_TS = 3,
	SKIP_TARGETS = 6,
	HOLD_TARGETS = 3,
	HOLD_PARTS = 3,
	PARTS_TARGETS = 3,
	ROUNDING_US = 1000
};

/* What one playlist is written from. */
struct playlist {
	const struct segment_store *store;
	const struct segment_track *track;
	const struct hls_options *options;
	struct buffer *out;
	size_t first, count; /* items that are listed; with `is_open` the last one is open */
	size_t skipped;      /* of them, from the first on */
	bool is_open, is_ts, ended, has_parts;
	uint32_t target;       /* TARGETDURATION in seconds */
	int64_t end_us;        /* of the newest whole one */
	int64_t parts_from_us; /* segments that begin earlier list no parts */
	uint32_t part_target_ms;
};

void hls_put_query(struct buffer *out, const char *query) {
	if (!query || !*query)
		return;
	for (const char *c = query; *c; c++)
		if (*c == '"' || (unsigned char)*c < 0x21)
			return;
	buffer_printf(out, "?%s", query);
}

static const struct segment *item(const struct playlist *p, size_t i) {
	return p->track->items[p->first + i];
}

static size_t whole_count(const struct playlist *p) {
	return p->count - p->is_open;
}

static void put_uri(const struct playlist *p, const struct segment_name *n) {
	char name[SEGMENT_NAME_MAX];
	segment_name_print(n, name);
	buffer_append_string(p->out, name);
	hls_put_query(p->out, p->options->query);
}

/* --- head --- */

static void put_server_control(struct playlist *p) {
	buffer_printf(p->out, "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=%u.0,HOLD-BACK=%u.0",
	              SKIP_TARGETS * p->target, HOLD_TARGETS * p->target);
	if (p->has_parts)
		buffer_printf(p->out, ",PART-HOLD-BACK=%.3f\n#EXT-X-PART-INF:PART-TARGET=%.3f",
		              HOLD_PARTS * p->part_target_ms / 1e3, p->part_target_ms / 1e3);
	buffer_append_string(p->out, "\n");
}

static bool lists_gap(const struct playlist *p) {
	for (size_t i = 0; i < p->count; i++)
		if (item(p, i)->state == SEGMENT_GAP)
			return true;
	return false;
}

static void put_head(struct playlist *p) {
	bool newer = !p->is_ts || p->skipped || lists_gap(p);
	buffer_printf(p->out, "#EXTM3U\n#EXT-X-VERSION:%d\n#EXT-X-TARGETDURATION:%u\n", newer ? VERSION : VERSION_TS,
	              p->target);
	/* Of the encoder's own picture we cannot promise it; parts tell one by one. */
	if (p->track->kind == TRACK_AUDIO || strcmp(p->track->rendition, "source") != 0)
		buffer_append_string(p->out, "#EXT-X-INDEPENDENT-SEGMENTS\n");
	if (!p->ended)
		put_server_control(p);
	buffer_printf(p->out, "#EXT-X-MEDIA-SEQUENCE:%" PRIu64 "\n#EXT-X-DISCONTINUITY-SEQUENCE:%u\n", item(p, 0)->number,
	              item(p, 0)->discontinuity);
	if (p->skipped)
		buffer_printf(p->out, "#EXT-X-SKIP:SKIPPED-SEGMENTS=%zu\n", p->skipped);
}

/* --- segments --- */

static void put_date(struct playlist *p, const struct segment *s) {
	int64_t ms = (segment_wall_us(s) + 500) / 1000;
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	char text[32];
	if (ms < 0 || !gmtime_r(&seconds, &tm) || !strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm))
		return;
	buffer_printf(p->out, "#EXT-X-PROGRAM-DATE-TIME:%s.%03dZ\n", text, (int)(ms % 1000));
}

static bool same_init(const struct segment *a, const struct segment *b) {
	return a && a->init_id == b->init_id && a->epoch == b->epoch;
}

/* The newest segment before item i that has a MAP in force and is told of in this playlist. */
static const struct segment *mapped_before(const struct playlist *p, size_t i) {
	while (i-- > p->skipped)
		if (item(p, i)->init)
			return item(p, i);
	return NULL;
}

/* One tag for each step, so that every edge counts the same. */
static void put_discontinuities(struct playlist *p, size_t i) {
	enum { STEPS_MAX = 16 };
	uint32_t before = i ? item(p, i - 1)->discontinuity : item(p, 0)->discontinuity;
	for (uint32_t n = 0; before + n < item(p, i)->discontinuity && n < STEPS_MAX; n++)
		buffer_append_string(p->out, "#EXT-X-DISCONTINUITY\n");
}

static void put_map(struct playlist *p, size_t i) {
	const struct segment *s = item(p, i);
	if (p->is_ts || !s->init || same_init(mapped_before(p, i), s))
		return;
	buffer_append_string(p->out, "#EXT-X-MAP:URI=\"");
	put_uri(p, &(struct segment_name){.kind = NAME_INIT, .epoch = s->epoch, .init = s->init_id});
	buffer_append_string(p->out, "\"\n");
}

static void put_parts(struct playlist *p, const struct segment *s) {
	for (uint32_t i = 0; i < s->listed; i++) {
		const struct segment_part *part = &s->parts[i];
		buffer_printf(p->out, "#EXT-X-PART:DURATION=%.5f,URI=\"", (double)part->duration / s->info->timescale);
		put_uri(p, &(struct segment_name){.kind = NAME_PART, .epoch = s->epoch, .number = s->number, .part = i});
		buffer_append_string(p->out, part->independent ? "\",INDEPENDENT=YES\n" : "\"\n");
	}
}

static void put_segment(struct playlist *p, size_t i) {
	const struct segment *s = item(p, i);
	put_discontinuities(p, i);
	put_map(p, i);
	if (s->state != SEGMENT_GAP)
		put_date(p, s);
	if (p->has_parts && s->start_us >= p->parts_from_us)
		put_parts(p, s);
	if (s->state == SEGMENT_OPEN)
		return;
	if (s->state == SEGMENT_GAP)
		buffer_append_string(p->out, "#EXT-X-GAP\n");
	buffer_printf(p->out, "#EXTINF:%.5f,\n", (double)segment_length_us(s) / 1e6);
	put_uri(p, &(struct segment_name){
	               .kind = p->is_ts ? NAME_TS : NAME_TIME, .epoch = s->epoch, .number = s->number, .time = s->start});
	buffer_append_string(p->out, "\n");
}

/* --- tail --- */

static void put_hint(struct playlist *p) {
	const struct segment *last = item(p, p->count - 1);
	struct segment_name next = {.kind = NAME_PART, .epoch = last->epoch, .number = last->number + 1};
	if (last->state == SEGMENT_OPEN) {
		if (last->flags & SEGMENT_NO_PARTS || last->part_count >= PARTS_MAX)
			return;
		next.number = last->number;
		next.part = last->part_count;
	} else if (last->flags & SEGMENT_TENTATIVE) {
		return; /* its epoch is over */
	}
	buffer_append_string(p->out, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"");
	put_uri(p, &next);
	buffer_append_string(p->out, "\"\n");
}

static void put_report(struct playlist *p, const struct segment_track *t) {
	struct segment_range r = segment_track_range(t);
	const struct segment *last = r.count ? t->items[r.first + r.count - 1] : NULL;
	if (last && last->state == SEGMENT_OPEN && !last->listed)
		last = r.count > 1 ? t->items[r.first + r.count - 2] : NULL;
	if (!last)
		return;
	buffer_printf(p->out, "#EXT-X-RENDITION-REPORT:URI=\"../%s/index.m3u8", t->name);
	hls_put_query(p->out, p->options->query);
	buffer_printf(p->out, "\",LAST-MSN=%" PRIu64, last->number);
	if (last->listed)
		buffer_printf(p->out, ",LAST-PART=%u", last->listed - 1);
	buffer_append_string(p->out, "\n");
}

static void put_tail(struct playlist *p) {
	if (p->ended) {
		buffer_append_string(p->out, "#EXT-X-ENDLIST\n");
		return;
	}
	if (!p->has_parts)
		return;
	put_hint(p);
	for (const struct segment_track *t = NULL; (t = segment_store_next(p->store, t));)
		if (t != p->track && segment_track_current(t))
			put_report(p, t);
}

/* --- whole --- */

/* Segments that a delta update leaves out: they ended before the skip boundary. */
static size_t count_skipped(const struct playlist *p) {
	size_t n = 0;
	int64_t boundary_us = p->end_us - (int64_t)SKIP_TARGETS * p->target * 1000000;
	while (n < whole_count(p) && item(p, n)->end_us < boundary_us)
		n++;
	return n;
}

/* Parts are listed for three target durations from the playlist's end, which is that of the newest part; a hair less,
 * for players add up what is written, and that is rounded. */
static int64_t parts_from(const struct playlist *p) {
	const struct segment *last = item(p, p->count - 1);
	int64_t end_us = p->is_open ? last->start_us + ticks_to_us(last->duration, last->info->timescale) : p->end_us;
	return end_us - (int64_t)PARTS_TARGETS * p->target * 1000000 + ROUNDING_US;
}

static int write_playlist(struct playlist *p) {
	p->target = segment_store_target(p->store);
	p->ended = segment_store_ended(p->store);
	p->is_open = p->count && item(p, p->count - 1)->state == SEGMENT_OPEN;
	if (!whole_count(p) || !p->target)
		return UV_EAGAIN;
	p->end_us = item(p, whole_count(p) - 1)->end_us;
	p->part_target_ms = item(p, p->count - 1)->info->part_target_ms;
	p->has_parts = p->options->low_latency && !p->is_ts && !p->ended && p->part_target_ms;
	if (p->options->skip && !p->ended)
		p->skipped = count_skipped(p);
	if (p->is_open && !p->has_parts) {
		p->is_open = false;
		p->count--;
	}
	p->parts_from_us = parts_from(p);
	put_head(p);
	for (size_t i = p->skipped; i < p->count; i++)
		if (item(p, i)->state != SEGMENT_OPEN || item(p, i)->listed)
			put_segment(p, i);
	put_tail(p);
	return buffer_error(p->out);
}

int hls_media_write(const struct segment_store *s, const char *track, const struct hls_options *o, struct buffer *out) {
	struct playlist p = {.store = s, .track = segment_store_track(s, track), .options = o, .out = out};
	if (!p.track)
		return UV_ENOENT;
	struct segment_range r = segment_track_range(p.track);
	p.first = r.first;
	p.count = r.count;
	return write_playlist(&p);
}

int hls_ts_write(const struct segment_store *s, const struct hls_options *o, struct buffer *out) {
	struct playlist p = {.store = s, .track = ts_segment_track(s), .options = o, .out = out, .is_ts = true};
	if (!p.track)
		return segment_store_tracks(s) ? UV_ENOTSUP : UV_EAGAIN;
	struct segment_range r = segment_track_range(p.track);
	p.first = r.first;
	while (r.count && !ts_segment_whole(s, p.track->items[r.first + r.count - 1]))
		r.count--;
	while (r.count && !ts_segment_whole(s, p.track->items[p.first])) {
		p.first++; /* begun before this node saw all of its tracks */
		r.count--;
	}
	p.count = r.count;
	return write_playlist(&p);
}
