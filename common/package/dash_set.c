#include "common/mux/cmaf.h"
#include "common/package/bitrate.h"
#include "common/package/dash_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct segment *first_of(const struct dash_run *r) {
	return r->track->items[r->first];
}

static const struct segment *last_of(const struct dash_run *r) {
	return r->track->items[r->first + r->count - 1];
}

/* --- SegmentTimeline --- */

/* Ticks that the open segment is expected to take. */
static int64_t expected_of(const struct dash_run *r) {
	return segment_track_expected(r->track, r->first + r->count - 1) - last_of(r)->start;
}

/* A frame or two: what comes so near to the moment expected is taken for regular. */
enum { REGULAR_US = 50000 };

/* The open one has the length of the one before it; that one's is a rule only where the one before had it too. */
bool dash_foresees(const struct dash *d, const struct dash_run *r) {
	const struct segment *last = last_of(r);
	if (!d->low_latency || r->count < 3 || last->state != SEGMENT_OPEN || expected_of(r) < last->duration)
		return false;
	const struct segment *const *s = (const struct segment *const *)&r->track->items[r->first + r->count - 3];
	int64_t differ_us = segment_length_us(s[1]) - segment_length_us(s[0]);
	return differ_us < REGULAR_US && differ_us > -REGULAR_US;
}

/* Ticks that a segment takes: up to the next one, where that is known. */
static int64_t ticks_of(const struct dash_run *r, size_t i) {
	if (i == r->count)
		return us_to_ticks(segment_length_us(last_of(r)), last_of(r)->info->timescale);
	const struct segment *s = r->track->items[r->first + i];
	const struct segment *next = i + 1 < r->count ? r->track->items[r->first + i + 1] : NULL;
	if (next)
		return next->start - s->start;
	if (s->state != SEGMENT_OPEN)
		return s->duration;
	int64_t expected = expected_of(r);
	return expected > s->duration ? expected : s->duration;
}

/* Where the segment begins; of the one that has yet to begin, where it would. */
static int64_t start_of(const struct dash_run *r, size_t i) {
	if (i < r->count)
		return r->track->items[r->first + i]->start;
	return last_of(r)->start + ticks_of(r, r->count - 1);
}

static void put_timeline(struct dash *d, const struct dash_run *r) {
	size_t count = r->count + (dash_foresees(d, r) ? 1 : 0);
	buffer_append_string(d->out, "<SegmentTimeline>\n");
	for (size_t i = 0; i < count;) {
		int64_t ticks = ticks_of(r, i);
		size_t same = 1;
		while (i + same < count && ticks_of(r, i + same) == ticks)
			same++;
		buffer_printf(d->out, "<S t=\"%" PRId64 "\" d=\"%" PRId64 "\"", start_of(r, i), ticks);
		if (same > 1)
			buffer_printf(d->out, " r=\"%zu\"", same - 1);
		buffer_append_string(d->out, "/>\n");
		i += same;
	}
	buffer_append_string(d->out, "</SegmentTimeline>\n");
}

/* --- SegmentTemplate --- */

/* `$` has a meaning in templates. */
static void put_query(struct dash *d) {
	const char *query = d->options->query;
	char two[3] = {0};
	if (!query || !*query)
		return;
	buffer_append_string(d->out, "?");
	for (const char *c = query; *c; c++) {
		two[0] = *c;
		two[1] = *c == '$' ? '$' : 0;
		dash_put_text(d->out, two);
	}
}

/* The newest segment can be asked for as soon as its first part is there. */
static void put_availability(struct dash *d, const struct dash_run *r) {
	const struct segment *last = last_of(r);
	int64_t early_us = segment_length_us(last) - (int64_t)last->info->part_target_ms * 1000;
	if (d->low_latency && early_us > 0)
		buffer_printf(d->out, " availabilityTimeOffset=\"%.3f\" availabilityTimeComplete=\"false\"",
		              (double)early_us / 1e6);
}

static void put_template(struct dash *d, const struct dash_period *p, const struct dash_run *r) {
	const struct segment *s = first_of(r);
	char init[SEGMENT_NAME_MAX];
	segment_name_print(&(struct segment_name){.kind = NAME_INIT, .epoch = s->epoch, .init = s->init_id}, init);
	buffer_printf(d->out, "<SegmentTemplate timescale=\"%u\" presentationTimeOffset=\"%" PRId64 "\"",
	              s->info->timescale, us_to_ticks(p->start_us, s->info->timescale));
	put_availability(d, r);
	buffer_printf(d->out, " initialization=\"%s/%s", r->track->name, init);
	put_query(d);
	buffer_printf(d->out, "\" media=\"%s/%" PRIu64 "/t$Time$.m4s", r->track->name, s->epoch);
	put_query(d);
	buffer_append_string(d->out, "\">\n");
	put_timeline(d, r);
	buffer_append_string(d->out, "</SegmentTemplate>\n");
}

/* --- Representation --- */

static void put_frame_rate(struct dash *d, const struct track *t) {
	uint32_t num = t->info.frame_rate_num, den = t->info.frame_rate_den;
	if (!den && t->frame_ticks && t->timescale % t->frame_ticks == 0) {
		num = t->timescale / t->frame_ticks;
		den = 1;
	}
	if (num && den == 1)
		buffer_printf(d->out, " frameRate=\"%u\"", num);
	else if (num && den)
		buffer_printf(d->out, " frameRate=\"%u/%u\"", num, den);
}

/* MP3 is named as its initialisation says it (RFC 6381, 3.3), which is not HLS's name for it. */
static void put_codec(struct dash *d, const struct track *t) {
	if (t->fourcc == FOURCC_MP3)
		buffer_printf(d->out, "mp4a.%02X", cmaf_mp3_object_type(t));
	else
		dash_put_text(d->out, t->info.rfc6381);
}

static void put_representation(struct dash *d, const struct dash_period *p, const struct dash_run *r) {
	const struct track *t = last_of(r)->info;
	struct bitrate rate = bitrate_of(r->track);
	buffer_printf(d->out, "<Representation id=\"%s\" bandwidth=\"%u\" codecs=\"", r->track->name,
	              rate.peak ? rate.peak : 1);
	put_codec(d, t);
	buffer_append_string(d->out, "\"");
	if (t->kind == TRACK_VIDEO && t->info.width)
		buffer_printf(d->out, " width=\"%u\" height=\"%u\"", t->info.width, t->info.height);
	if (t->kind == TRACK_VIDEO)
		put_frame_rate(d, t);
	if (t->kind == TRACK_AUDIO && t->info.sample_rate)
		buffer_printf(d->out, " audioSamplingRate=\"%u\"", t->info.sample_rate);
	buffer_append_string(d->out, ">\n");
	/* ISO/IEC 23091-3: up to six channels the layout that is usual has the number of its channels. */
	if (t->kind == TRACK_AUDIO && t->info.channels)
		buffer_printf(
		    d->out,
		    "<AudioChannelConfiguration schemeIdUri=\"urn:mpeg:mpegB:cicp:ChannelConfiguration\" value=\"%u\"/>\n",
		    t->info.channels == 8 ? 12 : t->info.channels);
	put_template(d, p, r);
	buffer_append_string(d->out, "</Representation>\n");
}

/* --- AdaptationSet --- */

/* Representations that a player may switch between. */
static bool same_set(const struct dash_run *a, const struct dash_run *b) {
	const struct track *x = last_of(a)->info, *y = last_of(b)->info;
	return x->kind == y->kind && x->fourcc == y->fourcc && strcmp(x->language, y->language) == 0 &&
	       strcmp(x->role, y->role) == 0;
}

static bool first_of_set(const struct dash_period *p, size_t i) {
	for (size_t k = 0; k < i; k++)
		if (same_set(&p->runs[k], &p->runs[i]))
			return false;
	return true;
}

static bool first_of_kind(const struct dash_period *p, size_t i) {
	for (size_t k = 0; k < i; k++)
		if (p->runs[k].track->kind == p->runs[i].track->kind)
			return false;
	return true;
}

/* How the encoder's clock and the wall's belong together; the same pair stands in the segments' prft. */
static void put_reference(struct dash *d, const struct dash_period *p, const struct track *t) {
	const struct anchor *a = &p->period->anchor;
	buffer_printf(d->out, "<ProducerReferenceTime id=\"%u\" inband=\"true\" type=\"encoder\" wallClockTime=\"", t->id);
	dash_put_time(d->out, a->wall_us);
	buffer_printf(d->out, "\" presentationTime=\"%" PRId64 "\">\n", us_to_ticks(a->media_us, t->timescale));
	if (d->options->time_url) {
		buffer_append_string(d->out, "<UTCTiming schemeIdUri=\"urn:mpeg:dash:utc:http-iso:2014\" value=\"");
		dash_put_text(d->out, d->options->time_url);
		buffer_append_string(d->out, "\"/>\n");
	}
	buffer_append_string(d->out, "</ProducerReferenceTime>\n");
}

static void put_set(struct dash *d, const struct dash_period *p, size_t i) {
	const struct track *t = last_of(&p->runs[i])->info;
	const char *kind = t->kind == TRACK_VIDEO ? "video" : "audio";
	buffer_printf(
	    d->out,
	    "<AdaptationSet id=\"%u\" contentType=\"%s\" mimeType=\"%s/mp4\" segmentAlignment=\"true\" startWithSAP=\"1\"",
	    t->id, kind, kind);
	if (t->language[0]) {
		buffer_append_string(d->out, " lang=\"");
		dash_put_text(d->out, t->language);
		buffer_append_string(d->out, "\"");
	}
	buffer_append_string(d->out, ">\n");
	if (d->low_latency)
		put_reference(d, p, t);
	buffer_append_string(d->out, "<Role schemeIdUri=\"urn:mpeg:dash:role:2011\" value=\"");
	dash_put_text(d->out, t->role[0] ? t->role : first_of_kind(p, i) ? "main" : "alternate");
	buffer_append_string(d->out, "\"/>\n");
	for (size_t k = i; k < p->run_count; k++)
		if (same_set(&p->runs[i], &p->runs[k]))
			put_representation(d, p, &p->runs[k]);
	buffer_append_string(d->out, "</AdaptationSet>\n");
}

void dash_put_sets(struct dash *d, const struct dash_period *p) {
	for (size_t i = 0; i < p->run_count; i++)
		if (first_of_set(p, i))
			put_set(d, p, i);
}
