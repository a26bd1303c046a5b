#include "common/loop/tls_tickets.h"
#include "common/loop/tls_parts.h"

#include <openssl/core_names.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

static void destroy(struct counted *c) {
	struct tls_tickets *t = (struct tls_tickets *)c;
	OPENSSL_cleanse(t->keys, sizeof t->keys);
	free(t);
}

struct tls_tickets *tls_tickets_new(const struct tls_tickets *old) {
	struct tls_tickets *t = calloc(1, sizeof *t);
	if (!t)
		return NULL;
	counted_init(&t->counted, destroy);
	if (RAND_bytes((unsigned char *)&t->keys[0], sizeof t->keys[0]) != 1) {
		tls_tickets_unref(&t);
		return NULL;
	}
	t->count = 1;
	for (size_t i = 0; old && i < old->count && t->count < TLS_TICKETS_KEPT; i++)
		t->keys[t->count++] = old->keys[i];
	return t;
}

void tls_tickets_unref(struct tls_tickets **t) {
	if (*t)
		counted_unref(&(*t)->counted);
	*t = NULL;
}

static int set_mac(EVP_MAC_CTX *mac, const struct tls_ticket_key *key) {
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)key->mac, sizeof key->mac),
	    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"sha256", 0),
	    OSSL_PARAM_construct_end(),
	};
	return EVP_MAC_CTX_set_params(mac, params);
}

static int seal_with(const struct tls_ticket_key *key, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac) {
	enum { IV_SIZE = 16 };
	memcpy(name, key->name, sizeof key->name);
	return RAND_bytes(iv, IV_SIZE) == 1 && EVP_EncryptInit_ex2(cipher, EVP_aes_256_cbc(), key->cipher, iv, NULL) &&
	               set_mac(mac, key)
	           ? 1
	           : -1;
}

/* What it returns is ssl(3)'s: 1 opened, 2 opened and to be renewed, 0 not ours (a full handshake follows). */
int tls_tickets_on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
                          int seal) {
	const struct tls_slot *slot = SSL_get_app_data(ssl);
	const struct tls_tickets *t = slot->tickets;
	if (seal)
		return seal_with(&t->keys[0], name, iv, cipher, mac);
	for (size_t i = 0; i < t->count; i++) {
		const struct tls_ticket_key *key = &t->keys[i];
		if (memcmp(name, key->name, sizeof key->name) != 0)
			continue;
		if (!EVP_DecryptInit_ex2(cipher, EVP_aes_256_cbc(), key->cipher, iv, NULL) || !set_mac(mac, key))
			return -1;
		return i == 0 ? 1 : 2;
	}
	return 0;
}
