/*
 * tls_parts.h: TLS's parts. Internal: tls.c (what servers share), tls_watch.c (files and keys that change), tls_conn.c
 * (a connection).
 */
#pragma once

#include "common/loop/tls_certificates.h"
#include "common/loop/tls_tickets.h"

#include <openssl/bio.h>

/* What one worker uses; only its thread touches it while workers run. */
struct tls_slot {
	struct tls_certificates *certificates;
	struct tls_tickets *tickets;
};

/* How a file was when it was last read; its status changes also with its rights alone. */
struct tls_stamp {
	uint64_t inode, size;
	int64_t changed_s, status_s;
	int64_t changed_ns, status_ns;
};

/* Of the watching worker alone. */
struct tls_watch {
	struct worker *worker; /* NULL: nobody watches */
	struct timer timer;
	uint64_t tickets_ms;                        /* when the keys last changed, in the loop's clock */
	bool reading;                               /* a job is on the pool */
	struct tls_stamp stamps[2 * TLS_PAIRS_MAX]; /* of what is served */
	char told[256]; /* why files that have changed cannot be used, as the log has it already; "": they can */
};

struct tls {
	struct tls_settings settings;
	BIO_METHOD *bio; /* tls_conn.c's */
	struct tls_watch watch;
	struct tls_slot slots[WORKERS_MAX];
};

/* How the files are now; what cannot be seen is all zero. Blocks. */
void tls_stamp_files(const struct tls_settings *s, struct tls_stamp *out);

/* The method of a connection's BIO, NULL when memory is out. */
BIO_METHOD *tls_conn_bio_new(void);

/* Gives a slot new references; what it had is let go. NULL: stays. */
void tls_slot_set(struct tls_slot *slot, struct tls_certificates *certificates, struct tls_tickets *tickets);
