/*
 * messages.h: what other origins say to this one over their links, carried to the home worker of the stream that it is
 * about: Replicate and Replicated.
 */
#pragma once

#include "origin/origin.h"

/* A message that is none of the relay's own (struct relay_server). 0, or UV_EPROTO. */
int origin_on_message(struct relay_server *server, struct link *l, const struct relay_message *m);
