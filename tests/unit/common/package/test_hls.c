/*
 * Playlists of simulated streams, read line by line as a player reads them.
 */
#include "common/package/hls.h"
#include "common/package/hls_reload.h"
#include "tests/unit/common/package/packaged.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { WINDOW = 6 };

static void init(void) {
	packaged_init(3, WINDOW);
}

TestSuite(hls, .init = init, .fini = packaged_fini, .timeout = 60);

static const struct encoder usual = {.seconds = 30.5, .fps = 30, .gop_s = 1, .audio_rate = 44100};

static void publish(const struct encoder *e) {
	simulation_publish(&sim, sim.epoch + 100, e);
	push_range(packager, &sim, 0, sim.count);
}

/* --- a media playlist as read --- */

struct listed {
	uint64_t number, epoch;
	double extinf;
	unsigned parts, discontinuities, independent;
	bool gap, dated, mapped;
	double parts_sum;
};

struct playlist {
	char *text;
	unsigned version, target, skipped, discontinuity;
	uint64_t media_sequence;
	double part_target, part_hold_back, hold_back, skip_until;
	struct listed items[64];
	size_t count; /* whole */
	struct listed open;
	char hint[200];
	unsigned reports;
	bool blocks, ended, independent;
};

/* Of fMP4 by its time, of TS by its number. */
static void read_uri(struct playlist *p, const char *line) {
	struct listed *s = &p->open;
	uint64_t number = p->media_sequence + p->skipped + p->count;
	int64_t time;
	if (sscanf(line, "%lu/t%ld.m4s", &s->epoch, &time) == 2)
		s->number = number;
	else
		cr_assert_eq(sscanf(line, "%lu/%lu.ts", &s->epoch, &s->number), 2, "%s", line);
	cr_assert_eq(s->number, number, "segments are not numbered as they are listed");
	p->items[p->count++] = *s;
	*s = (struct listed){0};
}

/* A tag, or a URI, in order; unknown lines fail the test. */
static void read_line(struct playlist *p, char *line) {
	struct listed *s = p->count < 64 ? &p->open : NULL;
	cr_assert(s);
	char *uri = strstr(line, "URI=\"");
	if (strncmp(line, "#EXT-X-PART:", 12) == 0) {
		double duration;
		uint64_t number;
		unsigned part;
		cr_assert_eq(sscanf(line, "#EXT-X-PART:DURATION=%lf", &duration), 1);
		cr_assert_eq(sscanf(uri, "URI=\"%lu/%lu.%u.m4s\"", &s->epoch, &number, &part), 3);
		cr_assert_eq(part, s->parts);
		cr_assert_leq(duration, p->part_target, "%s", line);
		s->parts++;
		s->parts_sum += duration;
		s->independent += strstr(line, "INDEPENDENT=YES") != NULL;
		s->number = number;
	} else if (sscanf(line, "#EXTINF:%lf,", &s->extinf) == 1) {
		cr_assert_leq(round(s->extinf), p->target, "%s", line);
	} else if (line[0] != '#') {
		read_uri(p, line);
	} else if (strcmp(line, "#EXT-X-DISCONTINUITY") == 0) {
		s->discontinuities++;
	} else if (strcmp(line, "#EXT-X-GAP") == 0) {
		s->gap = true;
	} else if (strncmp(line, "#EXT-X-MAP:", 11) == 0) {
		s->mapped = true;
		cr_assert(strstr(uri, "/init-"));
	} else if (strncmp(line, "#EXT-X-PROGRAM-DATE-TIME:2027-01-15T08:", 39) == 0) {
		s->dated = true;
	} else if (strncmp(line, "#EXT-X-PRELOAD-HINT:TYPE=PART,", 30) == 0) {
		snprintf(p->hint, sizeof p->hint, "%.*s", (int)strcspn(uri + 5, "\""), uri + 5);
	} else if (strncmp(line, "#EXT-X-RENDITION-REPORT:", 24) == 0) {
		p->reports++;
	} else if (strcmp(line, "#EXT-X-ENDLIST") == 0) {
		p->ended = true;
	} else if (strcmp(line, "#EXT-X-INDEPENDENT-SEGMENTS") == 0) {
		p->independent = true;
	} else if (strncmp(line, "#EXT-X-SERVER-CONTROL:", 22) == 0) {
		p->blocks = strstr(line, "CAN-BLOCK-RELOAD=YES");
		char *at = strstr(line, ",HOLD-BACK="), *skip = strstr(line, "CAN-SKIP-UNTIL="),
		     *part = strstr(line, "PART-HOLD-BACK=");
		p->hold_back = at ? atof(at + 11) : 0;
		p->skip_until = skip ? atof(skip + 15) : 0;
		p->part_hold_back = part ? atof(part + 15) : 0;
	} else if (strcmp(line, "#EXTM3U") != 0 && sscanf(line, "#EXT-X-VERSION:%u", &p->version) != 1 &&
	           sscanf(line, "#EXT-X-TARGETDURATION:%u", &p->target) != 1 &&
	           sscanf(line, "#EXT-X-PART-INF:PART-TARGET=%lf", &p->part_target) != 1 &&
	           sscanf(line, "#EXT-X-MEDIA-SEQUENCE:%lu", &p->media_sequence) != 1 &&
	           sscanf(line, "#EXT-X-DISCONTINUITY-SEQUENCE:%u", &p->discontinuity) != 1 &&
	           sscanf(line, "#EXT-X-SKIP:SKIPPED-SEGMENTS=%u", &p->skipped) != 1) {
		cr_assert_fail("unknown line: %s", line);
	}
}

static struct playlist parse(struct buffer *out) {
	static char text[65536], copy[65536];
	struct playlist p = {.text = text};
	cr_assert_lt(out->size, sizeof text);
	memcpy(text, out->block->data, out->size);
	text[out->size] = 0;
	strcpy(copy, text);
	cr_assert_eq(strncmp(text, "#EXTM3U\n", 8), 0);
	cr_assert_eq(text[out->size - 1], '\n');
	char *rest;
	for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		read_line(&p, line);
	buffer_fini(out);
	return p;
}

static struct playlist media(const char *track, const struct hls_options *o) {
	struct buffer out;
	buffer_init(&out, 0);
	cr_assert_eq(hls_media_write(store, track, o, &out), 0);
	return parse(&out);
}

static const struct hls_options low = {.low_latency = true}, plain = {.low_latency = false};

static char *multivariant(const struct hls_options *o) {
	static char text[8192];
	struct buffer out;
	buffer_init(&out, 0);
	cr_assert_eq(hls_multivariant_write(store, o, &out), 0);
	memcpy(text, out.block->data, out.size);
	text[out.size] = 0;
	buffer_fini(&out);
	return text;
}

/* --- --- */

Test(hls, a_low_latency_playlist_keeps_the_rules) {
	publish(&usual);
	struct playlist v = media("v", &low), a = media("a", &low);
	cr_assert_eq(v.version, 9);
	cr_assert_eq(v.target, 2);
	cr_assert(v.blocks);
	cr_assert_eq(v.count, WINDOW);
	cr_assert_float_eq(v.part_hold_back, 3 * v.part_target, 1e-9);
	cr_assert_eq(v.hold_back, 6);
	cr_assert_eq(v.skip_until, 12);
	cr_assert_eq(v.reports, 1);
	cr_assert_not(v.independent);
	cr_assert(a.independent);
	cr_assert_not(v.ended);
	cr_assert(v.items[0].mapped);
	cr_assert_not(v.items[1].mapped);
	cr_assert(v.items[0].dated);
	/* Parts reach three target durations back from the newest, and sum to their segment. */
	cr_assert_eq(v.items[3].parts, 0);
	for (size_t i = 4; i < WINDOW; i++) {
		cr_assert_geq(v.items[i].parts, 6);
		cr_assert_float_eq(v.items[i].parts_sum, v.items[i].extinf, 0.002);
		cr_assert_eq(v.items[i].independent, 2, "a keyframe each second");
		cr_assert_eq(a.items[i].independent, a.items[i].parts);
		cr_assert_float_eq(a.items[i].parts_sum, a.items[i].extinf, 0.024);
		cr_assert_eq(a.items[i].extinf, v.items[i].extinf);
	}
	char hint[64];
	snprintf(hint, sizeof hint, "%lu/%lu.%u.m4s", v.items[5].epoch, v.items[5].number + 1, v.open.parts);
	cr_assert_str_eq(v.hint, hint);
}

Test(hls, the_position_is_what_the_playlist_says) {
	publish(&usual);
	struct playlist v = media("v", &low);
	struct hls_position p;
	cr_assert_eq(hls_position_of(store, "v", &p), 0);
	cr_assert_eq(p.next_msn, v.media_sequence + v.count);
	cr_assert_eq(p.parts, v.open.parts);
	cr_assert_eq(p.last_parts, v.items[v.count - 1].parts);
	cr_assert_eq(p.target_ms, 2000);
	cr_assert_eq(hls_position_of(store, "nobody", &p), UV_ENOENT);
}

/* Every playlist that was ever answered must be what an earlier one promised. */
Test(hls, nothing_that_was_listed_is_withdrawn_or_changed) {
	simulation_publish(&sim, 100,
	                   &(struct encoder){.seconds = 30, .fps = 25, .gop_s = 2, .audio_rate = 48000, .irregular = true});
	uint64_t newest = 0, first = 0, epoch = 0;
	unsigned parts = 0;
	for (size_t i = 0; i < sim.count; i++) {
		push_range(packager, &sim, i, i + 1);
		segment_store_publish(store);
		struct buffer out;
		buffer_init(&out, 0);
		int err = hls_media_write(store, "v", &low, &out);
		if (err) {
			cr_assert_eq(newest, 0, "a playlist is there no longer");
			continue;
		}
		struct playlist p = parse(&out);
		uint64_t last = p.media_sequence + p.count - 1;
		cr_assert_geq(p.media_sequence, first);
		cr_assert_geq(last, newest);
		cr_assert_leq(last, newest ? newest + 1 : last);
		if (last == newest && p.open.parts < parts)
			cr_assert_fail("parts were withdrawn");
		first = p.media_sequence;
		newest = last;
		parts = p.open.parts;
		epoch = p.items[0].epoch;
		/* What is listed can be fetched. */
		struct segment_reply reply;
		struct segment_name n = {.kind = NAME_PART, .epoch = epoch, .number = newest + 1, .part = parts};
		if (p.hint[0])
			cr_assert_eq(segment_store_ask(store, "v", &n, &reply), SEGMENT_WAIT);
		for (n.part = 0; n.part < parts; n.part++) {
			cr_assert_eq(segment_store_ask(store, "v", &n, &reply), SEGMENT_HERE);
			runs_unref(&reply.runs);
		}
	}
	cr_assert_gt(newest, first);
}

Test(hls, without_low_latency_there_are_whole_segments_only) {
	publish(&usual);
	struct playlist v = media("v", &plain);
	cr_assert_eq(v.count, WINDOW);
	cr_assert_eq(v.part_target, 0);
	cr_assert_eq(v.hint[0], 0);
	cr_assert_eq(v.items[5].parts, 0);
	cr_assert(v.blocks);
}

Test(hls, a_delta_update_skips_what_lies_before_the_boundary) {
	packaged_end();
	packaged_begin(30);
	publish(&usual);
	struct playlist whole = media("v", &low),
	                delta = media("v", &(struct hls_options){.low_latency = true, .skip = true});
	cr_assert_eq(whole.count, 15);
	cr_assert_geq(delta.skipped, 7);
	cr_assert_eq(delta.skipped + delta.count, whole.count);
	double left = 0;
	for (size_t i = 0; i < delta.count; i++)
		left += delta.items[i].extinf;
	cr_assert_geq(left, 12, "more was skipped than CAN-SKIP-UNTIL allows");
	cr_assert_eq(delta.media_sequence, whole.media_sequence);
}

Test(hls, nothing_to_skip_is_a_whole_playlist) {
	publish(&usual);
	cr_assert_eq(media("v", &(struct hls_options){.low_latency = true, .skip = true}).skipped, 0);
}

Test(hls, the_end_is_told) {
	publish(&usual);
	simulation_end(&sim);
	push_range(packager, &sim, sim.count - 1, sim.count);
	struct playlist v = media("v", &low);
	cr_assert(v.ended);
	cr_assert_eq(v.hint[0], 0);
	cr_assert_eq(v.open.parts, 0);
	cr_assert_float_eq(v.items[v.count - 1].extinf, 0.5, 0.04);
}

Test(hls, a_run_of_a_second_is_listed_at_its_end) {
	struct buffer out;
	buffer_init(&out, 0);
	publish(&(struct encoder){.seconds = 0.9, .fps = 30, .gop_s = 5, .audio_rate = 44100});
	cr_assert_eq(hls_media_write(store, "v", &low, &out), UV_EAGAIN);
	simulation_end(&sim);
	push_range(packager, &sim, sim.count - 1, sim.count);
	struct playlist v = media("v", &low);
	cr_assert_eq(v.count, 1);
	cr_assert(v.ended);
}

Test(hls, a_new_epoch_with_other_time_is_a_discontinuity) {
	struct encoder e = usual;
	e.seconds = 5;
	simulation_publish(&sim, 100, &e);
	sim.clock_s += 2;
	e.audio_rate = 48000;
	simulation_publish(&sim, 200, &e);
	push_range(packager, &sim, 0, sim.count);
	struct playlist v = media("v", &low);
	unsigned discontinuities = 0, gaps = 0;
	for (size_t i = 0; i < v.count; i++) {
		discontinuities += v.items[i].discontinuities;
		gaps += v.items[i].gap;
		if (i && v.items[i].epoch != v.items[i - 1].epoch && !v.items[i].gap)
			cr_assert(v.items[i].mapped);
	}
	cr_assert_eq(discontinuities, 1, "%s", v.text);
	cr_assert(gaps >= 1 && gaps <= 2, "%s", v.text);
	cr_assert_eq(v.discontinuity, 0);
}

static unsigned discontinuities_of(const struct playlist *p) {
	unsigned n = 0;
	for (size_t i = 0; i < p->count; i++)
		n += p->items[i].discontinuities;
	return n;
}

static struct playlist ts(void) {
	struct buffer out;
	buffer_init(&out, 0);
	cr_assert_eq(hls_ts_write(store, &plain, &out), 0);
	return parse(&out);
}

/* RFC 8216, 4.3.2.3: another number or type of tracks, or other codecs. */
Test(hls, other_tracks_or_codecs_in_mid_publish_are_a_discontinuity) {
	struct encoder joins = usual, changes = usual;
	joins.seconds = changes.seconds = 12.5;
	joins.audio_joins = true;
	joins.audio_from = changes.rate_from = 7;
	joins.audio_to = 12.5;
	changes.rate_then = 48000;
	publish(&joins);
	struct playlist p = ts();
	cr_assert_eq(discontinuities_of(&p), 1, "%s", p.text);
	p = media("v", &low);
	cr_assert_eq(discontinuities_of(&p), 1, "%s", p.text);
	packaged_fini();
	init();
	publish(&changes);
	p = media("a", &low);
	cr_assert_eq(discontinuities_of(&p), 1, "%s", p.text);
	p = ts();
	cr_assert_eq(discontinuities_of(&p), 1, "%s", p.text);
}

Test(hls, the_same_configuration_again_is_no_discontinuity) {
	struct encoder e = usual;
	e.seconds = 12.5;
	e.rate_from = 7;
	e.rate_then = e.audio_rate;
	publish(&e);
	struct playlist p = ts();
	cr_assert_eq(discontinuities_of(&p), 0, "%s", p.text);
}

Test(hls, irregular_frames_stop_parts_and_never_break_the_rule) {
	publish(&(struct encoder){.seconds = 40, .fps = 24, .gop_s = 2, .audio_rate = 44100, .irregular = true});
	struct playlist v = media("v", &low); /* read_line holds every part against PART-TARGET */
	cr_assert_eq(v.count, WINDOW);
	cr_assert_eq(media("a", &low).items[5].parts > 0, true);
}

Test(hls, the_multivariant_playlist_tells_of_sound_and_picture) {
	publish(&usual);
	char *text = multivariant(&(struct hls_options){.query = "token=abc"});
	unsigned peak, average;
	cr_assert(strstr(text, "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio-mp4a\",NAME=\"a\",DEFAULT=YES,AUTOSELECT=YES,"
	                       "CHANNELS=\"2\",URI=\"a/index.m3u8?token=abc\"\n"),
	          "%s", text);
	char *variant = strstr(text, "#EXT-X-STREAM-INF:");
	cr_assert_eq(sscanf(variant, "#EXT-X-STREAM-INF:BANDWIDTH=%u,AVERAGE-BANDWIDTH=%u,", &peak, &average), 2);
	cr_assert_geq(peak, average);
	cr_assert(average > 20000 && average < 120000, "%u", average);
	cr_assert(strstr(variant,
	                 ",CODECS=\"avc1.42c01e,mp4a.40.2\",RESOLUTION=640x360,FRAME-RATE=30.000,AUDIO=\"audio-mp4a\"\n"
	                 "v/index.m3u8?token=abc\n"),
	          "%s", text);
	cr_assert_null(strstr(text, "SCORE"));
}

Test(hls, sound_alone_is_a_variant) {
	publish(&(struct encoder){.seconds = 20, .no_video = true, .audio_rate = 44100, .fps = 1});
	char *text = multivariant(&low);
	cr_assert_null(strstr(text, "#EXT-X-MEDIA"));
	cr_assert(strstr(text, ",CODECS=\"mp4a.40.2\"\na/index.m3u8\n"), "%s", text);
}

Test(hls, nothing_is_listed_before_there_is_something_whole) {
	struct buffer out;
	buffer_init(&out, 0);
	cr_assert_eq(hls_media_write(store, "v", &low, &out), UV_ENOENT);
	cr_assert_eq(hls_multivariant_write(store, &low, &out), UV_EAGAIN);
	simulation_publish(&sim, 1, &usual);
	push_range(packager, &sim, 0, simulation_mark(&sim, 0, 1));
	cr_assert_eq(hls_media_write(store, "v", &low, &out), UV_EAGAIN);
	cr_assert_eq(hls_multivariant_write(store, &low, &out), UV_EAGAIN);
	cr_assert_eq(out.size, 0);
}

Test(hls, a_query_that_would_break_a_line_is_left_out) {
	publish(&usual);
	cr_assert_null(strstr(multivariant(&(struct hls_options){.query = "a=\"b"}), "a="));
	cr_assert_null(strstr(multivariant(&(struct hls_options){.query = "a=b\nc"}), "a="));
}
