#include "common/base/clock.h"
#include "common/registry/state.h"
#include "tests/unit/common/loop/support.h"
#include "tests/unit/common/registry/registry_contract.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

static char dirs[NODES][64];

static void open_nodes(void) {
	for (int i = 0; i < NODES; i++) {
		char dir[128];
		strcpy(dirs[i], "/tmp/weir-registry-XXXXXX");
		cr_assert(mkdtemp(dirs[i]));
		snprintf(dir, sizeof dir, "node.state_dir=%s", dirs[i]);
		node_start(i, (const char *[NODE_OVERRIDES]){dir});
	}
}

static void remove_dir(const char *dir) {
	char path[400];
	DIR *d = opendir(dir);
	for (struct dirent *e; d && (e = readdir(d));) {
		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		unlink(path);
	}
	if (d)
		closedir(d);
	rmdir(dir);
}

static void close_nodes(void) {
	for (int i = 0; i < NODES; i++) {
		node_stop(i);
		remove_dir(dirs[i]);
	}
}

REGISTRY_CONTRACT(registry_static, open_nodes, close_nodes)

/* --- the state file --- */

Test(registry_state, lines_are_read_as_written_and_broken_ones_are_passed_over) {
	struct state_record r = {.name = {.text = "live/cam1"},
	                         .state = {.run = 1ull << 60, .epoch = 5, .number = 6, .wall_us = -7, .track = 9}},
	                    back;
	struct buffer b;
	buffer_init(&b, 0);
	state_write_record(&b, &r);
	char line[256] = {0};
	memcpy(line, b.block->data, b.size - 1);
	cr_assert(state_parse_line(line, &back));
	cr_assert_str_eq(back.name.text, "live/cam1");
	cr_assert_eq(back.state.run, 1ull << 60);
	cr_assert_eq(back.state.wall_us, -7);
	cr_assert_eq(back.state.track, 9);
	for (size_t cut = 0; cut + 1 < b.size - 1; cut++) {
		char part[256] = {0};
		memcpy(part, line, cut);
		if (state_parse_line(part, &back))
			cr_assert_eq(part[cut - 1] == line[cut - 1] && cut + 2 >= b.size - 1, true, "\"%s\" was taken", part);
	}
	cr_assert_not(state_parse_line("live/cam1 1 2 3 4 5 6 7 8 9 extra", &back));
	cr_assert_not(state_parse_line("../x 1 2 3 4 5 6 7 8 9", &back));
	buffer_fini(&b);
}

/* --- locate --- */

static registry_locate_fn pending;
static void *pending_context;
static int asked;

static void ask(void *context, const struct stream_name *name, registry_locate_fn answer, void *answer_context) {
	(void)context;
	cr_expect_str_eq(name->text, "live/cam1");
	asked++;
	pending = answer;
	pending_context = answer_context;
}

static int located, found;

static void on_located(void *context, const struct registry_location *l) {
	(void)context;
	located++;
	found += l->found;
}

static const struct stream_name cam = {.text = "live/cam1"};

static void locate_twice(struct registry *r, void *context) {
	(void)context;
	registry_locate(r, &cam, on_located, &located);
	registry_locate(r, &cam, on_located, &found);
	cr_expect_eq(asked, 1, "one question for a name at a time");
	cr_expect_eq(located, 0);
	pending(pending_context, &(struct registry_location){.found = true, .epoch = 9});
	cr_expect_eq(located, 2);
	cr_expect_eq(found, 2);
}

static void locate_missing(struct registry *r, void *context) {
	(void)context;
	registry_locate(r, &cam, on_located, NULL);
	pending(pending_context, &(struct registry_location){0});
	cr_expect_eq(asked, 2);
	registry_locate(r, &cam, on_located, NULL);
	cr_expect_eq(asked, 2, "what is not there is remembered for a moment");
	cr_expect_eq(located, 4);
	registry_hint(r, &cam);
	registry_locate(r, &cam, on_located, NULL);
	cr_expect_eq(asked, 3, "an announcement ends that");
	registry_forget(r, &cam, NULL);
	pending(pending_context, &(struct registry_location){.found = true});
	cr_expect_eq(located, 4, "a lost interest is not answered");
}

Test(registry_static, locate_is_one_flight_with_a_memory_of_what_is_missing) {
	node_set_ask(0, ask);
	open_nodes();
	on_node(0, locate_twice, NULL);
	on_node(0, locate_missing, NULL);
	close_nodes();
}

static int told_late;

static void on_late(void *context, const struct registry_location *l) {
	(void)context;
	(void)l;
	told_late++;
}

static struct registry *forgetful;

static void on_forget_others(void *context, const struct registry_location *l) {
	(void)context;
	(void)l;
	registry_forget(forgetful, &cam, &told_late);
}

static void forget_while_told(struct registry *r, void *context) {
	(void)context;
	forgetful = r;
	registry_locate(r, &cam, on_forget_others, &forgetful);
	registry_locate(r, &cam, on_late, &told_late);
	pending(pending_context, &(struct registry_location){.found = true, .epoch = 9});
	cr_expect_eq(told_late, 0);
}

Test(registry_static, who_is_forgotten_while_another_is_told_is_not_told) {
	node_set_ask(0, ask);
	open_nodes();
	on_node(0, forget_while_told, NULL);
	close_nodes();
}

Test(registry_static, nobody_takes_a_gap_elsewhere_for_no_map_says_that_its_owner_is_gone) {
	open_nodes();
	cr_assert_eq(claim_for_gap(0, 5, 0).epoch, 0);
	close_nodes();
}

/* --- without a map, of who finds the owner gone --- */

static void claim_answered(void *context, const struct registry_claim *c) {
	struct claiming_test *k = context;
	k->claim = *c;
	atomic_fetch_add(&k->answered, 1);
}

static void answer_pending(struct registry *r, void *linked) {
	(void)r;
	pending(pending_context, linked);
}

static void claim_after(struct registry *r, void *context) {
	struct claiming_test *k = context;
	registry_claim(r, &cam, &k->request, claim_answered, k);
}

/* What becomes of the claim if the linked nodes answer so; NULL: they are not to be asked. */
static struct claiming_test claim_gone(bool sure, const struct registry_location *linked) {
	struct claiming_test k = {
	    .request = {.publisher = "", .policy = TAKEOVER_REJECT, .silent_ms = -1, .gone_epoch = 5, .gone_sure = sure}};
	asked = 0;
	node_set_ask(0, ask);
	open_nodes();
	on_node(0, claim_after, &k);
	cr_expect_eq(asked, linked ? 1 : 0);
	if (linked)
		on_node(0, answer_pending, (void *)linked);
	wait_for_count(&k.answered, 1);
	close_nodes();
	return k;
}

static const struct registry_state heard = {.run = 77, .epoch = 5, .number = 1234};
static const struct registry_state lost = {.run = 77, .epoch = 5, .number = 1234, .waiting = true};

Test(registry_gone, a_link_that_was_lost_just_now_takes_no_name) {
	cr_assert_eq(claim_gone(false, NULL).claim.epoch, 0);
}

Test(registry_gone, an_owner_that_is_dead_by_all_that_can_be_seen_is_followed) {
	cr_assert_neq(claim_gone(true, &(struct registry_location){0}).claim.epoch, 0);
}

Test(registry_gone, an_owner_that_a_linked_node_hears_keeps_its_name) {
	struct registry_location l = {.found = true, .epoch = 5, .state = &heard};
	cr_assert_eq(claim_gone(true, &l).claim.epoch, 0);
}

Test(registry_gone, the_run_goes_on_as_a_copy_knows_it) {
	struct registry_location l = {.found = true, .epoch = 5, .state = &lost};
	struct registry_claim c = claim_gone(true, &l).claim;
	cr_assert_gt(c.epoch, 5);
	cr_assert(c.known);
	cr_assert_eq(c.previous.run, 77);
	cr_assert_eq(c.previous.number, 1234);
}
