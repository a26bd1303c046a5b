/*
 * An encoder that does anything: samples of four bytes each (what, the step of its timestamp, of the wall's clock,
 * composition and keyframe), over several epochs of a run. What comes out must be legal all the same.
 */
#include "common/codec/codec.h"
#include "common/stream/timeline.h"
#include "tests/unit/common/stream/timeline_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RECORD = 4, CONFIG_BYTES = 8 };

enum what { VIDEO, AUDIO, VIDEO_CONFIG, AUDIO_CONFIG, OTHER_VIDEO, OTHER_AUDIO, DATA, RUN, WHATS };

static const uint8_t avc_config[] = {1,    0x42, 0xc0, 0x1e, 0xff, 0xe1, 0,    0x18, 0x67, 0x42, 0xc0, 0x1e, 0xda,
                                     0x02, 0x80, 0xbf, 0xe5, 0x84, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03,
                                     0x00, 0xf0, 0x3c, 0x58, 0xba, 0x80, 0x01, 0x00, 0x04, 0x68, 0xce, 0x3c, 0x80};
static const uint8_t metadata[] = "\x02\x00\x0aonMetaData\x08\x00\x00\x00\x01\x00\x09"
                                  "framerate\x00\x40\x39\x00\x00\x00\x00\x00\x00\x00\x00\x09";

struct input {
	const uint8_t *at, *end;
	struct timeline *timeline;
	struct timeline_run run;
	struct timeline_check *check;
	uint64_t epoch;
	uint64_t pushed; /* frames of this epoch */
	uint32_t ms;
	int64_t wall_us;
};

static const struct config_app *app(void) {
	static struct config *config;
	struct buffer why;
	buffer_init(&why, 0);
	if (!config && config_parse(&config, CONFIG_ORIGIN, &(struct config_sources){0}, &why))
		abort();
	buffer_fini(&why);
	return config_app(config, "live", 4);
}

static void on_entry(void *context, struct entry *e) {
	struct input *in = context;
	timeline_check_entry(in->check, e);
	if (timeline_check_fault(in->check)) {
		fprintf(stderr, "%s\n", timeline_check_fault(in->check));
		abort();
	}
	entry_unref(&e);
}

static void on_warning(void *context, const char *what) {
	(void)context;
	(void)what;
}

static const struct timeline_ops ops = {.on_entry = on_entry, .on_warning = on_warning};

static void begin(struct input *in) {
	in->timeline = timeline_new(app(), ++in->epoch, &in->run, &ops, in);
	if (!in->timeline)
		abort();
	in->pushed = 0;
}

static void finish(struct input *in) {
	timeline_flush(in->timeline);
	struct timeline_counts c = timeline_counts(in->timeline);
	if (c.frames + c.dropped != in->pushed) {
		fprintf(stderr, "%llu frames went in, %llu out, %llu were dropped\n", (unsigned long long)in->pushed,
		        (unsigned long long)c.frames, (unsigned long long)c.dropped);
		abort();
	}
	timeline_free(&in->timeline);
}

static void step_time(struct input *in, uint8_t media, uint8_t wall) {
	static const uint32_t jumps[] = {
	    1000,     5000,       11000,          59000,          61000,           3600000,   1u << 24, 1u << 31,
	    1u << 30, 0x7ffffff0, (uint32_t)-499, (uint32_t)-501, (uint32_t)-5000, 123456789, 1,        0};
	if (media < 128)
		in->ms += media;
	else if (media < 192)
		in->ms += (media - 128u) * 50;
	else if (media < 224)
		in->ms -= (media - 192u) * 10;
	else if (media < 240)
		in->ms += jumps[media - 224];
	else
		in->ms = (media - 240u) << 28;
	in->wall_us += wall < 240 ? wall * 1000 : (wall - 239) * 3000000;
}

/* The low bit is the keyframe's; most frames have little composition, some an impossible one. */
static int32_t composition(uint8_t byte) {
	int value = byte >> 1;
	return value < 100 ? value * 4 : value < 120 ? -(value - 100) * 20 : (value - 123) * 2000;
}

static struct slice take(struct input *in) {
	size_t left = (size_t)(in->end - in->at), size = left < CONFIG_BYTES ? left : CONFIG_BYTES;
	struct slice s = {in->at, size};
	in->at += size;
	return s;
}

static void push(struct input *in, struct sample *s, struct slice payload) {
	s->block = bytes_copy(payload.data, payload.size);
	if (!s->block)
		abort();
	s->payload = bytes_slice(s->block);
	s->timestamp_ms = in->ms;
	in->pushed += s->type == SAMPLE_FRAME;
	if (timeline_push(in->timeline, s, in->wall_us))
		abort();
	bytes_unref(&s->block);
}

static void push_frame(struct input *in, enum what what, uint8_t byte) {
	bool video = what == VIDEO || what == OTHER_VIDEO;
	struct sample s = {.type = SAMPLE_FRAME,
	                   .kind = video ? TRACK_VIDEO : TRACK_AUDIO,
	                   .fourcc = video ? FOURCC_AVC : FOURCC_AAC,
	                   .keyframe = byte & 1,
	                   .composition_ms = video ? composition(byte) : 0,
	                   .publisher_track = what == OTHER_VIDEO};
	if (what == OTHER_AUDIO) {
		s.fourcc = FOURCC_MP3;
		s.flv_audio = (uint8_t)(0x20 | (byte & 15));
	}
	push(in, &s, (struct slice){&byte, 1});
}

static void push_config(struct input *in, enum what what, uint8_t byte) {
	bool video = what == VIDEO_CONFIG;
	struct sample s = {.type = SAMPLE_CONFIG,
	                   .kind = video ? TRACK_VIDEO : TRACK_AUDIO,
	                   .fourcc = video ? FOURCC_AVC : FOURCC_AAC,
	                   .publisher_track = video && byte & 2};
	uint8_t changed[sizeof avc_config];
	memcpy(changed, avc_config, sizeof changed);
	changed[sizeof changed - 1] ^= byte >> 2;
	push(in, &s, video ? (struct slice){changed, sizeof changed} : take(in));
}

static void push_data(struct input *in, uint8_t byte) {
	static const enum sample_type types[] = {SAMPLE_DATA, SAMPLE_METADATA, SAMPLE_SEQUENCE_END, SAMPLE_EXTRA};
	struct sample s = {.type = types[byte & 3], .kind = byte & 4 ? TRACK_VIDEO : TRACK_DATA};
	push(in, &s, byte & 8 ? take(in) : (struct slice){metadata, sizeof metadata - 1});
}

/* The encoder comes back, or somebody is known to have a number already. */
static void change_run(struct input *in, uint8_t byte) {
	finish(in);
	if (byte & 1)
		timeline_run_pass_number(&in->run, in->run.last_number + (byte >> 2));
	begin(in);
	if (byte & 2)
		timeline_continue(in->timeline);
}

static void read_record(struct input *in) {
	uint8_t what = in->at[0] % WHATS, last = in->at[3];
	step_time(in, in->at[1], in->at[2]);
	in->at += RECORD;
	switch ((enum what)what) {
	case VIDEO:
	case AUDIO:
	case OTHER_VIDEO:
	case OTHER_AUDIO:
		push_frame(in, what, last);
		break;
	case VIDEO_CONFIG:
	case AUDIO_CONFIG:
		push_config(in, what, last);
		break;
	case DATA:
		push_data(in, last);
		break;
	case RUN:
	case WHATS:
		change_run(in, last);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct timeline_check *check;
	if (!check)
		check = timeline_check_new();
	if (!check)
		abort();
	timeline_check_reset(check);
	struct input in = {.at = data, .end = data + size, .check = check, .epoch = 10, .wall_us = 1800000000LL * 1000000};
	begin(&in);
	while (in.end - in.at >= RECORD)
		read_record(&in);
	finish(&in);
	timeline_check_end(check, in.run.target_ms);
	if (timeline_check_fault(check)) {
		fprintf(stderr, "%s\n", timeline_check_fault(check));
		abort();
	}
	timeline_run_fini(&in.run);
	timeline_check_reset(check);
	return 0;
}
