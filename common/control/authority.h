/*
 * authority.h: who may change something by the API. Until there are accounts: who has the token that api.token sets;
 * without one, programs on this machine, which no browser sent and no proxy passed on.
 */
#pragma once

#include "common/http/server.h"

#include <stdbool.h>

/* True: it may. False: it has been answered (401, 403). */
bool authority_check(struct http_exchange *x);
