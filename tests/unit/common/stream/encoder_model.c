#include "tests/unit/common/stream/encoder_model.h"

#include "common/codec/codec.h"

#include <math.h>
#include <uv.h>

/* Of 640×480, which says nothing of the frame rate. */
static const uint8_t avc_config[] = {0x01, 0x42, 0xc0, 0x1e, 0xff, 0xe1, 0x00, 0x09, 0x67, 0x42, 0xc0, 0x1e,
                                     0xda, 0x02, 0x80, 0xf6, 0x40, 0x01, 0x00, 0x04, 0x68, 0xce, 0x3c, 0x80};
static const uint8_t aac_48k[] = {0x11, 0x90}, aac_44k[] = {0x12, 0x10};

enum { SAMPLES_PER_FRAME = 1024 };

struct state {
	const struct encoder_model *m;
	struct timeline *timeline;
	uint64_t random;
	double video_s, audio_s; /* when the next frame of each is decoded */
	double step_s;           /* what the next frame of video lasts */
	uint64_t frame;          /* of video */
	uint64_t audio_frame;    /* ordinal */
	double next_key_s;       /* a keyframe comes as soon as a group of B-frames ends after this */
	unsigned group;          /* frames of video since the last group began */
};

/* splitmix64: good enough, and the same everywhere. */
static double random_between(struct state *s, double low, double high) {
	uint64_t z = (s->random += 0x9e3779b97f4a7c15u);
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return low + (high - low) * (double)((z ^ z >> 31) >> 11) / (double)(1ull << 53);
}

static int64_t milliseconds(const struct encoder_model *m, double s) {
	return (int64_t)floor(s * 1000 + (m->nearest ? 0.5 : 1e-6));
}

static int64_t arrival(struct state *s, double at_s) {
	const struct encoder_model *m = s->m;
	if (m->bursts_s > 0)
		at_s = ceil(at_s / m->bursts_s) * m->bursts_s;
	double wall_s = at_s / (1 + m->clock_ppm / 1e6);
	return m->wall_us + (int64_t)(wall_s * 1e6) + (int64_t)random_between(s, 0, m->network_ms * 1000);
}

static int give(const struct state *s, const struct sample *sample, int64_t wall_us) {
	const struct encoder_model *m = s->m;
	return m->take ? m->take(m->context, sample, wall_us) : timeline_push(s->timeline, sample, wall_us);
}

static int push_config(struct state *s, enum track_kind kind, uint32_t fourcc, const uint8_t *config, size_t size) {
	struct bytes *block = bytes_copy(config, size);
	if (!block)
		return UV_ENOMEM;
	struct sample sample = {.type = SAMPLE_CONFIG,
	                        .kind = kind,
	                        .fourcc = fourcc,
	                        .timestamp_ms = s->m->first_ms,
	                        .keyframe = true,
	                        .block = block,
	                        .payload = bytes_slice(block)};
	int err = give(s, &sample, s->m->wall_us);
	bytes_unref(&block);
	return err;
}

static int push_frame(struct state *s, enum track_kind kind, double dts_s, double pts_s, bool key) {
	double meant_us = dts_s * 1e6;
	struct bytes *block = bytes_copy(&meant_us, sizeof meant_us);
	if (!block)
		return UV_ENOMEM;
	int64_t dts_ms = milliseconds(s->m, dts_s);
	struct sample sample = {.type = SAMPLE_FRAME,
	                        .kind = kind,
	                        .fourcc = kind == TRACK_VIDEO ? FOURCC_AVC : FOURCC_AAC,
	                        .timestamp_ms = s->m->first_ms + (uint32_t)dts_ms,
	                        .composition_ms = (int32_t)(milliseconds(s->m, pts_s) - dts_ms),
	                        .keyframe = key,
	                        .block = block,
	                        .payload = bytes_slice(block)};
	int err = give(s, &sample, arrival(s, dts_s));
	bytes_unref(&block);
	return err;
}

/* --- video --- */

static double next_gop(struct state *s) {
	const struct encoder_model *m = s->m;
	switch (m->gop) {
	case GOP_FIXED:
		return m->gop_s;
	case GOP_IRREGULAR:
		return random_between(s, 0.3, m->gop_s);
	case GOP_SCENE_CUTS: /* one GOP in four ends early */
		return random_between(s, 0, 4) < 1 ? random_between(s, 0.04, m->gop_s) : m->gop_s;
	case GOP_ENDLESS:
		return INFINITY;
	}
	return m->gop_s;
}

/* A group is a frame and the B-frames shown before it: decoded first, shown last. A keyframe stands alone. */
static double shown_at(const struct state *s, bool key) {
	double delay = s->m->b_frames ? s->step_s : 0;
	if (!s->m->b_frames || key)
		return s->video_s + delay;
	return s->group == 0 ? s->video_s + delay + s->m->b_frames * s->step_s : s->video_s;
}

static bool paused(const struct encoder_model *m, double at_s) {
	return at_s >= m->stop_video[0] && at_s < m->stop_video[1];
}

static int step_video(struct state *s) {
	const struct encoder_model *m = s->m;
	bool key = s->group == 0 && s->video_s >= s->next_key_s - 1e-9;
	int err = 0;
	if (!paused(m, s->video_s))
		err = push_frame(s, TRACK_VIDEO, s->video_s, shown_at(s, key), key);
	if (key && m->gop == GOP_FIXED)
		s->next_key_s += m->gop_s;
	else if (key)
		s->next_key_s = s->video_s + next_gop(s);
	s->group = key || s->group == m->b_frames ? 0 : s->group + 1;
	s->frame++;
	s->video_s = m->variable ? s->video_s + s->step_s : (double)s->frame / m->fps;
	if (m->variable && s->group == 0)
		s->step_s = random_between(s, 0, 1) < 0.05 ? random_between(s, 0.1, 0.4) : random_between(s, 1.0 / 60, 0.1);
	return err;
}

/* --- audio --- */

static double audio_at(const struct state *s, uint64_t frame) {
	double slow = 1 + s->m->samples_ppm / 1e6;
	return s->m->audio_late_s + (double)frame * SAMPLES_PER_FRAME / s->m->audio_rate * slow;
}

static int step_audio(struct state *s) {
	int err = push_frame(s, TRACK_AUDIO, s->audio_s, s->audio_s, true);
	s->audio_s = audio_at(s, ++s->audio_frame);
	return err;
}

static int configure(struct state *s) {
	const struct encoder_model *m = s->m;
	int err = 0;
	if (m->fps > 0)
		err = push_config(s, TRACK_VIDEO, FOURCC_AVC, avc_config, sizeof avc_config);
	if (!err && m->audio_rate)
		err = push_config(s, TRACK_AUDIO, FOURCC_AAC, m->audio_rate == 48000 ? aac_48k : aac_44k, 2);
	return err;
}

int encoder_model_run(const struct encoder_model *m, struct timeline *t) {
	struct state s = {.m = m,
	                  .timeline = t,
	                  .random = m->seed,
	                  .step_s = m->fps > 0 ? 1 / m->fps : 0,
	                  .video_s = m->fps > 0 ? 0 : INFINITY,
	                  .audio_s = m->audio_rate ? m->audio_late_s : INFINITY};
	int err = configure(&s);
	while (!err && fmin(s.video_s, s.audio_s) < m->seconds)
		err = s.audio_s <= s.video_s ? step_audio(&s) : step_video(&s);
	return err;
}
