/*
 * encoder_model.h: a simulated encoder, for the timeline. Deterministic: the same settings and seed give the same
 * samples. Each frame's payload is the time that its dts was meant to be, as a double in µs, so that an observer can
 * tell how far the timeline is off.
 */
#pragma once

#include "common/stream/timeline.h"

enum gop_kind { GOP_FIXED, GOP_IRREGULAR, GOP_SCENE_CUTS, GOP_ENDLESS };

struct encoder_model {
	uint32_t seed;
	double fps;          /* 0: no video */
	uint32_t audio_rate; /* 44100 or 48000; 0: no audio */
	enum gop_kind gop;
	double gop_s;
	unsigned b_frames;    /* between two others */
	bool variable;        /* frames last between a 60th of a second and 0.4 s */
	bool nearest;         /* milliseconds are rounded to the nearest; else down */
	double clock_ppm;     /* the encoder's clock runs so much faster than the wall's, */
	double samples_ppm;   /* and its sound card so much slower than its clock */
	uint32_t first_ms;    /* timestamp of its beginning */
	double audio_late_s;  /* the sound begins so much later */
	double network_ms;    /* frames arrive up to so much late */
	double bursts_s;      /* and are sent once in so long; 0: as they come */
	double seconds;       /* how long it goes on */
	int64_t wall_us;      /* when it begins */
	double stop_video[2]; /* no video between these times */
	int (*take)(void *context, const struct sample *s,
	            int64_t wall_us); /* gets them in place of the timeline; or NULL */
	void *context;
};

/* Pushes all its samples, configurations first. 0, or what who takes them returned. */
int encoder_model_run(const struct encoder_model *m, struct timeline *t);
