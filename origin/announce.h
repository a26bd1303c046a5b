/*
 * announce.h: telling those who are linked to this origin of its claims: of each as it is made, and of all that are in
 * force to whoever links later.
 */
#pragma once

#include "origin/origin.h"

/* Tells every worker's links of a claim. */
void origin_announce(struct origin *o, const struct stream_name *name, uint64_t epoch);

/* A link is ready on its worker: tells it of the streams of every worker (struct relay_server). Other origins are told
 * of those that are owned here, edges of copies too. */
void origin_greet(struct relay_server *server, struct link *l);
