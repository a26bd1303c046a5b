/* tls_watch.c: certificates that change in their files, and ticket keys that change by the clock; on one worker. */
#include "common/loop/tls_parts.h"

#include "common/base/logger.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* --- to all workers --- */

struct update {
	struct message message;
	struct tls *tls;
	struct tls_certificates *certificates; /* NULL: as they are */
	struct tls_tickets *tickets;
};

static void deliver_update(struct worker *w, struct message *m) {
	struct update *u = (struct update *)m;
	tls_slot_set(&u->tls->slots[w->index], u->certificates, u->tickets);
	tls_certificates_unref(&u->certificates);
	tls_tickets_unref(&u->tickets);
	free(u);
}

/* A worker that cannot be told goes on with what it has. */
static void tell_workers(struct tls *t, struct tls_certificates *certificates, struct tls_tickets *tickets) {
	struct workers *group = t->watch.worker->group;
	for (unsigned i = 0; i < workers_count(group); i++) {
		struct update *u = calloc(1, sizeof *u);
		if (!u) {
			log_error("a worker keeps its old certificates or ticket keys: out of memory", log_u64("worker", i));
			continue;
		}
		u->message.deliver = deliver_update;
		u->tls = t;
		u->certificates = certificates ? tls_certificates_ref(certificates) : NULL;
		u->tickets = tickets;
		if (tickets)
			counted_ref(&tickets->counted);
		worker_post(workers_at(group, i), &u->message);
	}
}

/* --- files --- */

static void stamp(const char *path, struct tls_stamp *out) {
	struct stat st;
	memset(out, 0, sizeof *out);
	if (stat(path, &st) != 0)
		return;
	out->inode = st.st_ino;
	out->size = (uint64_t)st.st_size;
	out->changed_s = st.st_mtim.tv_sec;
	out->changed_ns = st.st_mtim.tv_nsec;
	out->status_s = st.st_ctim.tv_sec;
	out->status_ns = st.st_ctim.tv_nsec;
}

void tls_stamp_files(const struct tls_settings *s, struct tls_stamp *out) {
	char certificate[PATH_MAX], key[PATH_MAX];
	for (size_t i = 0; i < s->count; i++) {
		if (!tls_pair_files(s->pairs[i], certificate, key))
			continue;
		stamp(certificate, &out[2 * i]);
		stamp(key, &out[2 * i + 1]);
	}
}

/* A look at the files, on libuv's pool. */
struct job {
	uv_work_t work;
	struct tls *tls;
	struct tls_stamp stamps[2 * TLS_PAIRS_MAX]; /* of what is served, then as they are */
	bool changed;
	int error;
	struct tls_certificates *certificates;
	struct buffer why;
};

static void look(uv_work_t *work) {
	struct job *j = work->data;
	struct tls_stamp now[2 * TLS_PAIRS_MAX] = {0};
	tls_stamp_files(&j->tls->settings, now);
	j->changed = memcmp(now, j->stamps, sizeof now) != 0;
	memcpy(j->stamps, now, sizeof now);
	if (j->changed)
		j->error = tls_certificates_new(&j->certificates, &j->tls->settings, &j->why);
}

/* Files that cannot be used are read at each look, for what hinders need not show in their stamps; a reason is logged
 * once. */
static void tell_unusable(struct tls_watch *w, struct job *j) {
	char why[sizeof w->told] = "out of memory";
	if (j->why.size)
		snprintf(why, sizeof why, "%.*s", (int)j->why.size - 1, (const char *)j->why.block->data); /* no line's end */
	if (strcmp(why, w->told) == 0)
		return;
	memcpy(w->told, why, sizeof why);
	log_warn("certificates changed and cannot be used; the old ones go on", log_str("reason", why));
}

static void take_up(struct tls *t, struct job *j) {
	if (j->error) {
		tell_unusable(&t->watch, j);
		return;
	}
	t->watch.told[0] = '\0';
	if (!j->changed)
		return;
	memcpy(t->watch.stamps, j->stamps, sizeof j->stamps);
	log_info("certificates read again", log_u64("certificates", j->certificates->count));
	tell_workers(t, j->certificates, NULL);
}

static void arm(struct tls *t) {
	if (timer_start(&t->watch.timer, t->settings.reload_ms))
		log_error("certificates are watched no more", log_err(UV_ENOMEM));
}

static void on_looked(uv_work_t *work, int status) {
	struct job *j = work->data;
	struct tls *t = j->tls;
	struct worker *w = work->loop->data;
	bool watching = t->watch.worker != NULL;
	t->watch.reading = false;
	if (watching && !status)
		take_up(t, j);
	if (watching)
		arm(t);
	tls_certificates_unref(&j->certificates);
	buffer_fini(&j->why);
	free(j);
	worker_release(w);
}

static int begin_look(struct tls *t) {
	struct job *j = calloc(1, sizeof *j);
	if (!j)
		return UV_ENOMEM;
	j->work.data = j;
	j->tls = t;
	memcpy(j->stamps, t->watch.stamps, sizeof j->stamps);
	buffer_init(&j->why, 0);
	int err = uv_queue_work(&t->watch.worker->loop, &j->work, look, on_looked);
	if (err) {
		free(j);
		return err;
	}
	t->watch.reading = true;
	worker_hold(t->watch.worker);
	return 0;
}

/* --- time --- */

static void change_tickets(struct tls *t) {
	struct worker *w = t->watch.worker;
	struct tls_tickets *fresh = tls_tickets_new(t->slots[w->index].tickets);
	if (!fresh) {
		log_error("ticket keys cannot be changed", log_err(UV_ENOMEM));
		return;
	}
	tell_workers(t, NULL, fresh);
	tls_tickets_unref(&fresh);
	t->watch.tickets_ms = worker_now_ms(w);
}

static void on_timer(struct timer *timer) {
	struct tls *t = list_entry(timer, struct tls, watch.timer);
	if (worker_now_ms(t->watch.worker) - t->watch.tickets_ms >= TLS_TICKETS_CHANGE_MS)
		change_tickets(t);
	if (t->watch.reading || begin_look(t))
		arm(t);
}

int tls_watch(struct tls *t, struct worker *w) {
	t->watch.tickets_ms = worker_now_ms(w);
	timer_init(&t->watch.timer, w, on_timer);
	int err = timer_start(&t->watch.timer, t->settings.reload_ms);
	if (!err)
		t->watch.worker = w;
	return err;
}

void tls_watch_stop(struct tls *t) {
	if (!t || !t->watch.worker)
		return;
	timer_stop(&t->watch.timer);
	t->watch.worker = NULL;
}
