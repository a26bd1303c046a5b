#include "tests/bench/kit/clip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_HEADER = 13, TAG_HEADER = 11, TAG_TRAILER = 4, FRAME_MS = 33 };

static uint8_t *read_whole(const char *path, size_t *size) {
	FILE *f = fopen(path, "rb");
	uint8_t *data = NULL;
	if (f && fseek(f, 0, SEEK_END) == 0) {
		*size = (size_t)ftell(f);
		rewind(f);
		data = malloc(*size + 1);
		if (data && fread(data, 1, *size, f) != *size) {
			free(data);
			data = NULL;
		}
	}
	if (f)
		fclose(f);
	return data;
}

/* One tag at `at`; its whole size, or 0 where it is cut off. */
static size_t take(struct clip *c, const uint8_t *at, size_t left) {
	if (left < TAG_HEADER)
		return 0;
	uint32_t size = (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
	size_t whole = TAG_HEADER + size + TAG_TRAILER;
	if (left < whole)
		return 0;
	const uint8_t *payload = at + TAG_HEADER;
	uint32_t timestamp = (uint32_t)at[7] << 24 | (uint32_t)at[4] << 16 | (uint32_t)at[5] << 8 | at[6];
	uint8_t type = at[0] & 31;
	if ((type == 8 || type == 9) && size >= 2) {
		c->tags[c->count++] = (struct clip_tag){type, payload[1] == 0, timestamp, size, payload};
		if (timestamp + FRAME_MS > c->span)
			c->span = timestamp + FRAME_MS;
	}
	return whole;
}

/* Muxers leave them nearly in order; equal ones stay as they are. */
static void sort(struct clip *c) {
	for (size_t i = 1; i < c->count; i++) {
		struct clip_tag t = c->tags[i];
		size_t to = i;
		for (; to && c->tags[to - 1].timestamp > t.timestamp; to--)
			c->tags[to] = c->tags[to - 1];
		c->tags[to] = t;
	}
}

int clip_load(struct clip *c, const char *path) {
	size_t size = 0;
	*c = (struct clip){.data = read_whole(path, &size)};
	if (c->data && size > FILE_HEADER && memcmp(c->data, "FLV\1", 4) == 0)
		c->tags = calloc(size / (TAG_HEADER + TAG_TRAILER) + 1, sizeof *c->tags);
	if (c->tags)
		for (size_t at = FILE_HEADER, n; (n = take(c, c->data + at, size - at)) != 0; at += n)
			;
	sort(c);
	if (c->count)
		return 0;
	fprintf(stderr, "%s: not an FLV file with audio or video\n", path);
	clip_fini(c);
	return -1;
}

void clip_fini(struct clip *c) {
	free(c->tags);
	free(c->data);
	*c = (struct clip){0};
}

const struct clip_tag *clip_peek(const struct clip_place *p, uint32_t *timestamp) {
	const struct clip_tag *t = &p->clip->tags[p->next];
	*timestamp = t->timestamp + p->lap * p->clip->span;
	return t;
}

void clip_advance(struct clip_place *p) {
	do {
		p->next++;
		if (p->next == p->clip->count) {
			p->next = 0;
			p->lap++;
		}
	} while (p->lap && p->clip->tags[p->next].config);
}
