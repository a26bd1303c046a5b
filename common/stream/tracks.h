/*
 * tracks.h: all tracks of a stream with their codec configurations, as one immutable, counted revision.
 *
 * A change makes a new revision, which takes effect at a mark and nowhere else. Ids are never reused within a run.
 */
#pragma once

#include "common/codec/codec.h"
#include "common/stream/entry.h"

enum { TRACKS_MAX = 32, TRACK_NAME_MAX = 32, VIDEO_TIMESCALE = 90000 };

/* What an encoder may give a revision to carry: every viewer who comes is sent all of it. A message of the relay holds
 * the most that there can be (convert.c). */
enum {
	TRACK_CONFIG_MAX = 16 * 1024,    /* bytes of a configuration, or of an extra */
	TRACKS_CONFIGS_MAX = 192 * 1024, /* of all of them together */
	TRACKS_METADATA_MAX = 64 * 1024,
};

struct track {
	uint32_t id;               /* 1 and up */
	char name[TRACK_NAME_MAX]; /* for URLs: v, a, a-en, 720p; matches the rule for names */
	enum track_kind kind;
	uint32_t fourcc;
	char language[16];              /* BCP 47, or empty */
	char role[16];                  /* main, alternate, … or empty */
	char rendition[TRACK_NAME_MAX]; /* the rendition that owns it: "source" for the encoder's own */
	uint32_t from;                  /* the track it was made from; 0: the encoder's */
	uint32_t timescale;             /* ticks a second */
	uint32_t frame_ticks;           /* a frame's nominal duration in ticks; 0: not known (yet) */
	uint32_t part_frames;           /* frames in a part; 0: not known yet */
	uint32_t part_target_ms;        /* PART-TARGET, fixed for the run (part_rule.h); 0: not known yet */
	uint8_t flv_audio;              /* legacy FLV audio: the byte of format, rate, size and channels; else 0 */
	uint8_t publisher_track;        /* the number that the publisher gave it (E-RTMP track id) */
	struct codec_info info;         /* parsed from `config`, or told by the first frame; zeros where unknown */
	struct bytes *extra;  /* E-RTMP's colour information (video: AMF0) or channel layout (audio); may be NULL */
	struct bytes *config; /* decoder configuration record; NULL where the codec has none */
};

struct tracks {
	struct counted counted;
	uint32_t revision;      /* 1 and up within a run */
	uint64_t run;           /* the run's first epoch */
	int64_t base_us;        /* media time of the run's first frame: RTMP and FLV count from here */
	uint32_t target_ms;     /* TARGETDURATION of the run; 0: not known yet */
	struct bytes *metadata; /* the last onMetaData as an AMF0 message (its name first); NULL: none */
	size_t count;
	struct track items[TRACKS_MAX];
};

/* A copy of `from` (NULL: empty) to change before it is shared, with its own references; NULL when memory is out. */
struct tracks *tracks_copy(const struct tracks *from);

static inline struct tracks *tracks_ref(struct tracks *t) {
	counted_ref(&t->counted);
	return t;
}
void tracks_unref(struct tracks **t);

/* The track, or NULL. */
const struct track *tracks_find(const struct tracks *t, uint32_t id);

/* The track that decides the cuts: the first video of the rendition, else its first audio, else NULL. */
const struct track *tracks_key(const struct tracks *t, const char *rendition);

/* Frees what the track holds, not the track. */
void track_fini(struct track *t);

/* Bytes of all configurations and extras. */
size_t tracks_configs_size(const struct tracks *t);

/* Bytes of memory that it keeps, with all that it refers to. */
size_t tracks_size(const struct tracks *t);

/* True when both are NULL, or of the same bytes. */
bool bytes_same(const struct bytes *a, const struct bytes *b);

/* A hash of all that decoders are told, of every track: renditions share a revision, so they share what goes with it.
 */
uint32_t tracks_configs(const struct tracks *t);

/* True when the same track has the same codec and the same configuration bytes in both. */
bool track_same_config(const struct track *a, const struct track *b);
