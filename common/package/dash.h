/*
 * dash.h: the MPD of a store's segments (ISO/IEC 23009-1): dynamic, static after the end. Pure.
 *
 * URLs are those of HLS: TRACK/EPOCH/t$Time$.m4s relative to the MPD, which lies beside index.m3u8.
 */
#pragma once

#include "common/base/buffer.h"
#include "common/package/segment_store.h"

struct steering_pathways;

/* Other edges, and where it is told which of them to prefer (ETSI TS 103 998). */
struct dash_steering {
	const struct steering_pathways *pathways;
	const char *stream; /* APP/NAME */
	const char *uri;    /* of the steering manifest */
	const char *self;   /* the pathway whose URIs are relative */
};

struct dash_options {
	bool low_latency;                     /* the open segment is announced, and may be fetched while it grows */
	int64_t now_us;                       /* wall time, µs since the Unix epoch: publishTime */
	int64_t latency_ms;                   /* wanted latency for ServiceDescription; 0: four parts, by the tracks */
	const char *time_url;                 /* where the clock is told in ISO form; NULL: no UTCTiming */
	const struct dash_steering *steering; /* NULL: there is none */
	const char *query;                    /* behind every media URL, without `?`; NULL or "": nothing */
};

/* 0; UV_EAGAIN: nothing can be announced yet; UV_ENOMEM. */
int dash_write(const struct segment_store *s, const struct dash_options *o, struct buffer *out);
