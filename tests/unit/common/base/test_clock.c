#include "common/base/clock.h"

#include <criterion/criterion.h>
#include <time.h>

Test(clock, monotonic_units_agree) {
	uint64_t before = clock_monotonic_ns() / 1000000, ms = clock_monotonic_ms(), after = clock_monotonic_ns() / 1000000;
	cr_assert_leq(before, ms);
	cr_assert_leq(ms, after);
}

Test(clock, wall_is_the_systems_at_the_start) {
	clock_init();
	int64_t difference_us = clock_wall_us() - (int64_t)time(NULL) * 1000000;
	cr_assert_gt(difference_us, -1000000);
	cr_assert_lt(difference_us, 2000000);
}

Test(clock, wall_runs_on_the_monotonic_clock) {
	clock_init();
	int64_t offset = clock_wall_us() - (int64_t)(clock_monotonic_ns() / 1000);
	for (int i = 0; i < 1000; i++) {
		int64_t early = (int64_t)(clock_monotonic_ns() / 1000), wall = clock_wall_us();
		cr_assert_geq(wall - early, offset - 1000000);
		cr_assert_leq(wall - (int64_t)(clock_monotonic_ns() / 1000), offset + 1);
	}
}
