/*
 * choice.h: which other origins hold a stream's copies, by rendezvous hashing: every candidate has a weight for each
 * name, and the heaviest are chosen. Who goes moves only what it held. Pure.
 *
 * Another zone than the owner's comes before weight: what ends a zone ends only one of the copies.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct choice_candidate {
	const char *address, *zone; /* zone "": not known */
	bool usable;
};

/* The index of the best candidate that is usable and not in `taken`, a mask by index; -1: there is none. At most 64
 * candidates are looked at. */
int choice_best(const struct choice_candidate *candidates, size_t count, unsigned long long taken, const char *name,
                const char *zone);
