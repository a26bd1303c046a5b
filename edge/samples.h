/*
 * samples.h: samples kept for later: what an origin that takes a publish over must be told first, and what came while
 * none had it.
 *
 * All zero is empty. Each sample kept holds a reference to its block.
 */
#pragma once

#include "common/stream/publisher.h"

struct samples {
	struct sample *items;
	size_t count, capacity, bytes; /* bytes of payload */
};

/* Adds one behind the others. 0 or UV_ENOMEM. */
int samples_add(struct samples *all, const struct sample *s);

/* Keeps what describes the stream (metadata, a track's configuration, what else its encoder says of it), in place of an
 * earlier one; other samples are not kept. 0, UV_ENOMEM, or UV_E2BIG: more of them than any encoder has. */
int samples_note(struct samples *all, const struct sample *s);

void samples_fini(struct samples *all);
