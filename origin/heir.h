/*
 * heir.h: the streams of other origins, and who takes one on with the slate when its origin dies.
 *
 * Where a slate is configured and the map is in Redis, an origin is linked to all others and knows by their
 * announcements which streams each has. An origin whose link is down, or that is another process now, may be dead; its
 * streams are claimed for the slate. The claim holds only if the map, too, has not heard of that origin for long, and
 * still has the stream of the epoch that is known here: so one of all origins gets it, and none takes from an origin
 * that is only cut off from this one. To spare the map, and to keep the slate where it will be wanted next, origins
 * take turns by rendezvous, who has a copy (replica.h) first: each asks for a longer silence than the one before it.
 *
 * Of one worker, for the names that it is home to.
 */
#pragma once

#include "common/base/hash.h"
#include "origin/peers.h"

struct origin;
struct heir;

struct heirs {
	struct origin *origin; /* NULL: no slate, or no map to ask */
	struct heir *table;    /* by name, the oldest first */
	struct list suspects;
	struct timer timer;
	struct peer_watch watch;
};

/* In the start hook, when peers and registry are there. */
void heirs_init(struct heirs *h, struct origin *o);

/* In the stop hook. */
void heirs_stop(struct heirs *h);

/* Another origin claims a stream. */
void heirs_heard(struct heirs *h, const struct stream_name *name, uint64_t epoch, const char *node);

/* The stream of that epoch (UINT64_MAX: of any) is over, or was taken on here, or by somebody else who has been or will
 * be heard of. */
void heirs_forget(struct heirs *h, const struct stream_name *name, uint64_t epoch);
