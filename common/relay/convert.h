/*
 * convert.h: the log's entries, Tracks and samples as relay messages, both ways. Pure.
 */
#pragma once

#include "common/relay/framing.h"
#include "common/stream/entry.h"
#include "common/stream/publisher.h"
#include "common/stream/tracks.h"

#define RELAY_HEADER(name, field, CASE)                                                                                \
	Weir__Relay__Header name = WEIR__RELAY__HEADER__INIT;                                                              \
	name.body_case = WEIR__RELAY__HEADER__BODY_##CASE;                                                                 \
	name.field = &name##_body

/* Append whole messages; errors stick. A mark is preceded by its Tracks, so that a reader may begin with it. */
void relay_write_entry(struct buffer *out, const struct entry *e, uint64_t handle);
void relay_write_tracks(struct buffer *out, const struct tracks *t, uint64_t handle);
void relay_write_sample(struct buffer *out, const struct sample *s, uint64_t id);

/*
 * The entry of a Media, Mark, Progress or End message, with its epoch and sequence. `tracks` is the newest revision
 * read, which a Mark must name. 0; UV_EINVAL for fields out of range; UV_ENOENT for a mark of a revision that has not
 * come; UV_ENOTSUP for other messages; UV_ENOMEM.
 */
int relay_read_entry(struct entry **out, const struct relay_message *m, struct tracks *tracks);

/* 0, UV_EINVAL, UV_ENOMEM. */
int relay_read_tracks(struct tracks **out, const struct relay_message *m);

/* The sample borrows block and payload from `m`. 0 or UV_EINVAL. */
int relay_read_sample(struct sample *out, const struct relay_message *m);
