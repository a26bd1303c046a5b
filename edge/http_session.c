#include "edge/http_session.h"

#include "common/base/hash.h"
#include "common/base/logger.h"
#include "common/base/metrics.h"
#include "common/base/random.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a session is found by: its key; or "ADDRESS AGENT" with the protocol's letter before it. */
enum { FIND_SIZE = ADDRESS_TEXT_MAX + PACKAGE_AGENT_SIZE + 4 };
static_assert((int)FIND_SIZE > (int)RANDOM_ID_SIZE, "a key fits");

struct http_session {
	struct list by_age;
	char find[FIND_SIZE];
	char id[RANDOM_ID_SIZE];
	bool dash;
	struct stream_name name;
	char remote[ADDRESS_TEXT_MAX], agent[PACKAGE_AGENT_SIZE];
	uint64_t began_ms, asked_ms, bytes, requests;
	char address[FIND_SIZE];
	UT_hash_handle hh, hh_address; /* by address: the one that asked for a playlist last */
};

static enum metric gauge_of(const struct http_session *s) {
	return s->dash ? M_VIEWERS_DASH : M_VIEWERS_HLS;
}

static const char *protocol_of(const struct http_session *s) {
	return s->dash ? "dash" : "hls";
}

void http_sessions_init(struct http_sessions *t, int64_t most) {
	*t = (struct http_sessions){.most = most};
	list_init(&t->by_age);
}

/* Keys are the players' to choose, and agents too: the node has a bound for them. */
static bool is_one_too_many(const struct http_sessions *t) {
	if (metric_value(M_VIEWERS_HLS) + metric_value(M_VIEWERS_DASH) < t->most)
		return false;
	metric_inc(M_HTTP_SESSIONS_REFUSED);
	return true;
}

static struct http_session *session_new(struct http_sessions *t, const struct package_question *q, const char *find,
                                        uint64_t now_ms) {
	struct http_session *s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	snprintf(s->find, sizeof s->find, "%s", find);
	if (q->session[0])
		memcpy(s->id, q->session, sizeof s->id);
	else
		random_id(s->id);
	s->dash = q->what == PACKAGE_MANIFEST;
	s->name = q->name;
	memcpy(s->remote, q->remote, sizeof s->remote);
	memcpy(s->agent, q->agent, sizeof s->agent);
	s->began_ms = now_ms;
	list_init(&s->by_age);
	HASH_ADD_STR(t->table, find, s);
	if (!HASH_ADDED(hh, s)) {
		free(s);
		return NULL;
	}
	metric_inc(gauge_of(s));
	log_peer_info("http viewer started", log_str("stream", s->name.text), log_str("protocol", protocol_of(s)),
	              log_str("session", s->id), log_str("remote", s->remote));
	return s;
}

static void session_free(struct http_sessions *t, struct http_session *s) {
	metric_dec(gauge_of(s));
	log_peer_info("http viewer left", log_str("stream", s->name.text), log_str("protocol", protocol_of(s)),
	              log_str("session", s->id), log_str("remote", s->remote), log_u64("sent", s->bytes),
	              log_u64("age_ms", s->asked_ms - s->began_ms));
	if (s->hh_address.tbl)
		HASH_DELETE(hh_address, t->by_address, s);
	HASH_DEL(t->table, s);
	list_remove(&s->by_age);
	free(s);
}

static void write_address(char out[FIND_SIZE - 2], const struct package_question *q) {
	size_t remote = strlen(q->remote), agent = strlen(q->agent);
	memcpy(out, q->remote, remote); /* each has its own limit: together they fit */
	out[remote] = ' ';
	memcpy(out + remote + 1, q->agent, agent + 1);
}

static void write_find(char out[FIND_SIZE], const struct package_question *q) {
	out[0] = q->what == PACKAGE_MANIFEST ? 'd' : 'h';
	out[1] = ' ';
	write_address(out + 2, q);
}

static struct http_session *session_by_address(const struct http_sessions *t, const struct package_question *q) {
	char address[FIND_SIZE];
	struct http_session *s;
	write_address(address, q);
	HASH_FIND(hh_address, t->by_address, address, strlen(address), s);
	return s;
}

/* It asked for a playlist: segments for its address count for it from now on. */
static void take_address(struct http_sessions *t, struct http_session *s, const struct package_question *q) {
	char address[FIND_SIZE];
	write_address(address, q);
	if (s->hh_address.tbl && strcmp(s->address, address) == 0)
		return;
	struct http_session *other = session_by_address(t, q);
	if (other) {
		HASH_DELETE(hh_address, t->by_address, other);
		other->hh_address.tbl = NULL;
	}
	if (s->hh_address.tbl)
		HASH_DELETE(hh_address, t->by_address, s);
	memcpy(s->address, address, sizeof address);
	HASH_ADD_KEYPTR(hh_address, t->by_address, s->address, strlen(s->address), s);
}

/* By a playlist or manifest: found, or made. The multivariant playlist alone, which gives out the keys, makes none. */
static struct http_session *session_of(struct http_sessions *t, const struct package_question *q, uint64_t now_ms) {
	char find[FIND_SIZE];
	struct http_session *s;
	if (q->session[0])
		memcpy(find, q->session, sizeof q->session);
	else
		write_find(find, q);
	HASH_FIND_STR(t->table, find, s);
	if (!s && q->what != PACKAGE_MULTIVARIANT && !is_one_too_many(t))
		s = session_new(t, q, find, now_ms);
	if (s)
		take_address(t, s, q);
	return s;
}

static void was_given(struct http_sessions *t, struct http_session *s, uint64_t now_ms, uint64_t bytes) {
	s->asked_ms = now_ms;
	s->bytes += bytes;
	list_remove(&s->by_age);
	list_append(&t->by_age, &s->by_age);
}

void http_sessions_note(struct http_sessions *t, const struct package_question *q, uint64_t now_ms, uint64_t bytes) {
	struct http_session *s = q->what == PACKAGE_MEDIA ? session_by_address(t, q) : session_of(t, q, now_ms);
	if (!s)
		return;
	was_given(t, s, now_ms, bytes);
	s->requests++;
}

void http_sessions_note_more(struct http_sessions *t, const struct package_question *q, uint64_t now_ms,
                             uint64_t bytes) {
	struct http_session *s = session_by_address(t, q);
	if (s)
		was_given(t, s, now_ms, bytes);
}

void http_sessions_expire(struct http_sessions *t, uint64_t now_ms, uint64_t idle_ms) {
	while (!list_empty(&t->by_age)) {
		struct http_session *oldest = list_entry(t->by_age.next, struct http_session, by_age);
		if (now_ms - oldest->asked_ms < idle_ms)
			return;
		session_free(t, oldest);
	}
}

size_t http_sessions_count(const struct http_sessions *t) {
	return HASH_COUNT(t->table);
}

size_t http_sessions_active(const struct http_sessions *t, uint64_t now_ms, uint64_t within_ms) {
	size_t count = 0;
	for (const struct http_session *s = t->table; s; s = s->hh.next)
		count += now_ms - s->asked_ms < within_ms;
	return count;
}

bool http_sessions_known(const struct http_sessions *t, const struct package_question *q) {
	return session_by_address(t, q) != NULL;
}

void http_sessions_list(const struct http_sessions *t, uint64_t now_ms, json_t *array) {
	struct http_session *s, *next;
	HASH_ITER(hh, t->table, s, next) {
		json_array_append_new(array,
		                      json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "id", s->id, "protocol",
		                                protocol_of(s), "state", "playing", "stream", s->name.text, "remote", s->remote,
		                                "agent", s->agent, "age_ms", (json_int_t)(now_ms - s->began_ms), "idle_ms",
		                                (json_int_t)(now_ms - s->asked_ms), "requests", (json_int_t)s->requests,
		                                "sent_bytes", (json_int_t)s->bytes));
	}
}

void http_sessions_fini(struct http_sessions *t) {
	struct http_session *s, *next;
	HASH_ITER(hh, t->table, s, next) {
		session_free(t, s);
	}
}
