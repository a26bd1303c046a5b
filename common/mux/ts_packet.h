/*
 * ts_packet.h: packets of MPEG-TS (ISO/IEC 13818-1 2.4.3), and sections of tables in them (2.4.4). Errors stick in the
 * buffer.
 */
#pragma once

#include "common/base/buffer.h"

#include <stdbool.h>

enum { TS_PACKET_SIZE = 188, TS_CLOCK = 90000, TS_SECTION_MAX = 1024 };

/* What the adaptation field of a payload's first packet says. */
struct ts_adaptation {
	bool discontinuity; /* the counter begins anew here */
	bool random_access; /* decoding may begin here */
	bool has_pcr;
	int64_t pcr; /* 90 kHz; taken modulo 2^33 */
};

/* A PID and its continuity counter: the value that its next packet will have. */
struct ts_pid {
	uint16_t pid;
	uint8_t counter;
};

/* A payload that begins a unit (a PES packet or a padded section), over as many packets as it needs; the last one is
 * stuffed. */
void ts_packets_write(struct buffer *out, struct ts_pid *pid, const struct ts_adaptation *first, struct slice payload);

/* A packet of a clock reference without a payload, which does not count. */
void ts_clock_write(struct buffer *out, const struct ts_pid *pid, int64_t pcr);

/* A section of a table (2.4.4.11), at most TS_SECTION_MAX bytes with its CRC, which is added here: from table_id on,
 * with section_length as yet unset. */
void ts_section_write(struct buffer *out, struct ts_pid *pid, bool discontinuity, struct buffer *section);
