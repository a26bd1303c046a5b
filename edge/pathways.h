/*
 * pathways.h: which edges a player may be steered to: this one first, those that drain last.
 *
 * From edge.pathways where it is set, else from the registry's map of nodes.
 */
#pragma once

#include "common/package/steering.h"

struct edge;

/* This edge's own, by its node's id. */
void pathways_self(const struct edge *e, char out[PATHWAY_ID_MAX + 1]);

/* On the edge's worker. `seed` (a player's session or address) spreads players over the others, always alike for one
 * player. This edge is among them, its URL "" where only others know it. */
void pathways_find(const struct edge *e, const char *seed, struct steering_pathways *out);
