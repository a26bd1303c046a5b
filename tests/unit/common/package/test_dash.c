/*
 * Manifests of simulated streams: what a player derives from them.
 */
#include "common/package/dash.h"
#include "tests/unit/common/package/packaged.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

static void init(void) {
	packaged_init(5, 6);
}

TestSuite(dash, .init = init, .fini = packaged_fini, .timeout = 60);

static const struct encoder usual = {.seconds = 20.9, .fps = 30, .gop_s = 1, .audio_rate = 44100};

static void publish(const struct encoder *e) {
	size_t from = sim.count;
	simulation_publish(&sim, sim.epoch + 100, e);
	push_range(packager, &sim, from, sim.count);
}

static const struct dash_options plain = {.now_us = 1800000021000000, .time_url = "/time?a&b"},
                                 low = {.now_us = 1800000021000000, .time_url = "/time", .low_latency = true};

static char text[65536];

static const char *manifest(const struct segment_store *s, const struct dash_options *o) {
	struct buffer out;
	buffer_init(&out, 0);
	cr_assert_eq(dash_write(s, o, &out), 0);
	cr_assert_lt(out.size, sizeof text);
	memcpy(text, out.block->data, out.size);
	text[out.size] = 0;
	buffer_fini(&out);
	return text;
}

/* --- reading --- */

/* An attribute of the element that begins at `at`; NULL: it has none. Valid until the next call. */
static const char *attribute(const char *at, const char *name) {
	static char value[4][256];
	static unsigned next;
	const char *end = strchr(at, '>');
	char wanted[64];
	snprintf(wanted, sizeof wanted, " %s=\"", name);
	const char *found = strstr(at, wanted);
	if (!found || found > end)
		return NULL;
	found += strlen(wanted);
	next = (next + 1) % 4;
	snprintf(value[next], sizeof value[next], "%.*s", (int)strcspn(found, "\""), found);
	return value[next];
}

static double seconds(const char *duration) {
	cr_assert(duration && strncmp(duration, "PT", 2) == 0);
	return atof(duration + 2);
}

static unsigned count(const char *at, const char *what) {
	unsigned n = 0;
	for (; (at = strstr(at, what)); at++)
		n++;
	return n;
}

/* Elements nest and close. */
static void check_form(const char *xml) {
	char open[16][32];
	unsigned depth = 0;
	for (const char *at = xml; (at = strchr(at, '<')); at++) {
		char name[32];
		if (at[1] == '?')
			continue;
		cr_assert_eq(sscanf(at + 1 + (at[1] == '/'), "%31[A-Za-z]", name), 1);
		const char *end = strchr(at, '>');
		cr_assert(end && (!strchr(at + 1, '<') || strchr(at + 1, '<') > end));
		if (at[1] == '/') {
			cr_assert(depth && strcmp(open[--depth], name) == 0, "%s closes %s", name, open[depth]);
		} else if (end[-1] != '/') {
			cr_assert_lt(depth, 16);
			strcpy(open[depth++], name);
		}
	}
	cr_assert_eq(depth, 0);
}

/* The segments of a Representation: (number, presentation time, duration) for each. */
struct announced {
	uint64_t number;
	double start, duration;
};

/* Players need no numbers; tests know segments by them. Of what is not in the store: 0. */
static uint64_t number_of(const char *template, int64_t start) {
	char track[32];
	uint64_t epoch;
	bool guessed;
	cr_assert_eq(sscanf(attribute(template, "media"), "%31[^/]/%lu/t$Time$.m4s", track, &epoch), 2);
	struct segment_name n = {.kind = NAME_TIME, .epoch = epoch, .time = start};
	return segment_store_resolve(store, track, &n, &guessed) == SEGMENT_HERE ? n.number : 0;
}

static size_t read_timeline(const char *representation, double period_start, struct announced *out, size_t room) {
	const char *template = strstr(representation, "<SegmentTemplate"), *end = strstr(template, "</SegmentTemplate>");
	double timescale = atof(attribute(template, "timescale")),
	       offset = atof(attribute(template, "presentationTimeOffset"));
	size_t n = 0;
	cr_assert_null(attribute(template, "startNumber"), "a number that players may count from, or not");
	for (const char *s = template; (s = strstr(s, "<S ")) && s < end; s++) {
		double t = atof(attribute(s, "t")), d = atof(attribute(s, "d"));
		const char *r = attribute(s, "r");
		int more = r ? atoi(r) : 0;
		for (int i = 0; i <= more; i++) {
			cr_assert_lt(n, room);
			uint64_t number = number_of(template, (int64_t)t);
			out[n++] = (struct announced){number, period_start + (t - offset) / timescale, d / timescale};
			t += d;
		}
	}
	return n;
}

static const char *representation(const char *period, const char *id) {
	char wanted[64];
	snprintf(wanted, sizeof wanted, "<Representation id=\"%s\"", id);
	return strstr(period, wanted);
}

/* --- --- */

Test(dash, a_live_manifest_tells_what_there_is) {
	publish(&usual);
	const char *mpd = manifest(store, &plain);
	check_form(mpd);
	cr_assert_str_eq(attribute(strstr(mpd, "<MPD"), "type"), "dynamic");
	cr_assert_eq(count(mpd, "<Period "), 1);
	cr_assert_eq(count(mpd, "<AdaptationSet "), 2);
	cr_assert(strstr(mpd, "schemeIdUri=\"urn:mpeg:dash:utc:http-iso:2014\" value=\"/time?a&#38;b\"/>"));
	cr_assert_null(strstr(mpd, "availabilityTimeOffset"));
	const char *v = representation(mpd, "v");
	cr_assert_str_eq(attribute(v, "codecs"), "avc1.42c01e");
	cr_assert_str_eq(attribute(v, "width"), "640");
	cr_assert_str_eq(attribute(v, "frameRate"), "30");
	cr_assert_str_eq(attribute(representation(mpd, "a"), "audioSamplingRate"), "44100");
	cr_assert_str_eq(attribute(strstr(v, "<SegmentTemplate"), "media"), "v/100/t$Time$.m4s");
}

/* What a segment's times are in the presentation must be what the clock was when it was made. */
Test(dash, segments_lie_where_the_clock_was) {
	publish(&usual);
	const char *mpd = manifest(store, &plain);
	struct announced v[16], a[16];
	double start = seconds(attribute(strstr(mpd, "<Period"), "start"));
	cr_assert_str_eq(attribute(strstr(mpd, "<MPD"), "availabilityStartTime"), "2027-01-15T07:59:59.000000Z");
	size_t nv = read_timeline(representation(mpd, "v"), start, v, 16),
	       na = read_timeline(representation(mpd, "a"), start, a, 16);
	cr_assert_eq(nv, 6);
	cr_assert_eq(na, 6);
	for (size_t i = 0; i < nv; i++) {
		const struct segment *s = segment_store_find(store, "v", 100, v[i].number);
		/* The run began at 08:00:00, a second behind availabilityStartTime. */
		cr_assert_float_eq(v[i].start, (double)(segment_wall_us(s) - 1800000000000000) / 1e6 + 1, 0.001);
		cr_assert_float_eq(v[i].duration, (double)segment_length_us(s) / 1e6, 0.001);
		cr_assert_eq(a[i].number, v[i].number);
		cr_assert_float_eq(a[i].start, v[i].start, 0.025);
		if (i)
			cr_assert_float_eq(a[i].start, a[i - 1].start + a[i - 1].duration, 0.0001);
	}
	double depth = seconds(attribute(strstr(mpd, "<MPD"), "timeShiftBufferDepth"));
	cr_assert_float_eq(depth, 12, 0.01);
}

Test(dash, low_latency_announces_the_open_segment_and_when_it_can_be_had) {
	publish(&usual);
	struct announced v[16];
	const char *mpd = manifest(store, &low);
	check_form(mpd);
	double start = seconds(attribute(strstr(mpd, "<Period"), "start"));
	size_t n = read_timeline(representation(mpd, "v"), start, v, 16);
	cr_assert_geq(n, 7);
	const struct segment *open = segment_store_find(store, "v", 100, v[6].number);
	cr_assert_eq(open->state, SEGMENT_OPEN);
	cr_assert_float_eq(v[6].duration, 2, 0.01);
	const char *template = strstr(representation(mpd, "v"), "<SegmentTemplate");
	cr_assert_str_eq(attribute(template, "availabilityTimeComplete"), "false");
	double early = atof(attribute(template, "availabilityTimeOffset"));
	cr_assert_float_eq(v[6].duration - early, open->info->part_target_ms / 1e3, 0.01);
	cr_assert(strstr(mpd, "<Latency referenceId=\"1\" target=\"1"), "%s", mpd);
	const char *reference = strstr(mpd, "<ProducerReferenceTime");
	cr_assert_str_eq(attribute(reference, "id"), "1");
	cr_assert_str_eq(attribute(reference, "wallClockTime"), "2027-01-15T08:00:00.000000Z");
}

/* Who knows it beforehand asks for it in time. */
Test(dash, low_latency_announces_the_segment_behind_the_open_one) {
	publish(&usual);
	struct announced v[16], a[16];
	const char *mpd = manifest(store, &low);
	cr_assert_eq(read_timeline(representation(mpd, "v"), 0, v, 16), 8);
	cr_assert_eq(read_timeline(representation(mpd, "a"), 0, a, 16), 8);
	cr_assert_eq(v[7].number, 0, "it is not there");
	double sound = a[7].start;
	cr_assert_float_eq(v[7].start, v[6].start + v[6].duration, 0.0001);
	cr_assert_float_eq(v[7].duration, 2, 0.01);
	cr_assert_float_eq(a[7].start, v[7].start, 0.025);
	cr_assert_float_eq(seconds(attribute(strstr(mpd, "<MPD"), "minimumUpdatePeriod")), 1, 0.01);
	/* What was foreseen is what comes. */
	struct encoder longer = usual;
	longer.seconds = 23.5;
	packaged_fini();
	init();
	publish(&longer);
	struct announced then[16];
	cr_assert_eq(read_timeline(representation(manifest(store, &low), "v"), 0, then, 16), 8);
	cr_assert_eq(then[6].number, v[6].number + 1);
	cr_assert_eq(then[6].start, v[7].start, "its name is what was foreseen");
	cr_assert_eq(read_timeline(representation(text, "a"), 0, then, 16), 8);
	cr_assert_eq(then[6].start, sound, "also where it begins by its frames, not at the mark");
}

Test(dash, what_comes_irregularly_is_not_foreseen) {
	struct encoder e = usual;
	e.irregular = true;
	e.seconds = 20.2;
	publish(&e);
	const char *mpd = manifest(store, &low);
	struct announced v[16];
	size_t n = read_timeline(representation(mpd, "v"), 0, v, 16);
	const struct segment *last = segment_store_find(store, "v", 100, v[n - 1].number);
	cr_assert(last);
	cr_assert_eq(last->state, SEGMENT_OPEN);
	cr_assert_lt(seconds(attribute(strstr(mpd, "<MPD"), "minimumUpdatePeriod")), 1);
}

Test(dash, an_open_segment_is_announced_from_its_first_frame_on) {
	publish(&usual);
	struct segment_store *other = segment_store_new(6);
	struct packager *p = packager_new(other, "source", &told_ops, &told);
	size_t mark = simulation_mark(&sim, 0, 5);
	push_range(p, &sim, 0, mark);
	struct announced before[16], after[16];
	size_t n = read_timeline(representation(manifest(other, &low), "v"), 0, before, 16);
	/* A frame behind a mark: its segment has begun, and no part is whole. */
	push_range(p, &sim, mark, mark + 2);
	size_t m = read_timeline(representation(manifest(other, &low), "v"), 0, after, 16);
	cr_assert_eq(m, n + 1);
	cr_assert_float_eq(after[n - 1].start, before[n - 1].start, 0.002, "the one that was foreseen");
	packager_free(&p);
	segment_store_free(&other);
}

Test(dash, the_end_makes_it_static_where_it_was) {
	publish(&usual);
	struct announced live[16], ended[16];
	const char *mpd = manifest(store, &plain);
	size_t n = read_timeline(representation(mpd, "v"), seconds(attribute(strstr(mpd, "<Period"), "start")), live, 16);
	char id[64];
	snprintf(id, sizeof id, "%s", attribute(strstr(mpd, "<Period"), "id"));
	simulation_end(&sim);
	push_range(packager, &sim, sim.count - 1, sim.count);
	mpd = manifest(store, &low);
	check_form(mpd);
	double start = seconds(attribute(strstr(mpd, "<Period"), "start"));
	size_t m = read_timeline(representation(mpd, "v"), start, ended, 16);
	cr_assert_str_eq(attribute(strstr(mpd, "<MPD"), "type"), "static");
	cr_assert_null(strstr(mpd, "UTCTiming"));
	cr_assert_null(attribute(strstr(mpd, "<MPD"), "minimumUpdatePeriod"));
	cr_assert_str_eq(attribute(strstr(mpd, "<Period"), "id"), id);
	cr_assert_float_eq(start, ended[0].start, 0.001, "players begin where there is nothing");
	cr_assert_float_eq(seconds(attribute(strstr(mpd, "<MPD"), "mediaPresentationDuration")),
	                   ended[m - 1].start + ended[m - 1].duration, 0.01);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < m; k++)
			if (live[i].number == ended[k].number)
				cr_assert_float_eq(live[i].start, ended[k].start, 0.0001, "the end moved a segment in time");
}

Test(dash, a_node_that_came_late_counts_from_the_same_moment) {
	publish(&usual);
	char early[65536];
	strcpy(early, manifest(store, &plain));
	struct segment_store *late = segment_store_new(6);
	struct packager *p = packager_new(late, "source", &told_ops, &told);
	push_range(p, &sim, simulation_mark(&sim, 0, 6), sim.count);
	const char *mpd = manifest(late, &plain), *period = strstr(mpd, "<Period"), *other = strstr(early, "<Period");
	cr_assert_str_eq(attribute(period, "id"), attribute(other, "id"));
	cr_assert_str_eq(attribute(period, "start"), attribute(other, "start"));
	cr_assert_str_eq(attribute(strstr(mpd, "<MPD"), "availabilityStartTime"),
	                 attribute(strstr(early, "<MPD"), "availabilityStartTime"));
	cr_assert_str_eq(attribute(strstr(representation(mpd, "a"), "<SegmentTemplate"), "presentationTimeOffset"),
	                 attribute(strstr(representation(early, "a"), "<SegmentTemplate"), "presentationTimeOffset"));
	packager_free(&p);
	segment_store_free(&late);
}

static const char *last_period(const char *mpd) {
	const char *last = NULL;
	for (const char *at = mpd; (at = strstr(at, "<Period ")); at++)
		last = at;
	return last;
}

/* Also where the period did not begin with its anchor: the marks say where. */
Test(dash, a_node_that_came_late_in_a_later_period_counts_from_the_same_moment) {
	publish(&usual);
	sim.clock_s += 2;
	size_t from = sim.count;
	publish(&usual);
	char early[65536];
	strcpy(early, manifest(store, &plain));
	struct segment_store *late = segment_store_new(6);
	struct packager *p = packager_new(late, "source", &told_ops, &told);
	push_range(p, &sim, simulation_mark(&sim, from, 6), sim.count);
	const char *period = last_period(manifest(late, &plain)), *other = last_period(early);
	cr_assert_str_eq(attribute(period, "id"), attribute(other, "id"));
	cr_assert_str_eq(attribute(period, "start"), attribute(other, "start"));
	cr_assert_str_eq(attribute(strstr(representation(period, "a"), "<SegmentTemplate"), "presentationTimeOffset"),
	                 attribute(strstr(representation(other, "a"), "<SegmentTemplate"), "presentationTimeOffset"));
	packager_free(&p);
	segment_store_free(&late);
}

Test(dash, a_discontinuity_begins_a_period) {
	struct encoder e = usual;
	e.seconds = 5;
	publish(&e);
	sim.clock_s += 2;
	publish(&e);
	const char *mpd = manifest(store, &plain);
	check_form(mpd);
	cr_assert_eq(count(mpd, "<Period "), 2);
	const char *first = strstr(mpd, "<Period "), *second = strstr(first + 1, "<Period ");
	cr_assert_neq(strcmp(attribute(first, "id"), attribute(second, "id")), 0);
	struct announced v[16], w[16];
	size_t n = read_timeline(representation(first, "v"), seconds(attribute(first, "start")), v, 16);
	size_t m = read_timeline(representation(second, "v"), seconds(attribute(second, "start")), w, 16);
	cr_assert_geq(n, 1);
	cr_assert_geq(m, 2);
	cr_assert_geq(w[0].start, v[n - 1].start + v[n - 1].duration - 0.001);
	cr_assert_str_eq(attribute(strstr(second, "<SegmentTemplate"), "media"), "v/200/t$Time$.m4s");
}

/* A timeline is without a hole. */
Test(dash, gaps_are_between_periods) {
	struct encoder e = usual;
	e.audio_from = 0;
	e.audio_to = 14.1;
	publish(&e);
	const char *mpd = manifest(store, &plain);
	check_form(mpd);
	cr_assert_eq(count(mpd, "<Period "), 2, "%s", mpd);
	const char *second = strstr(strstr(mpd, "<Period ") + 1, "<Period ");
	cr_assert(representation(mpd, "a") && representation(mpd, "a") < second);
	cr_assert_null(representation(second, "a"));
	struct announced v[16], w[16];
	size_t n = read_timeline(representation(mpd, "v"), seconds(attribute(strstr(mpd, "<Period "), "start")), v, 16);
	read_timeline(representation(second, "v"), seconds(attribute(second, "start")), w, 16);
	cr_assert_eq(w[0].number, v[n - 1].number + 1);
	cr_assert_float_eq(w[0].start, v[n - 1].start + v[n - 1].duration, 0.001);
	cr_assert_float_eq(seconds(attribute(second, "start")), w[0].start, 0.001);
}

/* An encoder that was lost with a frame of a new segment sent: its sound is missed there by nobody, and a period of one
 * frame would hold players up. */
Test(dash, a_track_that_an_epochs_last_segment_lacks_begins_no_period) {
	struct encoder e = usual, next = usual;
	e.seconds = 20.04;
	e.audio_to = 19.99;
	publish(&e);
	packager_cut(packager);
	struct announced v[16], a[16];
	const char *mpd = manifest(store, &plain);
	check_form(mpd);
	cr_assert_eq(count(mpd, "<Period "), 1, "%s", mpd);
	size_t n = read_timeline(representation(mpd, "v"), 0, v, 16);
	size_t m = read_timeline(representation(mpd, "a"), 0, a, 16);
	cr_assert_eq(v[n - 1].number, a[m - 1].number + 1);
	cr_assert_lt(v[n - 1].duration, 0.1);
	next.seconds = 4.5;
	publish(&next);
	cr_assert_eq(count(manifest(store, &plain), "<Period "), 2, "its own, and that of the encoder that came back");
}

/* Players know periods by their ids, and the segments behind a hole were there before it was given up. */
Test(dash, a_hole_that_was_given_up_is_between_periods_of_their_own) {
	packaged_fini();
	packaged_init(5, 12);
	simulation_publish(&sim, 100, &usual);
	push_range(packager, &sim, 0, simulation_mark(&sim, 0, 4) + 25);
	push_range(packager, &sim, simulation_mark(&sim, 0, 6) + 10, sim.count);
	cr_assert_eq(segment_store_give_up(store), 0);
	const char *mpd = manifest(store, &plain);
	check_form(mpd);
	cr_assert_eq(count(mpd, "<Period "), 2, "%s", mpd);
	const char *first = strstr(mpd, "<Period "), *second = strstr(first + 1, "<Period ");
	cr_assert_str_neq(attribute(first, "id"), attribute(second, "id"));
	cr_assert_lt(seconds(attribute(first, "start")), seconds(attribute(second, "start")));
	struct announced v[16];
	read_timeline(representation(second, "v"), seconds(attribute(second, "start")), v, 16);
	cr_assert_float_eq(v[0].start, seconds(attribute(second, "start")), 0.001);
}

/* Every revision's sound is MP3 of that rate. */
static void make_mp3(uint32_t rate) {
	for (size_t i = 0; i < sim.count; i++) {
		if (sim.entries[i]->kind != ENTRY_MARK)
			continue;
		struct track *a = &sim.entries[i]->mark.tracks->items[1];
		a->fourcc = FOURCC_MP3;
		bytes_unref(&a->config);
		cr_assert_eq(codec_info_read(&a->info, FOURCC_MP3, (struct slice){0}), 0);
		a->info.sample_rate = rate;
		a->info.channels = 2;
	}
}

Test(dash, mp3_has_the_name_that_its_initialisation_says) {
	static const struct {
		uint32_t rate;
		const char *name;
	} of[] = {{44100, "mp4a.6B"}, {32000, "mp4a.6B"}, {22050, "mp4a.69"}};
	for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
		packaged_fini();
		init();
		simulation_publish(&sim, 100, &usual);
		make_mp3(of[i].rate);
		push_range(packager, &sim, 0, sim.count);
		cr_assert_str_eq(attribute(representation(manifest(store, &plain), "a"), "codecs"), of[i].name);
	}
}

Test(dash, nothing_is_announced_before_there_is_something_whole) {
	struct buffer out;
	buffer_init(&out, 0);
	cr_assert_eq(dash_write(store, &plain, &out), UV_EAGAIN);
	simulation_publish(&sim, 1, &usual);
	push_range(packager, &sim, 0, simulation_mark(&sim, 0, 1));
	cr_assert_eq(dash_write(store, &low, &out), UV_EAGAIN);
	cr_assert_eq(out.size, 0);
}

Test(dash, a_query_is_escaped) {
	publish(&usual);
	struct dash_options o = plain;
	o.query = "a=1&b=$x\"<";
	const char *mpd = manifest(store, &o);
	check_form(mpd);
	cr_assert(strstr(mpd, "/t$Time$.m4s?a=1&#38;b=$$x&#34;&#60;\""), "%s", mpd);
}
