/*
 * tls_tickets.h: the keys that session tickets are sealed with (RFC 5077, 4). Internal to TLS. Counted and immutable:
 * all workers seal with the same, so a client may resume on any; a change makes a new set that still opens the tickets
 * of those before.
 */
#pragma once

#include "common/base/counted.h"

#include <openssl/ssl.h>

/* Keys change so often; a ticket lives as long as the keys that open it. */
enum { TLS_TICKETS_KEPT = 3, TLS_TICKETS_CHANGE_MS = 8 * 3600 * 1000 };
enum { TLS_TICKET_LIFETIME_S = (TLS_TICKETS_KEPT - 1) * (TLS_TICKETS_CHANGE_MS / 1000) };

struct tls_ticket_key {
	unsigned char name[16], cipher[32], mac[32];
};

struct tls_tickets {
	struct counted counted;
	size_t count;
	struct tls_ticket_key keys[TLS_TICKETS_KEPT]; /* the newest first, which seals */
};

/* A set with a new key before those of `old` (NULL: none). NULL when memory or randomness is out. */
struct tls_tickets *tls_tickets_new(const struct tls_tickets *old);

void tls_tickets_unref(struct tls_tickets **t);

/* OpenSSL's callback, on the set of the worker whose slot (tls_parts.h) is the SSL's app data. */
int tls_tickets_on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
                          int seal);
