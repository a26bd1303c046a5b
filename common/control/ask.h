/*
 * ask.h: the registry's question to linked nodes (struct registry_role), asked over a pool's links.
 */
#pragma once

#include "common/registry/registry.h"
#include "common/relay/pool.h"

/* Asks all that are up, and calls `answer` exactly once, perhaps within the call. */
void ask_linked(struct link_pool *p, const struct stream_name *name, registry_locate_fn answer, void *context);
