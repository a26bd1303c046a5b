#include "common/package/dash_parts.h"
#include "common/package/steering.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <uv.h>

enum { SECOND_US = 1000000, LATENCY_PARTS = 4, LEAST_UPDATE_MS = 500, DELAY_TARGETS = 3 };

/* --- forms --- */

void dash_put_text(struct buffer *out, const char *text) {
	for (const char *c = text; *c; c++) {
		unsigned char u = (unsigned char)*c;
		if (u == '&' || u == '<' || u == '>' || u == '"')
			buffer_printf(out, "&#%u;", u);
		else if (u >= 0x20)
			buffer_u8(out, u);
	}
}

void dash_put_time(struct buffer *out, int64_t wall_us) {
	time_t seconds = (time_t)(wall_us / SECOND_US);
	struct tm tm;
	char text[32];
	if (gmtime_r(&seconds, &tm) && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm))
		buffer_printf(out, "%s.%06dZ", text, (int)(wall_us % SECOND_US));
}

void dash_put_duration(struct buffer *out, int64_t us) {
	buffer_printf(out, "PT%" PRId64 ".%06dS", us / SECOND_US, (int)(us % SECOND_US));
}

static void put_duration_of(struct buffer *out, const char *attribute, int64_t us) {
	buffer_printf(out, " %s=\"", attribute);
	dash_put_duration(out, us > 0 ? us : 0);
	buffer_append_string(out, "\"");
}

/* --- time --- */

/* The same on every node, for the whole run; a second early, so that no period begins before it. */
static int64_t availability_start(const struct segment_store *s) {
	int64_t base_us = segment_store_tracks(s)->base_us;
	return base_us - base_us % SECOND_US - SECOND_US;
}

/* A moment of a period in the presentation's time. */
static int64_t presentation_us(const struct dash *d, const struct dash_period *p, int64_t media_us) {
	const struct anchor *a = &p->period->anchor;
	int64_t us = a->wall_us + (media_us - a->media_us) - availability_start(d->store);
	return us > 0 ? us : 0;
}

static const struct segment *newest_of(const struct dash_period *p) {
	const struct dash_run *r = &p->runs[0];
	return r->track->items[r->first + r->count - 1];
}

/* PART-TARGET that goes with the newest period: the longest of its tracks; 0: not known. */
static int64_t part_us(const struct dash_period *p) {
	uint32_t longest = 0;
	for (size_t i = 0; i < p->run_count; i++) {
		const struct dash_run *r = &p->runs[i];
		uint32_t its = r->track->items[r->first + r->count - 1]->info->part_target_ms;
		longest = its > longest ? its : longest;
	}
	return (int64_t)longest * 1000;
}

/* For players that follow the open segment as it grows: they learn of it with its first part, and hold three. */
static int64_t latency_us(const struct dash *d, const struct dash_period *newest) {
	return d->options->latency_ms ? d->options->latency_ms * 1000 : LATENCY_PARTS * part_us(newest);
}

/* For players that take segments when they are whole. */
static int64_t delay_us(const struct dash *d, const struct dash_period *newest) {
	if (!d->low_latency)
		return DELAY_TARGETS * (int64_t)segment_store_target(d->store) * SECOND_US;
	return latency_us(d, newest) + segment_length_us(newest_of(newest));
}

/* --- the head --- */

/* How soon players look again. A segment that is announced before it begins becomes known in time if they look twice
 * while the one before it is made; else how late it becomes known adds to the latency. */
static int64_t update_us(const struct dash *d, const struct dash_period *newest) {
	int64_t us = segment_length_us(newest_of(newest));
	if (d->low_latency)
		us = dash_foresees(d, &newest->runs[0]) ? us / 2 : part_us(newest);
	return us > LEAST_UPDATE_MS * 1000 ? us : LEAST_UPDATE_MS * 1000;
}

static void put_live(struct dash *d, const struct dash_periods *p) {
	const struct dash_period *oldest = &p->items[0], *newest = &p->items[p->count - 1];
	int64_t part = part_us(newest);
	int64_t target_us = (int64_t)segment_store_target(d->store) * SECOND_US;
	buffer_append_string(d->out, " type=\"dynamic\" availabilityStartTime=\"");
	dash_put_time(d->out, availability_start(d->store));
	buffer_append_string(d->out, "\" publishTime=\"");
	dash_put_time(d->out, d->options->now_us);
	buffer_append_string(d->out, "\"");
	put_duration_of(d->out, "minimumUpdatePeriod", update_us(d, newest));
	put_duration_of(d->out, "timeShiftBufferDepth",
	                presentation_us(d, newest, newest->end_us) - presentation_us(d, oldest, oldest->first_us));
	put_duration_of(d->out, "suggestedPresentationDelay", delay_us(d, newest));
	put_duration_of(d->out, "minBufferTime", d->low_latency ? 2 * part : target_us);
}

static void put_ended(struct dash *d, const struct dash_periods *p) {
	const struct dash_period *newest = &p->items[p->count - 1];
	buffer_append_string(d->out, " type=\"static\"");
	put_duration_of(d->out, "mediaPresentationDuration", presentation_us(d, newest, newest->end_us));
	put_duration_of(d->out, "minBufferTime", (int64_t)segment_store_target(d->store) * SECOND_US);
}

static void put_service(struct dash *d, const struct dash_periods *p) {
	const struct dash_period *newest = &p->items[p->count - 1];
	int64_t target_ms = latency_us(d, newest) / 1000;
	uint32_t reference = newest_of(newest)->info->id;
	buffer_printf(d->out,
	              "<ServiceDescription id=\"0\">\n<Latency referenceId=\"%u\" target=\"%" PRId64 "\" min=\"%" PRId64
	              "\" max=\"%" PRId64 "\"/>\n<PlaybackRate min=\"0.96\" max=\"1.04\"/>\n</ServiceDescription>\n",
	              reference, target_ms, target_ms * 3 / 4, target_ms * 3);
}

/* --- steering --- */

static void put_place(struct dash *d, const char *element, const struct steering_pathway *p, const char *file) {
	const struct dash_steering *s = d->options->steering;
	buffer_printf(d->out, "<%s serviceLocation=\"%s\">", element, p->id);
	if (strcmp(p->id, s->self) == 0)
		buffer_append_string(d->out, "./");
	else
		buffer_printf(d->out, "%s/%s/", p->url, s->stream);
	buffer_printf(d->out, "%s</%s>\n", file, element);
}

static void put_steering(struct dash *d) {
	const struct dash_steering *s = d->options->steering;
	for (size_t i = 0; i < s->pathways->count; i++)
		put_place(d, "BaseURL", &s->pathways->items[i], "");
	for (size_t i = 0; !d->ended && i < s->pathways->count; i++)
		put_place(d, "Location", &s->pathways->items[i], "manifest.mpd");
	buffer_printf(d->out, "<ContentSteering defaultServiceLocation=\"%s\">", s->pathways->items[0].id);
	dash_put_text(d->out, s->uri);
	buffer_append_string(d->out, "</ContentSteering>\n");
}

/* --- periods --- */

static void put_period(struct dash *d, struct dash_period *p, bool is_first) {
	const struct segment_period *s = p->period;
	/* Nobody waits for what has left the window: what is over begins where it can be played. The mapping of times
	 * stays. */
	if (d->ended && is_first)
		p->start_us = p->first_us;
	buffer_printf(d->out, "<Period id=\"%" PRIu64 "-%u-%u-%08x", s->epoch, s->discontinuity, s->anchor.revision,
	              s->configs);
	if (p->split)
		buffer_printf(d->out, "-%" PRIu64, p->split);
	buffer_append_string(d->out, "\"");
	put_duration_of(d->out, "start", presentation_us(d, p, p->start_us));
	buffer_append_string(d->out, ">\n");
	dash_put_sets(d, p);
	buffer_append_string(d->out, "</Period>\n");
}

static void put_clock(struct dash *d) {
	if (d->ended || !d->options->time_url)
		return;
	buffer_append_string(d->out, "<UTCTiming schemeIdUri=\"urn:mpeg:dash:utc:http-iso:2014\" value=\"");
	dash_put_text(d->out, d->options->time_url);
	buffer_append_string(d->out, "\"/>\n");
}

static void put_mpd(struct dash *d, struct dash_periods *p) {
	buffer_append_string(d->out,
	                     "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" "
	                     "profiles=\"urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019\"");
	if (d->ended)
		put_ended(d, p);
	else
		put_live(d, p);
	put_duration_of(d->out, "maxSegmentDuration", (int64_t)segment_store_target(d->store) * SECOND_US + SECOND_US / 2);
	buffer_append_string(d->out, ">\n");
	if (d->options->steering)
		put_steering(d);
	if (d->low_latency)
		put_service(d, p);
	for (size_t i = 0; i < p->count; i++)
		put_period(d, &p->items[i], i == 0);
	put_clock(d);
	buffer_append_string(d->out, "</MPD>\n");
}

int dash_write(const struct segment_store *s, const struct dash_options *o, struct buffer *out) {
	struct dash d = {.store = s, .options = o, .out = out, .ended = segment_store_ended(s)};
	struct dash_periods periods;
	if (!segment_store_ready(s))
		return UV_EAGAIN;
	d.low_latency = o->low_latency && !d.ended;
	int err = dash_periods_find(&periods, s, d.low_latency);
	if (!err && !periods.count)
		err = UV_EAGAIN;
	if (!err) {
		d.low_latency = d.low_latency && part_us(&periods.items[periods.count - 1]) > 0;
		put_mpd(&d, &periods);
		err = buffer_error(out);
	}
	dash_periods_fini(&periods);
	return err;
}
