/*
 * negotiate.h: what a request's fields ask of an answer: conditions, ranges, a coding. Pure.
 *
 * References: RFC 9110, 8.8.3 (ETag), 12.5.3 (Accept-Encoding), 13.1 (conditions), 14.2 (Range).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* If-None-Match against the answer's tag, by weak comparison; "*" matches all. A tag with the suffix that
 * http_etag_gzip adds is the same answer. */
bool http_etag_matches(const char *list, const char *etag);

/* If-Range against the tag, by strong comparison. A date never matches: we give none. */
bool http_if_range_holds(const char *text, const char *etag);

/* The tag of the answer's gzip form: "x" → "x-gzip". At most `size` bytes with the NUL; cut if it must. */
void http_etag_gzip(const char *etag, char *out, unsigned size);

enum http_range { HTTP_RANGE_WHOLE, HTTP_RANGE_PART, HTTP_RANGE_OUTSIDE };

/* One range of bytes of a body of `size`: PART sets both ends, `last` included. What is no byte range, or several, asks
 * for the whole, as RFC 9110, 14.2 allows; OUTSIDE is answered 416. */
enum http_range http_range_parse(const char *text, uint64_t size, uint64_t *first, uint64_t *last);

/* Accept-Encoding takes gzip. */
bool http_accepts_gzip(const char *text);
