/*
 * hls.h: multivariant and media playlists of a store's segments (RFC 8216, draft-pantos-hls-rfc8216bis). Pure.
 *
 * URLs below the stream: index.m3u8, then TRACK/index.m3u8, and what segment_name.h tells. All URIs in playlists are
 * relative.
 */
#pragma once

#include "common/base/buffer.h"
#include "common/package/segment_store.h"

/* Of content steering (draft-pantos-hls-rfc8216bis, 7): where its manifest is, and which pathway these URIs are. */
struct hls_steering {
	const char *uri, *pathway;
};

struct hls_options {
	bool low_latency;  /* parts, hints, blocking reloads; else segments alone */
	bool skip;         /* answer `_HLS_skip=YES` with a delta update where there is something to skip */
	const char *query; /* behind every URI, without `?`: "token=…"; NULL or "": nothing */
	const struct hls_steering *steering; /* of the multivariant playlist; NULL: there is none */
};

/* index.m3u8: one variant for each video track (and audio groups), or for each audio track when there is no video. 0;
 * UV_EAGAIN: nothing can be listed yet, ask again after on_segment; UV_ENOMEM. */
int hls_multivariant_write(const struct segment_store *s, const struct hls_options *o, struct buffer *out);

/* TRACK/index.m3u8. UV_ENOENT: there is no such track; UV_EAGAIN and UV_ENOMEM as above. */
int hls_media_write(const struct segment_store *s, const char *track, const struct hls_options *o, struct buffer *out);

/* ts/index.m3u8: the source rendition's tracks in MPEG-TS, whole segments. UV_EAGAIN, UV_ENOMEM; UV_ENOTSUP: no track
 * of it can go into MPEG-TS. */
int hls_ts_write(const struct segment_store *s, const struct hls_options *o, struct buffer *out);
