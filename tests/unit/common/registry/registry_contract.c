#include "tests/unit/common/registry/registry_contract.h"

#include "common/base/clock.h"
#include "tests/unit/common/loop/support.h"

#include <string.h>

static const struct stream_name name = {.text = "live/cam1"};

/* --- claims, waited for --- */

struct claiming {
	_Atomic int answered;
	struct registry_claim claim;
};

static void on_claim(void *context, const struct registry_claim *c) {
	struct claiming *k = context;
	k->claim = *c;
	atomic_fetch_add(&k->answered, 1);
}

static void begin_claim(struct registry *r, void *context) {
	registry_claim(r, &name, on_claim, context);
}

static struct registry_claim claim_on(const struct registry_fixture *f, int node) {
	struct claiming k = {0};
	f->on_node(node, begin_claim, &k);
	wait_for_count(&k.answered, 1);
	return k.claim;
}

/* --- progress and release --- */

struct telling {
	struct registry_state state;
	bool taken;
};

static void tell(struct registry *r, void *context) {
	struct telling *t = context;
	t->taken = registry_progress(r, &name, &t->state);
}

static bool progress_on(const struct registry_fixture *f, int node, uint64_t epoch, uint64_t number) {
	struct telling t = {.state = {.run = 77,
	                              .epoch = epoch,
	                              .number = number,
	                              .wall_us = clock_wall_us(),
	                              .highest_us = 5000000,
	                              .base_us = 1000000,
	                              .discontinuity = 2,
	                              .target_ms = 4000,
	                              .track = 3}};
	f->on_node(node, tell, &t);
	return t.taken;
}

static void let_go(struct registry *r, void *context) {
	struct telling *t = context;
	t->taken = registry_release(r, &name, t->state.epoch);
}

static bool release_on(const struct registry_fixture *f, int node, uint64_t epoch) {
	struct telling t = {.state = {.epoch = epoch}};
	f->on_node(node, let_go, &t);
	return t.taken;
}

/* --- the contract --- */

void contract_a_claim_gives_an_epoch_and_a_second_one_a_newer(const struct registry_fixture *f) {
	struct registry_claim first = claim_on(f, 0), second = claim_on(f, 0);
	cr_assert_neq(first.epoch, 0);
	cr_assert_not(first.known);
	cr_assert_gt(second.epoch, first.epoch);
}

void contract_progress_comes_back_with_the_next_claim(const struct registry_fixture *f) {
	struct registry_claim first = claim_on(f, 0);
	cr_assert(progress_on(f, 0, first.epoch, 1234));
	struct registry_claim second = claim_on(f, 0);
	cr_assert(second.known);
	cr_assert_eq(second.previous.number, 1234);
	cr_assert_eq(second.previous.run, 77);
	cr_assert_eq(second.previous.highest_us, 5000000);
	cr_assert_eq(second.previous.target_ms, 4000);
	cr_assert_eq(second.previous.track, 3);
}

void contract_a_stale_owner_is_refused(const struct registry_fixture *f) {
	struct registry_claim first = claim_on(f, 0), second = claim_on(f, 0);
	cr_assert_not(progress_on(f, 0, first.epoch, 5), "an older epoch wrote into the map");
	cr_assert_not(release_on(f, 0, first.epoch), "an older epoch released the name");
	cr_assert(progress_on(f, 0, second.epoch, 6));
}

void contract_release_forgets_the_run(const struct registry_fixture *f) {
	struct registry_claim first = claim_on(f, 0);
	cr_assert(progress_on(f, 0, first.epoch, 5));
	cr_assert(release_on(f, 0, first.epoch));
	struct registry_claim second = claim_on(f, 0);
	cr_assert(!second.known || second.previous.run == 0);
	cr_assert_gt(second.epoch, first.epoch);
}

void contract_restart_knows_the_run_and_gives_a_newer_epoch(const struct registry_fixture *f) {
	struct registry_claim first = claim_on(f, 0);
	cr_assert(progress_on(f, 0, first.epoch, 4321));
	f->restart();
	struct registry_claim second = claim_on(f, 0);
	cr_assert_gt(second.epoch, first.epoch);
	cr_assert(second.known);
	cr_assert_eq(second.previous.number, 4321);
	cr_assert_eq(second.previous.base_us, 1000000);
	cr_assert_eq(second.previous.discontinuity, 2);
}

void contract_two_claimers_at_once_get_different_epochs(const struct registry_fixture *f) {
	struct claiming a = {0}, b = {0};
	f->on_node(0, begin_claim, &a);
	f->on_node(1, begin_claim, &b);
	wait_for_count(&a.answered, 1);
	wait_for_count(&b.answered, 1);
	cr_assert_neq(a.claim.epoch, b.claim.epoch);
}

static void note(struct registry *r, void *context) {
	registry_note_epoch(registry_shared_of(r), *(uint64_t *)context);
}

void contract_epochs_grow_past_what_was_noted(const struct registry_fixture *f) {
	uint64_t far = claim_on(f, 0).epoch + ((uint64_t)3600000 << 8); /* an hour ahead of our clock */
	f->on_node(0, note, &far);
	cr_assert_gt(claim_on(f, 0).epoch, far);
}
