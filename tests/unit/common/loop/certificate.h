/*
 * certificate.h: certificates that sign themselves, for tests of TLS.
 */
#pragma once

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>

/* Its names are `names` ("DNS:a.test,DNS:*.b.test"). */
static inline X509 *certificate_sign(EVP_PKEY *key, const char *names) {
	X509 *x = X509_new();
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
	X509_sign(x, key, EVP_sha256());
	return x;
}

/* Writes a new certificate and its key to two files. */
static inline bool certificate_write(const char *certificate, const char *key, const char *names) {
	EVP_PKEY *pair = EVP_EC_gen("P-256");
	X509 *x = certificate_sign(pair, names);
	FILE *c = fopen(certificate, "w"), *k = fopen(key, "w");
	bool well = c && k && PEM_write_X509(c, x) && PEM_write_PrivateKey(k, pair, NULL, NULL, 0, NULL, NULL);
	if (c)
		fclose(c);
	if (k)
		fclose(k);
	X509_free(x);
	EVP_PKEY_free(pair);
	return well;
}
