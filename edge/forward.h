/*
 * forward.h: an encoder that publishes to an edge: its samples go on to an origin over the relay. The origin that has
 * the name gets them, so that its rules for a second publisher hold; else the name's hash chooses among those that are
 * up.
 */
#pragma once

#include "common/stream/publisher.h"

/* The edge's part of streams_ops. */
void forward_publish(struct intake *i);
void forward_samples(struct intake *i, const struct sample *samples, size_t count);
void forward_unpublish(struct intake *i);
