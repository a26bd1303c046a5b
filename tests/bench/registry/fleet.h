/*
 * fleet.h: the nodes of the registry's benchmark.
 */
#pragma once

#include "common/registry/registry.h"

#include <stdatomic.h>
#include <stddef.h>

struct fleet_options {
	const char *redis;
	size_t nodes, streams;
	bool at_once; /* all nodes begin in one moment */
};

struct fleet_node {
	struct fleet *fleet;
	struct config *config;
	struct registry_shared shared;
	struct registry *registry;
	bool complete; /* it lists all nodes */
};

struct fleet_stream {
	struct fleet_node *owner;
	struct stream_name name;
	struct registry_state state; /* epoch 0: not claimed yet */
};

struct fleet {
	struct fleet_options options;
	struct workers *workers;
	struct fleet_node *nodes;
	struct fleet_stream *streams;
	struct timer tick;
	uint64_t ticked_ms; /* loop time of the last tick */
	size_t next_node, next_claim, next_mark;
	_Atomic size_t claimed, complete;
};

/* 0 or a libuv code. What `o` refers to must outlive it. */
int fleet_start(struct fleet *f, const struct fleet_options *o);

/* Every stream is claimed, and every node lists all others. */
bool fleet_ready(const struct fleet *f);

/* 0 or a libuv code. */
int fleet_stop(struct fleet *f);
