/*
 * segment_name.h: what segments, parts and initialisations are called in URLs. Pure.
 *
 * Relative to a media playlist, TRACK/index.m3u8 below the stream:
 *
 *   EPOCH/init-C.mp4   initialisation; C is 8 hex digits, the FNV-1a hash of its bytes
 *   EPOCH/tT.m4s       the segment that begins at T: its first presentation time, ticks of its track's timescale
 *   EPOCH/N.m4s        segment N, for who knows its number alone
 *   EPOCH/N.P.m4s      its part P
 *   EPOCH/N.ts         segment N as MPEG-TS (TRACK is then PACKAGE_TS)
 *
 * Numbers are decimal without leading zeros. Playlists and MPDs name a segment by its time alone, so that a thing has
 * one name there and caches keep it once. What a name stands for never changes; segment_store_resolve tells which times
 * beside the very beginning are taken for a segment.
 */
#pragma once

#include "common/base/bytes.h"

#include <stdint.h>

#define PACKAGE_TS "ts" /* stands for a track in URLs: the source rendition's tracks in one MPEG-TS */

enum segment_name_kind { NAME_INIT = 1, NAME_SEGMENT, NAME_PART, NAME_TS, NAME_TIME };

enum { SEGMENT_NAME_MAX = 64 };

struct segment_name {
	enum segment_name_kind kind;
	uint64_t epoch;
	uint64_t number; /* not of NAME_INIT and NAME_TIME */
	int64_t time;    /* of NAME_TIME, not negative */
	uint32_t part;   /* of NAME_PART, below PARTS_MAX */
	uint32_t init;   /* of NAME_INIT */
};

/* From a URL's last two pieces, decoded: "17", "42.3.m4s". 0, or UV_EINVAL: that is no such name. */
int segment_name_parse(struct segment_name *out, const char *epoch, const char *file);

/* EPOCH/FILE. */
void segment_name_print(const struct segment_name *n, char out[SEGMENT_NAME_MAX]);

/* What NAME_INIT's `init` is: FNV-1a, 32 bits, of an initialisation's bytes. */
uint32_t segment_init_id(struct slice init);
