#include "tests/unit/common/registry/registry_contract.h"

#include "common/base/clock.h"
#include "tests/unit/common/loop/support.h"

#include <stdio.h>
#include <string.h>

static const struct stream_name name = {.text = "live/cam1"};

#define A "10.0.0.1:5000"
#define A_AGAIN "10.0.0.1:6000"
#define B "10.0.0.2:5000"

/* --- claims, waited for --- */

static void on_claim(void *context, const struct registry_claim *c) {
	struct claiming_test *k = context;
	k->claim = *c;
	snprintf(k->refusal, sizeof k->refusal, "%s", c->refusal ? c->refusal : "");
	atomic_fetch_add(&k->answered, 1);
}

static void begin_claim(struct registry *r, void *context) {
	struct claiming_test *k = context;
	registry_claim(r, &name, &k->request, on_claim, k);
}

void claim_begin(int node, struct claiming_test *c, const char *publisher) {
	c->request = (struct registry_request){.publisher = publisher, .stall_ms = 2000, .silent_ms = -1};
	on_node(node, begin_claim, c);
}

static struct claiming_test ask(int node, struct registry_request request) {
	struct claiming_test k = {.request = request};
	request.stall_ms = 2000;
	k.request.stall_ms = 2000;
	on_node(node, begin_claim, &k);
	wait_for_count(&k.answered, 1);
	k.claim.refusal = NULL;
	return k;
}

struct registry_claim claim_by(int node, const char *publisher, int64_t silent_ms) {
	return ask(node, (struct registry_request){.publisher = publisher, .silent_ms = silent_ms}).claim;
}

struct registry_claim claim_for_gap(int node, uint64_t epoch, int64_t gone_ms) {
	return ask(node, (struct registry_request){.publisher = "",
	                                           .policy = TAKEOVER_REJECT,
	                                           .silent_ms = -1,
	                                           .waiting = true,
	                                           .gone_epoch = epoch,
	                                           .gone_ms = gone_ms})
	    .claim;
}

struct registry_claim claim_on(int node) {
	return claim_by(node, A, -1);
}

/* --- progress and release --- */

struct telling {
	struct registry_state state;
};

static void tell(struct registry *r, void *context) {
	struct telling *t = context;
	registry_progress(r, &name, &t->state);
}

void progress_on(int node, uint64_t epoch, uint64_t number, bool waiting) {
	struct telling t = {.state = {.run = 77,
	                              .epoch = epoch,
	                              .number = number,
	                              .wall_us = clock_wall_us(),
	                              .highest_us = 5000000,
	                              .base_us = 1000000,
	                              .discontinuity = 2,
	                              .target_ms = 4000,
	                              .track = 3,
	                              .waiting = waiting}};
	on_node(node, tell, &t);
}

static void let_go(struct registry *r, void *context) {
	registry_release(r, &name, *(uint64_t *)context);
}

void release_on(int node, uint64_t epoch) {
	on_node(node, let_go, &epoch);
}

/* --- the contract --- */

void contract_a_claim_gives_an_epoch_and_a_second_one_a_newer(void) {
	struct registry_claim first = claim_on(0), second = claim_on(0);
	cr_assert_neq(first.epoch, 0);
	cr_assert_not(first.known);
	cr_assert_gt(second.epoch, first.epoch);
}

void contract_progress_comes_back_with_the_next_claim(void) {
	struct registry_claim first = claim_on(0);
	progress_on(0, first.epoch, 1234, false);
	struct registry_claim second = claim_on(0);
	cr_assert(second.known);
	cr_assert_eq(second.previous.number, 1234);
	cr_assert_eq(second.previous.run, 77);
	cr_assert_geq(second.previous.highest_us, 5000000, "what came since the mark was told counts too");
	cr_assert_lt(second.previous.highest_us, 5000000 + 60 * 1000000);
	cr_assert_eq(second.previous.target_ms, 4000);
	cr_assert_eq(second.previous.track, 3);
	progress_on(0, second.epoch, 1235, true);
	cr_assert_eq(claim_on(0).previous.highest_us, 5000000, "of a stream that waits it is known");
}

void contract_a_stale_owner_is_not_heard(void) {
	struct registry_claim first = claim_on(0), second = claim_on(0);
	progress_on(0, second.epoch, 6, false);
	progress_on(0, first.epoch, 5, false);
	release_on(0, first.epoch);
	struct registry_claim third = claim_on(0);
	cr_assert(third.known, "an older epoch released the name");
	cr_assert_eq(third.previous.number, 6, "an older epoch wrote into the map");
}

void contract_release_forgets_the_run(void) {
	struct registry_claim first = claim_on(0);
	progress_on(0, first.epoch, 5, false);
	release_on(0, first.epoch);
	struct registry_claim second = claim_on(0);
	cr_assert(!second.known || second.previous.run == 0);
	cr_assert_gt(second.epoch, first.epoch);
}

void contract_restart_knows_the_run_and_gives_a_newer_epoch(void) {
	struct registry_claim first = claim_on(0);
	progress_on(0, first.epoch, 4321, false);
	node_restart(0);
	struct registry_claim second = claim_on(0);
	cr_assert_gt(second.epoch, first.epoch);
	cr_assert(second.known);
	cr_assert_eq(second.previous.number, 4321);
	cr_assert_eq(second.previous.base_us, 1000000);
	cr_assert_eq(second.previous.discontinuity, 2);
}

void contract_two_claimers_at_once_get_different_epochs(void) {
	struct claiming_test a = {0}, b = {0};
	claim_begin(0, &a, A);
	claim_begin(1, &b, A_AGAIN);
	wait_for_count(&a.answered, 1);
	wait_for_count(&b.answered, 1);
	cr_assert_neq(a.claim.epoch, 0);
	cr_assert_neq(b.claim.epoch, 0);
	cr_assert_neq(a.claim.epoch, b.claim.epoch);
}

static void note(struct registry *r, void *context) {
	registry_note_epoch(registry_shared_of(r), *(uint64_t *)context);
}

void contract_epochs_grow_past_what_was_noted(void) {
	uint64_t far = claim_on(0).epoch + ((uint64_t)3600000 << 8); /* an hour ahead of our clock */
	on_node(0, note, &far);
	cr_assert_gt(claim_on(0).epoch, far);
}

void contract_the_same_address_takes_over_and_another_must_wait(void) {
	cr_assert_neq(claim_by(0, A, -1).epoch, 0);
	cr_assert_neq(claim_by(0, A_AGAIN, 0).epoch, 0, "an encoder that comes back is the newest");
	struct claiming_test refused = ask(0, (struct registry_request){.publisher = B, .silent_ms = 1999});
	cr_assert_eq(refused.claim.epoch, 0);
	cr_assert(strstr(refused.refusal, "another address"), "\"%s\"", refused.refusal);
	cr_assert_neq(claim_by(0, B, 2000).epoch, 0, "the holder is silent");
}

void contract_reject_keeps_the_holder(void) {
	struct registry_request again = {.publisher = A, .policy = TAKEOVER_REJECT, .silent_ms = 99999};
	cr_assert_neq(claim_by(0, A, -1).epoch, 0);
	struct claiming_test refused = ask(0, again);
	cr_assert_eq(refused.claim.epoch, 0);
	cr_assert(strstr(refused.refusal, "reject"), "\"%s\"", refused.refusal);
	again.silent_ms = -1;
	cr_assert_neq(ask(0, again).claim.epoch, 0, "the holder has left");
}

void contract_a_credential_decides_where_there_is_one(void) {
	cr_assert_neq(ask(0, (struct registry_request){.publisher = A, .credential = "k1", .silent_ms = -1}).claim.epoch,
	              0);
	cr_assert_eq(ask(0, (struct registry_request){.publisher = A, .credential = "k2", .silent_ms = 0}).claim.epoch, 0);
	cr_assert_eq(ask(0, (struct registry_request){.publisher = A, .silent_ms = 99999}).claim.epoch, 0);
	cr_assert_neq(ask(0, (struct registry_request){.publisher = B, .credential = "k1", .silent_ms = 0}).claim.epoch, 0);
}

void contract_who_fights_for_a_name_is_held_off(void) {
	cr_assert_neq(claim_by(0, A, -1).epoch, 0);
	for (int i = 0; i < 3; i++)
		cr_assert_neq(claim_by(0, A, 0).epoch, 0, "takeover %d", i);
	struct claiming_test fourth = ask(0, (struct registry_request){.publisher = A, .silent_ms = 0});
	cr_assert_eq(fourth.claim.epoch, 0);
	cr_assert(strstr(fourth.refusal, "too many takeovers"), "\"%s\"", fourth.refusal);
	cr_assert_eq(claim_by(0, A, 0).epoch, 0, "the holder stays for a while");
	cr_assert_neq(claim_by(0, A, 2000).epoch, 0, "but from a silent one the name is taken");
	cr_assert_neq(claim_by(0, A, -1).epoch, 0, "and when it has left, nothing is held");
}

void contract_a_name_that_waits_is_anybodys(void) {
	struct registry_claim first = claim_by(0, A, -1);
	progress_on(0, first.epoch, 9, true);
	struct registry_claim second = claim_by(0, B, -1);
	cr_assert_gt(second.epoch, first.epoch);
	cr_assert_eq(second.previous.number, 9);
}

void contract_a_claim_for_a_gap_leaves_the_name_to_anybody(void) {
	uint64_t first = claim_by(0, A, -1).epoch;
	progress_on(0, first, 9, true);
	struct registry_claim gap = claim_for_gap(0, 0, 0);
	cr_assert_gt(gap.epoch, first);
	cr_assert_eq(gap.previous.number, 9, "the run goes on");
	struct registry_claim next =
	    ask(0, (struct registry_request){.publisher = B, .policy = TAKEOVER_REJECT, .silent_ms = 0}).claim;
	cr_assert_gt(next.epoch, gap.epoch, "who publishes need not wait, nor be who was there before");
}

static void yield(struct registry *r, void *context) {
	registry_yield(r, &name, *(uint64_t *)context);
}

void contract_a_name_that_was_yielded_is_not_told_of(void) {
	struct registry_claim first = claim_on(0);
	progress_on(0, first.epoch, 7, false);
	on_node(0, yield, &first.epoch);
	progress_on(0, first.epoch, 8, false);
	release_on(0, first.epoch);
	struct registry_claim second = claim_on(0);
	cr_assert_gt(second.epoch, first.epoch);
	cr_assert(!second.known || second.previous.number == 7, "who let go still told the map");
}

static void finish(struct registry *r, void *context) {
	registry_finish(r, &name, *(uint64_t *)context);
}

void contract_a_run_that_nobody_knows_is_over(void) {
	uint64_t epoch = 5;
	on_node(1, finish, &epoch);
	wait_for_count(&node_news(1)->finished, 1);
	cr_assert_eq(node_news(1)->run, REGISTRY_RUN_OVER);
}

static void claim_and_forget(struct registry *r, void *context) {
	begin_claim(r, context);
	registry_forget(r, &name, context);
}

void contract_a_grant_whose_asker_was_forgotten_holds_nothing(void) {
	struct claiming_test gone = {.request = {.publisher = A, .stall_ms = 2000, .silent_ms = -1}};
	struct registry_request other = {.publisher = B, .policy = TAKEOVER_REJECT, .silent_ms = 0};
	on_node(0, claim_and_forget, &gone);
	struct claiming_test next = ask(0, other);
	for (int i = 0; i < WAIT_MAX_MS && !next.claim.epoch; i++)
		next = ask(0, other); /* what was granted to nobody is let go of a moment later */
	cr_assert_neq(next.claim.epoch, 0, "%s", next.refusal);
	cr_assert_eq(gone.answered, 0);
}
