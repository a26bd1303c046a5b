/*
 * node_tls.h: what the configuration says of TLS for HTTP, made; for main, before workers start.
 */
#pragma once

#include "common/base/config.h"
#include "common/loop/tls.h"

/* Reads the certificates. 0, and NULL in `*out` where https.listen is empty and no certificate is named; or UV_EINVAL,
 * UV_ENOMEM with what is wrong in `why`. The configuration must outlive it. */
int node_tls_new(struct tls **out, const struct config_node *c, struct buffer *why);
