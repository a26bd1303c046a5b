#include "common/loop/conn.h"
#include "common/loop/listener.h"
#include "common/loop/tls.h"
#include "common/loop/tls_parts.h"
#include "tests/unit/common/loop/certificate.h"
#include "tests/unit/common/loop/tls_client.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

/* Each test runs in a process of its own. */
enum { BULK = 12 * 1000 * 1000, PERIOD = 251 /* of the bytes that a bulk sends: no size of ours divides by it */ };

struct session {
	struct conn conn;
	size_t to_send, sent;
	int reads;
};

static struct { char folder[64], a[128], a_key[128], b[128], b_key[128], pair_a[260], pair_b[260]; } files;
static const char *pairs[2] = {files.pair_a, files.pair_b};
static const uint8_t alpn[] = "\x02h2\x08http/1.1";
static struct tls_settings settings = {
    .pairs = pairs, .count = 2, .alpn = {alpn, sizeof alpn - 1}, .handshake_timeout_ms = 10000, .reload_ms = 20};
static struct tls *tls;
static struct workers *group;
static struct listener listeners[2];
static char addresses[2][64];
static struct bytes *pattern;
static _Atomic int closed, ended;
static _Atomic int end_error;
static bool bulk, pause_at_first;

/* --- the server --- */

static void fill(struct session *s) {
	while (s->to_send && !conn_blocked(&s->conn)) {
		/* Small runs and large ones, whose borders are no records'. */
		struct conn_slice slices[3];
		size_t sizes[3] = {11, 40000, 700}, offered = 0;
		size_t count = 0;
		for (; count < 3 && offered < s->to_send; count++) {
			size_t left = s->to_send - offered, n = sizes[count] < left ? sizes[count] : left;
			slices[count] = (struct conn_slice){pattern->data + (s->sent + offered) % PERIOD, n, pattern};
			offered += n;
		}
		int done = conn_try_writev(&s->conn, slices, count);
		if (done < 0)
			break;
		for (int i = 0; i < done; i++) {
			s->to_send -= slices[i].size;
			s->sent += slices[i].size;
		}
	}
	if (!s->to_send)
		conn_close_after_send(&s->conn, 5000);
}

static void resume(struct worker *w, void *context) {
	(void)w;
	struct session *s = context;
	conn_read_resume(&s->conn);
}

static void on_read(struct conn *c, const uint8_t *data, size_t size) {
	struct session *s = list_entry(c, struct session, conn);
	if (bulk) {
		s->to_send = BULK;
		fill(s);
		return;
	}
	cr_expect_eq(conn_send(c, bytes_copy(data, size)), 0);
	if (pause_at_first) { /* at each, in truth: the rest comes a turn later */
		conn_read_pause(c);
		s->reads++;
		call_on(c->worker, resume, s);
	}
}

static void on_writable(struct conn *c) {
	struct session *s = list_entry(c, struct session, conn);
	if (s->to_send)
		fill(s);
}

static void on_end(struct conn *c, int error) {
	atomic_store(&end_error, error);
	atomic_fetch_add(&ended, 1);
	conn_close(c);
}

static void on_closed(struct conn *c) {
	free(list_entry(c, struct session, conn));
	atomic_fetch_add(&closed, 1);
}

static const struct conn_ops ops = {
    .on_read = on_read, .on_writable = on_writable, .on_end = on_end, .on_closed = on_closed};

static void on_connection(struct listener *l) {
	struct session *s = calloc(1, sizeof *s);
	cr_expect_eq(conn_accept(&s->conn, l, &ops), 0);
}

/* Each worker has a port of its own, so that a test can choose. */
static int start_worker(struct worker *w, void *context) {
	(void)context;
	for (int i = 0; i < 50; i++) {
		struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		socklen_t size = sizeof sa;
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		bind(fd, (struct sockaddr *)&sa, size);
		getsockname(fd, (struct sockaddr *)&sa, &size);
		close(fd);
		snprintf(addresses[w->index], sizeof addresses[0], "127.0.0.1:%u", ntohs(sa.sin_port));
		if (listener_probe(addresses[w->index]) == 0 &&
		    listener_open(&listeners[w->index], w, addresses[w->index], on_connection, NULL) == 0) {
			listeners[w->index].tls = tls;
			return w->index == 0 ? tls_watch(tls, w) : 0;
		}
	}
	return UV_EADDRINUSE;
}

static void stop_worker(struct worker *w, void *context) {
	(void)context;
	listener_close(&listeners[w->index]);
	if (w->index == 0)
		tls_watch_stop(tls);
}

static const struct worker_hooks hooks = {.start = start_worker, .stop = stop_worker};

static void make_files(void) {
	snprintf(files.folder, sizeof files.folder, "/tmp/weir-tls-XXXXXX");
	cr_assert(mkdtemp(files.folder));
	snprintf(files.a, sizeof files.a, "%s/a.pem", files.folder);
	snprintf(files.a_key, sizeof files.a_key, "%s/a.key", files.folder);
	snprintf(files.b, sizeof files.b, "%s/b.pem", files.folder);
	snprintf(files.b_key, sizeof files.b_key, "%s/b.key", files.folder);
	snprintf(files.pair_a, sizeof files.pair_a, "%s:%s", files.a, files.a_key);
	snprintf(files.pair_b, sizeof files.pair_b, "%s:%s", files.b, files.b_key);
	cr_assert(certificate_write(files.a, files.a_key, "DNS:a.test"));
	cr_assert(certificate_write(files.b, files.b_key, "DNS:*.b.test"));
}

static void remove_files(void) {
	const char *all[] = {files.a, files.a_key, files.b, files.b_key};
	for (size_t i = 0; i < 4; i++)
		unlink(all[i]);
	rmdir(files.folder);
}

static void start(void) {
	struct buffer why;
	buffer_init(&why, 0);
	signal(SIGPIPE, SIG_IGN); /* as a node does */
	make_files();
	pattern = bytes_new(50000);
	for (size_t i = 0; i < pattern->size; i++)
		pattern->data[i] = (uint8_t)(i % PERIOD);
	cr_assert_eq(tls_new(&tls, &settings, &why), 0);
	cr_assert_eq(workers_start(&group, 2, &hooks, NULL), 0);
}

static void stop(void) {
	cr_assert_eq(workers_stop(&group, 5000), 0);
	tls_free(&tls);
	bytes_unref(&pattern);
	remove_files();
}

/* --- bytes --- */

static void read_bulk(int version) {
	struct client c;
	uint8_t piece[3000];
	size_t got = 0;
	int n;
	bulk = true;
	start();
	cr_assert(client_open(&c, (struct wish){.address = addresses[0], .version = version}));
	cr_assert_eq(SSL_write(c.ssl, "go", 2), 2);
	while ((n = SSL_read(c.ssl, piece, sizeof piece)) > 0)
		for (int i = 0; i < n; i++, got++)
			cr_assert_eq(piece[i], got % PERIOD, "byte %zu is wrong", got);
	cr_expect_eq(got, BULK);
	cr_expect_eq(SSL_get_error(c.ssl, n), SSL_ERROR_ZERO_RETURN, "the end is said by close_notify");
	client_close(&c);
	wait_for_count(&closed, 1);
	stop();
}

Test(tls, much_reaches_a_slow_client_whole_and_in_order) {
	read_bulk(0);
}

Test(tls, version_1_2_carries_the_same) {
	read_bulk(TLS1_2_VERSION);
}

Test(tls, what_comes_while_reading_is_paused_waits_its_turn) {
	enum { SIZE = 300000 };
	static uint8_t sent[SIZE], back[SIZE];
	struct client c;
	size_t got = 0, at = 0;
	pause_at_first = true;
	start();
	for (size_t i = 0; i < SIZE; i++)
		sent[i] = (uint8_t)(i % PERIOD);
	cr_assert(client_open(&c, (struct wish){.address = addresses[0]}));
	while (got < SIZE) {
		if (at < SIZE) { /* not all at once: the echo must be read, too */
			cr_assert_eq(SSL_write(c.ssl, sent + at, 20000), 20000);
			at += 20000;
		}
		int n = SSL_read(c.ssl, back + got, SIZE - (int)got);
		cr_assert_gt(n, 0);
		got += (size_t)n;
	}
	cr_expect_arr_eq(back, sent, SIZE);
	client_close(&c);
	wait_for_count(&closed, 1);
	cr_expect_eq(atomic_load(&end_error), UV_EOF);
	stop();
}

/* --- handshakes --- */

Test(tls, the_certificate_follows_the_name_that_is_asked_for) {
	static const struct {
		const char *asked, *served;
	} cases[] = {{"a.test", "a.test"}, {"x.b.test", "x.b.test"}, {"nobody.test", "a.test"}, {NULL, "a.test"}};
	start();
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct client c;
		cr_assert(client_open(&c, (struct wish){.address = addresses[0], .name = cases[i].asked}));
		cr_expect(is_for(&c, cases[i].served), "%s is served by another", cases[i].asked);
		echo_once(&c);
		client_close(&c);
	}
	stop();
}

Test(tls, alpn_chooses_what_we_prefer_and_refuses_what_we_lack) {
	const unsigned char *chosen;
	unsigned size;
	struct client c;
	start();
	cr_assert(client_open(&c, (struct wish){.address = addresses[0], .alpn = "\x08http/1.1\x02h2"}));
	SSL_get0_alpn_selected(c.ssl, &chosen, &size);
	cr_expect(size == 2 && memcmp(chosen, "h2", 2) == 0);
	client_close(&c);
	cr_expect_not(client_open(&c, (struct wish){.address = addresses[0], .alpn = "\003foo"}));
	client_close(&c);
	cr_assert(client_open(&c, (struct wish){.address = addresses[0]}));
	echo_once(&c);
	client_close(&c);
	stop();
}

Test(tls, what_is_no_handshake_ends_the_connection_and_no_other) {
	struct client c;
	char reply[64];
	start();
	cr_assert(client_open(&c, (struct wish){.address = addresses[0]}));
	int fd = connect_socket(addresses[0]);
	cr_assert_eq(write(fd, "GET / HTTP/1.1\r\n\r\n", 18), 18);
	while (read(fd, reply, sizeof reply) > 0) /* an alert, perhaps */
		;
	close(fd);
	wait_for_count(&ended, 1);
	cr_expect_eq(atomic_load(&end_error), UV_EPROTO);
	echo_once(&c);
	client_close(&c);
	stop();
}

Test(tls, a_handshake_that_does_not_end_is_given_up) {
	char byte;
	settings.handshake_timeout_ms = 50;
	start();
	int fd = connect_socket(addresses[0]);
	cr_assert_eq(write(fd, "\x16\x03\x01", 3), 3);
	cr_expect_eq(read(fd, &byte, 1), 0);
	wait_for_count(&ended, 1);
	cr_expect_eq(atomic_load(&end_error), UV_ETIMEDOUT);
	close(fd);
	stop();
}

Test(tls, only_1_3_refuses_1_2) {
	struct client c;
	settings.only_1_3 = true;
	start();
	cr_expect_not(client_open(&c, (struct wish){.address = addresses[0], .version = TLS1_2_VERSION}));
	client_close(&c);
	cr_expect(client_open(&c, (struct wish){.address = addresses[0]}));
	client_close(&c);
	stop();
}

/* --- tickets --- */

/* Whether a session of worker 0 is resumed on worker 1. */
static bool resumes(SSL_SESSION *session, int version) {
	struct client c;
	cr_assert(client_open(&c, (struct wish){.address = addresses[1], .version = version, .session = session}));
	echo_once(&c);
	bool reused = SSL_session_reused(c.ssl);
	client_close(&c);
	return reused;
}

static SSL_SESSION *take_session(int version) {
	struct client c;
	cr_assert(client_open(&c, (struct wish){.address = addresses[0], .version = version}));
	echo_once(&c); /* with 1.3 tickets come behind the handshake */
	SSL_SESSION *s = SSL_get1_session(c.ssl);
	client_close(&c);
	return s;
}

static _Atomic int changed;

static void change_keys(struct worker *w, void *context) {
	(void)context;
	struct tls_tickets *fresh = tls_tickets_new(tls->slots[w->index].tickets);
	tls_slot_set(&tls->slots[w->index], NULL, fresh);
	tls_tickets_unref(&fresh);
	atomic_fetch_add(&changed, 1);
}

Test(tls, a_session_is_resumed_on_another_worker) {
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	start();
	for (size_t i = 0; i < 2; i++) {
		SSL_SESSION *s = take_session(versions[i]);
		cr_expect(resumes(s, versions[i]), "version %x is not resumed", versions[i]);
		SSL_SESSION_free(s);
	}
	stop();
}

Test(tls, tickets_outlive_a_change_of_keys_but_not_all_of_them) {
	start();
	SSL_SESSION *s = take_session(TLS1_2_VERSION);
	for (int i = 1; i < TLS_TICKETS_KEPT; i++) {
		call_on(workers_at(group, 1), change_keys, NULL);
		wait_for_count(&changed, i);
		cr_expect(resumes(s, TLS1_2_VERSION), "not resumed after %d changes", i);
	}
	call_on(workers_at(group, 1), change_keys, NULL);
	wait_for_count(&changed, TLS_TICKETS_KEPT);
	cr_expect_not(resumes(s, TLS1_2_VERSION));
	SSL_SESSION_free(s);
	stop();
}

/* --- files --- */

/* The serving of new connections by what `name` names, on both workers. */
static bool wait_served(const char *name) {
	struct timespec pause = {.tv_nsec = 5000000};
	for (int i = 0; i < WAIT_MAX_MS / 5; i++) {
		int right = 0;
		for (int worker = 0; worker < 2; worker++) {
			struct client c;
			cr_assert(client_open(&c, (struct wish){.address = addresses[worker]}), "nobody is served any more");
			right += is_for(&c, name);
			client_close(&c);
		}
		if (right == 2)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

Test(tls, certificates_that_change_are_served_and_nobody_is_dropped) {
	struct client before;
	start();
	cr_assert(client_open(&before, (struct wish){.address = addresses[0]}));
	cr_assert(certificate_write(files.a, files.a_key, "DNS:new.test"));
	cr_expect(wait_served("new.test"));
	echo_once(&before);
	client_close(&before);
	stop();
}

static _Atomic int looked;

/* 1: the watcher has read files that it cannot use, for the reason in `context`. */
static void compare_reason(struct worker *w, void *context) {
	(void)w;
	atomic_store(&looked, strstr(tls->watch.told, context) != NULL);
}

static bool has_refused(const char *reason) {
	struct timespec pause = {.tv_nsec = 1000000};
	atomic_store(&looked, 0);
	for (int i = 0; i < WAIT_MAX_MS; i++) {
		if (atomic_load(&looked) == 0) {
			atomic_store(&looked, -1);
			call_on(workers_at(group, 0), compare_reason, (void *)reason);
		} else if (atomic_load(&looked) == 1) {
			return true;
		}
		nanosleep(&pause, NULL);
	}
	return false;
}

Test(tls, a_broken_file_leaves_the_old_certificate) {
	start();
	FILE *f = fopen(files.a, "w");
	fputs("no certificate", f);
	fclose(f);
	cr_assert(has_refused(files.a));
	cr_expect(wait_served("a.test"));
	cr_assert(certificate_write(files.a, files.a_key, "DNS:mended.test"));
	cr_expect(wait_served("mended.test"));
	stop();
}

/* Root may read everything: so be nobody, whose files they are. */
static void become_nobody(void) {
	enum { NOBODY = 65534 };
	const char *all[] = {files.folder, files.a, files.a_key, files.b, files.b_key};
	if (geteuid() != 0)
		return;
	for (size_t i = 0; i < 5; i++)
		cr_assert_eq(chown(all[i], NOBODY, NOBODY), 0);
	cr_assert_eq(seteuid(NOBODY), 0);
}

Test(tls, a_new_key_is_read_when_its_rights_are_put_right) {
	char fresh[140], fresh_key[140];
	start();
	become_nobody();
	snprintf(fresh, sizeof fresh, "%s.new", files.a);
	snprintf(fresh_key, sizeof fresh_key, "%s.new", files.a_key);
	cr_assert(certificate_write(fresh, fresh_key, "DNS:new.test"));
	cr_assert_eq(chmod(fresh_key, 0), 0);
	cr_assert_eq(rename(fresh_key, files.a_key), 0);
	cr_assert_eq(rename(fresh, files.a), 0);
	cr_assert(has_refused(files.a_key));
	cr_expect(wait_served("a.test"));
	cr_assert_eq(chmod(files.a_key, 0600), 0);
	cr_expect(wait_served("new.test"));
	stop();
}

Test(tls, files_that_do_not_fit_are_refused_by_name) {
	struct buffer why;
	char expected[400];
	buffer_init(&why, 0);
	make_files();
	snprintf(files.pair_a, sizeof files.pair_a, "%s:%s", files.a, files.b_key);
	cr_expect_eq(tls_new(&tls, &settings, &why), UV_EINVAL);
	buffer_u8(&why, '\0');
	snprintf(expected, sizeof expected, "%s: no private key of %s can be read: key values mismatch\n", files.b_key,
	         files.a);
	cr_expect_str_eq((const char *)why.block->data, expected);
	buffer_clear(&why);
	snprintf(files.pair_a, sizeof files.pair_a, "/nowhere/a.pem");
	cr_expect_eq(tls_new(&tls, &settings, &why), UV_EINVAL);
	buffer_u8(&why, '\0');
	cr_expect(strstr((const char *)why.block->data, "/nowhere/a.pem: "));
	buffer_fini(&why);
	remove_files();
}
