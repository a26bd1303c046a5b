/*
 * packaged.h: what most tests of packaging begin with: a simulation, and a packager that fills a store from it.
 */
#pragma once

#include "tests/unit/common/package/simulate.h"

static struct simulation sim;
static struct segment_store *store;
static struct packager *packager;
static struct told told;

/* A store of `window` segments, as yet empty, and nothing told. */
static inline void packaged_begin(size_t window) {
	told = (struct told){0};
	store = segment_store_new(window);
	packager = packager_new(store, "source", &told_ops, &told);
}

static inline void packaged_end(void) {
	packager_free(&packager);
	segment_store_free(&store);
}

/* The same with the simulation, whose random numbers `seed` begins. */
static inline void packaged_init(unsigned seed, size_t window) {
	simulation_init(&sim, seed);
	packaged_begin(window);
}

static inline void packaged_fini(void) {
	packaged_end();
	simulation_fini(&sim);
}
