/*
 * ts.h: frames as an MPEG transport stream (ISO/IEC 13818-1) of one program.
 *
 * A muxer is the state of one continuous stream: its counters and its clock. It belongs to one worker, knows no time
 * but the frames' own, and its bytes depend only on what it was given since ts_muxer_init: one muxer for each segment
 * makes segments that are pure functions of their entries. The first packet of each PID has the counter 0 and the
 * discontinuity_indicator, so that such segments may be played one behind the other.
 *
 *     struct ts_muxer m;
 *     ts_muxer_init(&m, &(struct ts_program){tracks, "source"});
 *     ts_write_tables(&m, &out);
 *     ts_write_frame(&m, frame, &out); …
 *     ts_muxer_fini(&m);
 *
 * Times are media time in 90 kHz modulo 2^33. A pts before its dts (negative composition) is sent for both. The
 * clock reference runs TS_LEAD before dts, on the key track's PID.
 */
#pragma once

#include "common/mux/elementary.h"
#include "common/mux/ts_packet.h"
#include "common/stream/tracks.h"

enum { TS_LEAD = TS_CLOCK / 5, TS_PCR_INTERVAL = TS_CLOCK / 12 };

/* The tracks that go in: the rendition's first video, and its audio; a rendition without audio of its own has the
 * source's. What MPEG-TS cannot carry is left out. */
struct ts_program {
	const struct tracks *tracks;
	const char *rendition;
};

/* Fields are private. */
struct ts_stream {
	uint32_t track, timescale;
	bool video, fresh; /* fresh: no packet of it was written yet */
	uint8_t type;      /* stream_type, of PMT */
	uint8_t stream_id; /* of PES */
	struct ts_pid pid;
	struct elementary form;
};

struct ts_muxer {
	struct tracks *tracks; /* a reference */
	struct ts_stream streams[TRACKS_MAX];
	size_t count, key; /* key: index of the stream with the clock */
	struct ts_pid pat, pmt;
	bool pat_fresh, pmt_fresh;
	bool has_pcr;
	int64_t pcr;           /* the newest, not wrapped */
	struct buffer scratch; /* a frame's PES packet, a table's section */
};

/* True if the muxer carries the codec. */
bool ts_supports(uint32_t fourcc);

/* Begins a stream. 0; UV_ENOTSUP: nothing of the program can be carried; UV_ENOMEM. On failure there is nothing to
 * finish. Takes a reference of the tracks. */
int ts_muxer_init(struct ts_muxer *m, const struct ts_program *p);

/* Goes on with another revision of the tracks; counters of tracks that stay go on. Tables should follow. Errors as
 * ts_muxer_init; the muxer then goes on as it was. */
int ts_muxer_change(struct ts_muxer *m, const struct ts_program *p);

void ts_muxer_fini(struct ts_muxer *m);

/* Appends PAT and PMT. 0, or the buffer's error. */
int ts_write_tables(struct ts_muxer *m, struct buffer *out);

/* The same for a reader that is about to begin: with the counters of the tables just before, and without a trace in the
 * muxer. */
int ts_repeat_tables(const struct ts_muxer *m, struct buffer *out);

/*
 * Appends a frame, as one PES packet; nothing for a track that is not in the program, or an empty frame. 0; UV_E2BIG: a
 * frame that its form cannot say, nothing was written; or the buffer's error.
 */
int ts_write_frame(struct ts_muxer *m, const struct frame *f, struct buffer *out);
