/*
 * slate_file.h: the file whose frames fill a stream's gap (stream.slate), read once into samples; and how it is played
 * round and round in one stretch of time.
 *
 * An FLV file of any codecs that an encoder could send, with legacy or Enhanced RTMP's bodies. Constant once it is
 * read: any worker may use it, the samples' payloads lie in one counted block.
 */
#pragma once

#include "common/base/config.h"
#include "common/stream/publisher.h"

enum { SLATE_BYTES_MAX = 64 * 1024 * 1024, SLATE_SAMPLES_MAX = 1000000 };

struct slate_file {
	char *path;
	struct bytes *block;    /* the file */
	struct sample *samples; /* in the file's order; timestamps count from the first frame's */
	size_t count;
	uint64_t lap_units;          /* how long it lasts: so many … */
	uint64_t unit_num, unit_den; /* … of num / den µs. Whole frames of its sound, so that sound goes on in its grid */
};

/* Makes one of the file's bytes, of which it takes a reference. NULL: `*why` says what it lacks, in a text that lives
 * for ever. */
struct slate_file *slate_file_parse(struct bytes *block, const char **why);

void slate_file_free(struct slate_file **f);

/* The µs at which lap `lap` begins. */
uint64_t slate_file_lap_us(const struct slate_file *f, uint64_t lap);

/* All that a configuration names, each read once. */
struct slate_files;

/* Reads them; blocks: in main. 0 and NULL if there are none. Else a code, with what is wrong in `why`, a line each. */
int slate_files_read(struct slate_files **out, const struct config *config, struct buffer *why);
void slate_files_free(struct slate_files **all);

/* The app's, or NULL: it has none. */
const struct slate_file *slate_files_find(const struct slate_files *all, const struct config_app *app);
