#include "common/loop/tls.h"
#include "common/loop/tls_parts.h"

#include <stdlib.h>

void tls_slot_set(struct tls_slot *slot, struct tls_certificates *certificates, struct tls_tickets *tickets) {
	if (certificates) {
		tls_certificates_unref(&slot->certificates);
		slot->certificates = tls_certificates_ref(certificates);
	}
	if (tickets) {
		tls_tickets_unref(&slot->tickets);
		counted_ref(&tickets->counted);
		slot->tickets = tickets;
	}
}

int tls_new(struct tls **out, const struct tls_settings *settings, struct buffer *why) {
	struct tls *t = calloc(1, sizeof *t);
	struct tls_certificates *certificates = NULL;
	struct tls_tickets *tickets = tls_tickets_new(NULL);
	int err = UV_ENOMEM;
	if (t && tickets && (t->bio = tls_conn_bio_new())) {
		t->settings = *settings;
		tls_stamp_files(settings, t->watch.stamps); /* before they are read: a change meanwhile is seen later */
		err = tls_certificates_new(&certificates, &t->settings, why);
	} else {
		buffer_append_string(why, "out of memory\n");
	}
	for (size_t i = 0; i < WORKERS_MAX && !err; i++)
		tls_slot_set(&t->slots[i], certificates, tickets);
	tls_certificates_unref(&certificates);
	tls_tickets_unref(&tickets);
	if (err)
		tls_free(&t);
	else
		*out = t;
	return err;
}

void tls_free(struct tls **t) {
	struct tls *own = *t;
	*t = NULL;
	if (!own)
		return;
	for (size_t i = 0; i < WORKERS_MAX; i++) {
		tls_certificates_unref(&own->slots[i].certificates);
		tls_tickets_unref(&own->slots[i].tickets);
	}
	BIO_meth_free(own->bio);
	free(own);
}
