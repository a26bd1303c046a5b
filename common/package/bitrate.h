/*
 * bitrate.h: what bits a second a track takes, measured on the segments that are listed. Pure.
 */
#pragma once

#include "common/package/segment_store.h"

struct bitrate {
	uint32_t peak, average; /* bits a second; 0: nothing whole is listed yet */
};

struct bitrate bitrate_of(const struct segment_track *t);
