/*
 * run.h: what is known of a run when a publish begins: by the map, and by the log of a copy that was held here. Pure.
 */
#pragma once

#include "common/registry/registry.h"
#include "common/stream/stream.h"
#include "common/stream/timeline.h"

/* What the map knew of the name, told with the claim: the run goes on if its grace is not over, else its numbers must
 * not be used again. A run that goes on here already stays as it is. */
void run_take(struct timeline_run *run, const struct registry_claim *c, const struct config_app *config,
              int64_t wall_us);

/* Completes `run` (all zero, or what the map told) so that the next publish goes on behind all that is in the stream's
 * log: its tracks, numbers, media time. A run of another id in `run` stays as it is: the copy is of an older one
 * (false). */
bool run_adopt(struct timeline_run *run, const struct stream *s);
