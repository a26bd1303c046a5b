/*
 * hls_parts.h: what the playlists' sources share, and nobody else.
 */
#pragma once

#include "common/package/bitrate.h"
#include "common/package/hls.h"

enum { HLS_TRACKS_LISTED = 2 * TRACKS_MAX };

/* A track that is listed, as its newest whole segment has it. */
struct hls_choice {
	const struct segment_track *track;
	const struct track *info;
	struct bitrate rate;
};

struct hls_choices {
	struct hls_choice items[HLS_TRACKS_LISTED];
	size_t count;
};

/* All tracks with something to play. UV_EAGAIN: nothing can be listed yet. */
int hls_gather(const struct segment_store *s, struct hls_choices *video, struct hls_choices *audio);

/* A variant: a picture (or a sound where there is none) with a group of sounds (their FourCC; 0: none). */
typedef void (*hls_variant_fn)(void *context, const struct hls_choice *c, uint32_t group);
void hls_each_variant(const struct hls_choices *video, const struct hls_choices *audio, hls_variant_fn fn,
                      void *context);

/* Its STABLE-VARIANT-ID. */
void hls_put_variant_id(struct buffer *out, const struct hls_choice *c, uint32_t group);

/* `?query`, where there is one that a quoted string can hold. */
void hls_put_query(struct buffer *out, const char *query);

/* The names of codecs as playlists for all players want them. */
const char *hls_codec(const struct track *t);
