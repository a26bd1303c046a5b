/*
 * registry_contract.h: what every backend of the registry must do, stamped on it by REGISTRY_CONTRACT(suite, open,
 * close). `open` starts both nodes of registry_nodes.h, `close` stops them.
 */
#pragma once

#include "tests/unit/common/registry/registry_nodes.h"

/* A claim of live/cam1 on a node, waited for. `silent_ms`: of the holder on that node, -1: none there. */
struct registry_claim claim_by(int node, const char *publisher, int64_t silent_ms);
struct registry_claim claim_on(int node); /* from one address, with no holder there */

/* Without waiting; *answered becomes 1. */
struct claiming_test {
	_Atomic int answered;
	struct registry_claim claim;
	char refusal[160];
	struct registry_request request;
};
void claim_begin(int node, struct claiming_test *c, const char *publisher);

/* Claims it for a gap, if `epoch`'s owner has been gone for `gone_ms` (epoch 0: in any case), and waits. */
struct registry_claim claim_for_gap(int node, uint64_t epoch, int64_t gone_ms);

/* Tells progress of live/cam1. */
void progress_on(int node, uint64_t epoch, uint64_t number, bool waiting);
void release_on(int node, uint64_t epoch);

void contract_a_claim_gives_an_epoch_and_a_second_one_a_newer(void);
void contract_progress_comes_back_with_the_next_claim(void);
void contract_a_stale_owner_is_not_heard(void);
void contract_release_forgets_the_run(void);
void contract_restart_knows_the_run_and_gives_a_newer_epoch(void);
void contract_two_claimers_at_once_get_different_epochs(void);
void contract_epochs_grow_past_what_was_noted(void);
void contract_the_same_address_takes_over_and_another_must_wait(void);
void contract_reject_keeps_the_holder(void);
void contract_a_credential_decides_where_there_is_one(void);
void contract_who_fights_for_a_name_is_held_off(void);
void contract_a_name_that_waits_is_anybodys(void);
void contract_a_claim_for_a_gap_leaves_the_name_to_anybody(void);
void contract_a_name_that_was_yielded_is_not_told_of(void);
void contract_a_run_that_nobody_knows_is_over(void);
void contract_a_grant_whose_asker_was_forgotten_holds_nothing(void);

#define REGISTRY_CONTRACT_TEST(suite, open, close, behaviour)                                                          \
	Test(suite, behaviour) {                                                                                           \
		open();                                                                                                        \
		contract_##behaviour();                                                                                        \
		close();                                                                                                       \
	}

#define REGISTRY_CONTRACT(suite, open, close)                                                                          \
	REGISTRY_CONTRACT_TEST(suite, open, close, a_claim_gives_an_epoch_and_a_second_one_a_newer)                        \
	REGISTRY_CONTRACT_TEST(suite, open, close, progress_comes_back_with_the_next_claim)                                \
	REGISTRY_CONTRACT_TEST(suite, open, close, a_stale_owner_is_not_heard)                                             \
	REGISTRY_CONTRACT_TEST(suite, open, close, release_forgets_the_run)                                                \
	REGISTRY_CONTRACT_TEST(suite, open, close, restart_knows_the_run_and_gives_a_newer_epoch)                          \
	REGISTRY_CONTRACT_TEST(suite, open, close, two_claimers_at_once_get_different_epochs)                              \
	REGISTRY_CONTRACT_TEST(suite, open, close, epochs_grow_past_what_was_noted)                                        \
	REGISTRY_CONTRACT_TEST(suite, open, close, the_same_address_takes_over_and_another_must_wait)                      \
	REGISTRY_CONTRACT_TEST(suite, open, close, reject_keeps_the_holder)                                                \
	REGISTRY_CONTRACT_TEST(suite, open, close, a_credential_decides_where_there_is_one)                                \
	REGISTRY_CONTRACT_TEST(suite, open, close, who_fights_for_a_name_is_held_off)                                      \
	REGISTRY_CONTRACT_TEST(suite, open, close, a_name_that_waits_is_anybodys)                                          \
	REGISTRY_CONTRACT_TEST(suite, open, close, a_claim_for_a_gap_leaves_the_name_to_anybody)                           \
	REGISTRY_CONTRACT_TEST(suite, open, close, a_name_that_was_yielded_is_not_told_of)                                 \
	REGISTRY_CONTRACT_TEST(suite, open, close, a_run_that_nobody_knows_is_over)                                        \
	REGISTRY_CONTRACT_TEST(suite, open, close, a_grant_whose_asker_was_forgotten_holds_nothing)
