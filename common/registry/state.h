/*
 * state.h: what must be known of streams after a restart, in small files in node.state_dir, one a worker.
 *
 * A file is written whole to another name and then renamed, on libuv's pool, at most twice a second: whenever the
 * process dies, one whole file is there. Reading takes every worker's files, so the number of workers may change. A
 * line a stream:
 *
 *     weir-state 1
 *     app/name run epoch number wall_us highest_us base_us discontinuity target_ms track
 */
#pragma once

#include "common/registry/registry.h"

struct state_record {
	struct stream_name name;
	struct registry_state state;
};

struct state_file;

/* Calls `fn` for each record of the directory's files; broken lines are passed over. A directory that is not there is
 * made. 0 or a libuv code. Blocks. */
int state_read(const char *dir, void (*fn)(void *context, const struct state_record *r), void *context);

/* One line of a file, without its end; false: broken. Pure. */
bool state_parse_line(const char *line, struct state_record *out);

/* The worker's file; `collect` is asked for all records when it is time to write. NULL when memory is out. */
struct state_file *state_file_new(struct worker *w, const char *dir, void (*collect)(void *context, struct buffer *out),
                                  void *context);
void state_write_record(struct buffer *out, const struct state_record *r);

/* Something has changed: the file is written soon. */
void state_file_touch(struct state_file *f);

/* Writes what is not written (blocking, for the end) and frees. */
void state_file_free(struct state_file **f);
