#include "origin/choice.h"

#include <criterion/criterion.h>
#include <stdio.h>

enum { NODES = 5, NAMES = 1000 };

static struct choice_candidate all[NODES] = {{"10.0.0.1:1950", "a", true},
                                             {"10.0.0.2:1950", "a", true},
                                             {"10.0.0.3:1950", "b", true},
                                             {"10.0.0.4:1950", "b", true},
                                             {"10.0.0.5:1950", "", true}};

static int best_for(int i, unsigned long long taken, const char *zone) {
	char name[32];
	snprintf(name, sizeof name, "live/cam%d", i);
	return choice_best(all, NODES, taken, name, zone);
}

Test(choice, names_are_spread_over_all) {
	int counts[NODES] = {0};
	for (int i = 0; i < NAMES; i++)
		counts[best_for(i, 0, "")]++;
	for (int n = 0; n < NODES; n++)
		cr_assert(counts[n] > NAMES / NODES / 2 && counts[n] < NAMES / NODES * 2, "%d of %d", counts[n], NAMES);
}

Test(choice, one_that_goes_moves_only_its_own_names_and_each_to_the_next) {
	int before[NAMES], next[NAMES];
	for (int i = 0; i < NAMES; i++) {
		before[i] = best_for(i, 0, "");
		next[i] = best_for(i, 1ULL << before[i], "");
		cr_assert_neq(next[i], before[i]);
	}
	all[2].usable = false;
	for (int i = 0; i < NAMES; i++)
		cr_assert_eq(best_for(i, 0, ""), before[i] == 2 ? next[i] : before[i]);
	all[2].usable = true;
}

Test(choice, another_zone_comes_first) {
	for (int i = 0; i < NAMES; i++) {
		int n = best_for(i, 0, "a");
		cr_assert(n == 2 || n == 3, "another zone, and a known one");
		cr_assert(best_for(i, 0xc, "a") >= 0, "else any");
	}
}

Test(choice, without_a_candidate_there_is_none) {
	cr_assert_eq(best_for(0, 0x1f, ""), -1);
	cr_assert_eq(choice_best(NULL, 0, 0, "live/cam1", "a"), -1);
}

Test(choice, all_nodes_choose_alike_whatever_the_order) {
	struct choice_candidate turned[NODES];
	for (int n = 0; n < NODES; n++)
		turned[n] = all[NODES - 1 - n];
	for (int i = 0; i < NAMES; i++) {
		char name[32];
		snprintf(name, sizeof name, "live/cam%d", i);
		cr_assert_eq(choice_best(turned, NODES, 0, name, ""), NODES - 1 - best_for(i, 0, ""));
	}
}
