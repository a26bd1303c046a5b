/*
 * clip.h: the audio and video tags of an FLV file, in memory, to be sent again and again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct clip_tag {
	uint8_t type;       /* 8 or 9 */
	bool config;        /* a decoder's configuration: sent in the first lap only */
	uint32_t timestamp; /* ms */
	uint32_t size;
	const uint8_t *payload;
};

struct clip {
	uint8_t *data;
	struct clip_tag *tags; /* in order of timestamps */
	size_t count;
	uint32_t span; /* ms that a lap takes */
};

/* 0, or -1 with a word on stderr. */
int clip_load(struct clip *c, const char *path);
void clip_fini(struct clip *c);

/* Where one is in laps over a clip. */
struct clip_place {
	const struct clip *clip;
	size_t next;
	uint32_t lap;
};

/* The tag at the place, and its timestamp, which goes on rising from lap to lap. */
const struct clip_tag *clip_peek(const struct clip_place *p, uint32_t *timestamp);
void clip_advance(struct clip_place *p);
