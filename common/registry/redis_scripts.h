/*
 * redis_scripts.h: what the map does in one step: Lua, run by Redis. Times are Redis's own (TIME), so that nodes with
 * wrong clocks agree; epochs are below 2^53, exact in Lua's numbers. Only origin, incarnation and epoch decide who owns
 * a stream.
 *
 * PREFIXstream:NAME (hash, TTL): origin, incarnation, address, epoch, state (live, waiting, or filled: by a slate),
 * publisher, credential, heard (ms), takeovers (ms of the newest), held_until (ms), and the run's: run, number,
 * wall_us, highest_us, base_us, discontinuity, target_ms, track; and replicas (ids of who holds copies, each ended by a
 * newline) PREFIXnode:ID (hash, TTL): role, address (of its relay), http (its address), region, zone, version,
 * incarnation, state (up, draining), capacity (connections; 0: not known), and its load: busy (permille), sent_bits (a
 * second) PREFIXnodes (sorted set): ids by the second in which they expire PREFIXnodes:listed (hash, TTL): the whole
 * list as SCRIPT_NODES answers it, and when (ms) it was made: it is given to all who ask within REDIS_LISTED_MS
 * PREFIXtrial: there only while SCRIPT_TRIAL runs
 * PREFIXchanges (channel; with a database other than 0 PREFIXchanges:NUMBER, for Redis's channels are the server's):
 *     "stream NAME EPOCH ORIGIN" (epoch 0: gone), "node ID"
 */
#pragma once

#define REDIS_LISTED_TEXT "250"
enum { REDIS_LISTED_MS = 250 };

enum redis_script {
	/* Key: the stream. → {"granted", epoch, the epoch before, run, number, …, track}, with the time since its owner was
	 * heard (µs) in the place of wall_us; or {"refused", why}, with a third element when it begins a time in which the
	 * holder stays. */
	SCRIPT_CLAIM,
	/* Key: the stream. → {"ok"} or {"lost", epoch, origin}. */
	SCRIPT_PROGRESS,
	/* Key: the stream. → 1, or 0: it is another's. */
	SCRIPT_RELEASE,
	/* Key: the stream, of which the asking node holds a copy. → 0: a newer epoch is there; 1: the run is over; 2:
	 * its owner is there. */
	SCRIPT_FINISH,
	/* Key: the node. Says that it is there; if anything but its load is new, others are told. → nothing; or the
	 * incarnation of a younger process of that node, which keeps the key. */
	SCRIPT_NODE,
	/* Key: the node. It goes. */
	SCRIPT_LEAVE,
	/* Key: the set of nodes. → of each that is there, of all or of those that are named: id, role, address, http,
	 * region, zone, version, state, incarnation, capacity, busy, sent_bits; in one text, each ended by a NUL. Of all:
	 * as it was at most REDIS_LISTED_MS ago. */
	SCRIPT_NODES,
	/* Key: PREFIXtrial; and the channel. Runs each command that the others run, writes among them, and leaves nothing
	 * behind: its error is what another one would meet. The last one. */
	SCRIPT_TRIAL,
};

/* NULL-terminated, in that order. */
extern const char *const redis_scripts[];
