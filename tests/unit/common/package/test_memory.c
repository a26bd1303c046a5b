/*
 * Packaging under failing allocation: the packager and its store are compiled into this file with an allocator that
 * fails on demand; the linker then takes them from here for the whole program, where nothing demands it.
 */
#include "tests/unit/common/package/simulate.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <uv.h>

#include "tests/unit/common/failing.h"

#include "common/package/packager.c"
#include "common/package/packager_lane.c"
#include "common/package/runs.c"
#include "common/package/segment.c"
#include "common/package/segment_period.c"
#include "common/package/segment_store.c"

enum { ALL_SEGMENTS = 100 };

/* Packages it all; false: there was not even a beginning. */
static bool package(const struct simulation *sim, struct segment_store **store, struct packager **p, unsigned *errors) {
	static const struct packager_ops none;
	allocations = 0;
	*errors = 0;
	*store = segment_store_new(ALL_SEGMENTS);
	*p = *store ? packager_new(*store, "source", &none, NULL) : NULL;
	for (size_t i = 0; *p && i < sim->count; i++) {
		int err = packager_push(*p, sim->entries[i]);
		cr_assert(!err || err == UV_ENOMEM);
		*errors += err != 0;
	}
	return *p;
}

/* What is here is what it should be, at most one segment of each track is not, and nothing stops the playlist. */
static void check(const struct segment_store *whole, const struct segment_store *store) {
	for (const struct segment_track *t = NULL; (t = segment_store_next(whole, t));) {
		const struct segment_track *k = segment_store_track(store, t->name);
		cr_assert(k);
		struct segment_range r = segment_track_range(k);
		cr_assert(r.count && r.first + r.count == k->count, "allocation %u", failing);
		size_t complete = 0;
		for (size_t i = 0; i < t->count; i++) {
			const struct segment *s = t->items[i], *its = segment_store_find(store, t->name, s->epoch, s->number);
			if (s->state != SEGMENT_COMPLETE || !its || its->state != SEGMENT_COMPLETE)
				continue;
			struct bytes *x = segment_bytes(s), *y = segment_bytes(its);
			cr_assert(bytes_same(x, y), "allocation %u", failing);
			bytes_unref(&x);
			bytes_unref(&y);
			complete++;
		}
		cr_assert_geq(complete + 2, t->count - 1, "allocation %u", failing);
	}
}

/* What could not be made whole is missing, never wrong; what comes later is as if nothing had been. */
Test(package_memory, a_failed_allocation_costs_a_segment_and_nothing_else, .timeout = 60) {
	struct simulation sim;
	struct segment_store *whole, *store;
	struct packager *p, *q;
	unsigned errors, all;
	simulation_init(&sim, 2);
	simulation_publish(&sim, 1, &(struct encoder){.seconds = 6.5, .fps = 10, .gop_s = 1, .audio_rate = 44100});
	cr_assert(package(&sim, &whole, &p, &errors));
	cr_assert_eq(errors, 0);
	all = allocations;
	cr_assert_gt(all, 100);
	for (failing = 1; failing <= all; failing++) {
		if (package(&sim, &store, &q, &errors)) {
			cr_assert_geq(errors, 1, "allocation %u failed and nobody said so", failing);
			cr_assert_eq(segment_store_give_up(store), 0);
			check(whole, store);
		}
		packager_free(&q);
		segment_store_free(&store);
	}
	failing = 0;
	packager_free(&p);
	segment_store_free(&whole);
	simulation_fini(&sim);
}
