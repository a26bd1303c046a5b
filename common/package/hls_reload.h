/*
 * hls_reload.h: delivery directives, and when a playlist that was asked for by them may be answered (draft-pantos-hls-
 * rfc8216bis, 6.2.5). Pure.
 */
#pragma once

#include "common/package/segment_store.h"

struct hls_directives {
	bool has_msn, has_part, skip;
	uint64_t msn;  /* _HLS_msn */
	uint64_t part; /* _HLS_part */
};

/* From a URL's query; other parameters are passed over. UV_EINVAL: a value is malformed, or _HLS_part without
 * _HLS_msn: answer 400. */
int hls_directives_parse(struct hls_directives *out, const char *query);

/* How far a track's playlist has come. */
struct hls_position {
	bool known;              /* something is listed */
	bool ended;              /* ENDLIST: directives are ignored */
	uint64_t next_msn;       /* of the segment that is open or will be next: all before it are whole */
	uint32_t parts;          /* listed parts of it */
	uint32_t last_parts;     /* listed parts of the whole one before it; UINT32_MAX: it has none, or no longer counts in
	                            parts */
	uint32_t target_ms;      /* TARGETDURATION */
	uint32_t part_target_ms; /* 0: no parts in this playlist */
};

/* `track` may be PACKAGE_TS. UV_ENOENT: there is no such track. */
int hls_position_of(const struct segment_store *s, const char *track, struct hls_position *out);

enum hls_reload { HLS_ANSWER, HLS_WAIT, HLS_REFUSE };

/*
 * Whether to answer with the playlist as it is, to ask again after the track's next on_part or on_segment (for at most
 * hls_wait_ms, then 503), or to refuse with 400 and `*reason`.
 */
enum hls_reload hls_reload_decide(const struct hls_directives *d, const struct hls_position *p, const char **reason);

/* Three target durations, in ms. */
uint64_t hls_wait_ms(const struct hls_position *p);
