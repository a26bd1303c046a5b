/*
 * forward.h: an encoder that publishes to an edge: its samples go on to an origin over the relay. The origin that has
 * the name gets them, so that its rules for a second publisher hold; else the name's hash chooses among those that are
 * up and not draining.
 *
 * An encoder does not notice that its origin drains or dies: from a keyframe on another origin gets the samples, after
 * what describes the stream. Between the origins nothing is lost when the first one waits for that (a drain).
 *
 *   state   | samples                         | leaves by
 *   ASKING  | none: it is not accepted yet    | accepted: PASSING; refused: over
 *   PASSING | go to the origin                | the origin drains: LEAVING; it stopped the publish, is lost, or its
 *           |                                 | link does not keep up: ADRIFT
 *   LEAVING | go to the origin                | a keyframe, while another origin is up: HOLDING; as PASSING: ADRIFT
 *   ADRIFT  | are dropped                     | a keyframe: HOLDING
 *   HOLDING | are kept, from the keyframe on  | an origin accepts: PASSING; too many: ADRIFT; too long: OVER
 *   OVER    | are dropped                     | the encoder has been told
 */
#pragma once

#include "common/stream/publisher.h"

/* The edge's part of streams_ops. */
void forward_publish(struct intake *i);
void forward_samples(struct intake *i, const struct sample *samples, size_t count);
void forward_unpublish(struct intake *i);
