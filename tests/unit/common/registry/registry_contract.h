/*
 * registry_contract.h: what every backend of the registry must do, stamped on it by REGISTRY_CONTRACT(name, fixture).
 *
 * A fixture opens two nodes on one map, each with a worker of its own, and can restart the first.
 */
#pragma once

#include "common/registry/registry.h"

struct registry_fixture {
	/* Runs `fn` on the first or second node's worker, with its registry, and waits until it has returned. */
	void (*on_node)(int node, void (*fn)(struct registry *r, void *context), void *context);
	/* A second handle of the first node, as after a crash: what the map kept is there. */
	void (*restart)(void);
	void (*open)(void);
	void (*close)(void);
};

void contract_a_claim_gives_an_epoch_and_a_second_one_a_newer(const struct registry_fixture *f);
void contract_progress_comes_back_with_the_next_claim(const struct registry_fixture *f);
void contract_a_stale_owner_is_refused(const struct registry_fixture *f);
void contract_release_forgets_the_run(const struct registry_fixture *f);
void contract_restart_knows_the_run_and_gives_a_newer_epoch(const struct registry_fixture *f);
void contract_two_claimers_at_once_get_different_epochs(const struct registry_fixture *f);
void contract_epochs_grow_past_what_was_noted(const struct registry_fixture *f);

#define REGISTRY_CONTRACT_TEST(suite, fixture, behaviour)                                                              \
	Test(suite, behaviour) {                                                                                           \
		(fixture)->open();                                                                                             \
		contract_##behaviour(fixture);                                                                                 \
		(fixture)->close();                                                                                            \
	}

#define REGISTRY_CONTRACT(suite, fixture)                                                                              \
	REGISTRY_CONTRACT_TEST(suite, fixture, a_claim_gives_an_epoch_and_a_second_one_a_newer)                            \
	REGISTRY_CONTRACT_TEST(suite, fixture, progress_comes_back_with_the_next_claim)                                    \
	REGISTRY_CONTRACT_TEST(suite, fixture, a_stale_owner_is_refused)                                                   \
	REGISTRY_CONTRACT_TEST(suite, fixture, release_forgets_the_run)                                                    \
	REGISTRY_CONTRACT_TEST(suite, fixture, restart_knows_the_run_and_gives_a_newer_epoch)                              \
	REGISTRY_CONTRACT_TEST(suite, fixture, two_claimers_at_once_get_different_epochs)                                  \
	REGISTRY_CONTRACT_TEST(suite, fixture, epochs_grow_past_what_was_noted)
