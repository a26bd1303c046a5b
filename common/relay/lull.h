/*
 * lull.h: a link that brings nothing that anybody needs before the next flush is not read before it.
 *
 * Where writes to viewers are merged (stream/pace.h) a frame that has just come waits for the log's flush, and being
 * woken for it alone is most of what taking it in costs. So while every stream that is pulled over a link has none but
 * viewers who wait for a flush, the kernel gathers what comes, and the flush that is due first reads it: frames are
 * not a moment later for it. Whoever else reads (a packager, another node, another worker, a new viewer without a
 * keyframe) and whatever else goes over the link (questions, fetches, pushes) ends the lull. All else that the other
 * node says waits for as long as frames do.
 *
 * Embedded in the upstream (pool.h); on its worker.
 */
#pragma once

#include "common/loop/worker.h"

#include <stdbool.h>

struct upstream;
struct pull;

struct lull {
	struct turn_task begin;
	struct timer most; /* ends a lull whose flush never came, its last viewer having left */
};

void lull_init(struct upstream *u);

/* The link is lost, or the upstream goes. */
void lull_stop(struct upstream *u);

/* Of a pull that begins: its rendition tells when viewers wait. */
void lull_watch(struct pull *p);

/* And ends. */
void lull_unwatch(struct pull *p);
