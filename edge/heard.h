/*
 * heard.h: the names that origins told this worker of: what could be watched here, whether or not anybody does. For the
 * list of what is live, and for edges below, who are told what was heard before they came.
 *
 * Nobody tells of an end to those who do not watch: so a name is kept until a search does not find it. One is made for
 * each when the list is asked for, or when the table is nearly full; seldom enough that many who look cost no more than
 * one. The table has a bound (limits.streams); the name that was heard or found longest ago goes first.
 */
#pragma once

#include "common/base/hash.h"
#include "common/http/server.h"
#include "common/relay/serve.h"

struct edge;
struct heard_name;

struct heard {
	struct heard_name *names; /* a hash table */
	struct list by_age;       /* who was heard or found longest ago first */
	uint64_t searched_ms;     /* when all were last searched for; 0: never */
};

void heard_init(struct heard *h);

/* True: of this claim, or of a newer one of the name, nothing was known. */
bool heard_note(struct edge *e, const struct stream_name *name, uint64_t epoch);

/* Tells a new link from below all that was heard (struct relay_server). */
void heard_greet(struct relay_server *server, struct link *l);

/* GET /api/v1/live: {"live":[{"name":…,"epoch":…}]}, by what the last search found and what was heard since; begins the
 * next search if it is time. */
void heard_list(struct http_exchange *x);

/* Searches that are under way are forgotten. */
void heard_fini(struct edge *e);
