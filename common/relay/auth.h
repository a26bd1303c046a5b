/*
 * auth.h: how two nodes prove that they share the cluster's secret, without sending it. Pure.
 *
 * The proof is HMAC-SHA256 with the secret over who proves, both Hellos as they were sent (node ids, roles, fresh
 * nonces), and the TLS exporter where there is TLS. Because the prover's part is named, neither side can be made to
 * answer for the other.
 */
#pragma once

#include "common/base/bytes.h"

#include <stdbool.h>

enum { RELAY_NONCE_SIZE = 32, RELAY_MAC_SIZE = 32 };

enum relay_side { RELAY_CONNECTER, RELAY_ACCEPTER };

/* 0, or UV_ENOMEM. `exporter` may be empty. */
int relay_mac(uint8_t out[RELAY_MAC_SIZE], const char *secret, enum relay_side prover, struct slice connecter_hello,
              struct slice accepter_hello, struct slice exporter);

/* In constant time. */
bool relay_mac_equal(const uint8_t a[RELAY_MAC_SIZE], struct slice b);
