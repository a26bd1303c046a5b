/*
 * registry_nodes.h: two nodes for tests of the registry, each a group of one worker with a configuration and a registry
 * of its own, and what their registries told them.
 */
#pragma once

#include "common/registry/registry.h"

#include <stdatomic.h>

enum { NODES = 2, NODE_OVERRIDES = 6 };

/* What a registry told its role. */
struct news {
	_Atomic int lost, changed, listed; /* how often; listed: how many nodes the newest list had */
	_Atomic uint64_t changed_epoch;
	_Atomic int finished; /* how often a run was asked for; and the newest answer, an enum registry_run */
	_Atomic int run;
};

/* Configures node i by "section.key=value" texts, which are kept; then starts it. */
void node_start(int i, const char *const overrides[NODE_OVERRIDES]);
void node_stop(int i);
/* Stops it and starts it again, with what it had. */
void node_restart(int i);

struct news *node_news(int i);

/* Sets what the node's role answers when its registry asks the linked nodes; NULL: nothing. Before node_start. */
void node_set_ask(int i, void (*ask)(void *context, const struct stream_name *name, registry_locate_fn answer,
                                     void *answer_context));

/* Runs `fn` on the node's worker, with its registry, and waits until it has returned. */
void on_node(int i, void (*fn)(struct registry *r, void *context), void *context);
