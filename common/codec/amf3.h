/*
 * amf3.h: AMF3, read into the same tree as AMF0. Weir never writes it: a peer that speaks AMF3 also reads AMF0.
 *
 * References (strings, objects, traits) are resolved; what one refers to counts in full against the limits of amf.h, so
 * that walking or writing a document costs no more than its limits say. Vectors become arrays.
 *
 * Errors: UV_EINVAL for bytes that are cut short or broken, UV_E2BIG past a limit, UV_ENOTSUP for objects that contain
 * themselves, externalizable objects (only their class knows their form) and dictionaries, UV_ENOMEM.
 */
#pragma once

#include "common/base/reader.h"
#include "common/codec/amf.h"

enum { AMF3_REFERENCES_MAX = 8192 }; /* entries of each reference table */

/*
 * Reads values until `r` ends, with one set of reference tables. The document is the caller's. On failure `*out` is
 * untouched and the position of `r` undefined.
 */
int amf3_read(struct reader *r, struct amf_doc **out);
