/*
 * amf.h: the little AMF0 and RTMP framing that a client's commands need. Each function returns how many bytes it put.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

size_t amf_string(uint8_t *out, const char *s);
size_t amf_key(uint8_t *out, const char *s);
size_t amf_number(uint8_t *out, double v);
size_t amf_null(uint8_t *out);

/* The `connect` command (transaction 1) for an application on a host. At most 600 bytes. */
size_t amf_connect(uint8_t *out, const char *host, const char *app);

/* A message on chunk stream 3 in chunks of 128 bytes. `out` has room for `size` and 12 bytes, and one each 128 more. */
size_t amf_message(uint8_t *out, uint8_t type, uint8_t stream, const uint8_t *body, size_t size);
