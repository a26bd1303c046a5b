/*
 * away.h: a publisher whose name is live at another origin: with ingest.second backup it stands by there. What it sends
 * goes to that origin over the relay, which treats it as a second encoder of its own (standby.h), and the last seconds
 * of it are kept here too: enough to be compared with a copy of that origin's log (standby_carry_on). When that origin
 * is gone the name is claimed here. On the stream's home worker.
 *
 *   phase   | what it does                                        | leaves by
 *   SEEKING | looks for the origin, and for a link to it           | linked: ASKING; in vain: claims, or gives up
 *   ASKING  | that origin is asked to take it                      | PASSING; refused: over
 *   PASSING | its samples are passed on                            | the link lost, or no stream there any more: claims
 *
 * To claim, the intake goes back to ingest.c with what is kept of it and with where it stood by; refused there, it
 * comes back here with both: what that origin has is not claimed as if nobody had it.
 */
#pragma once

#include "origin/origin.h"
#include "origin/seat.h"
#include "origin/shadow.h"

struct gone;

/* The map has refused the name to `i`. `seat` and `shadow` are what is kept of it already (moved from), or NULL.
 * `gone`: where it stood by before, and found nobody (its epoch 0: nowhere). False: out of memory, nothing was moved.
 */
bool away_begin(struct origin *o, struct intake *i, struct seat *seat, struct shadow *shadow, const struct gone *gone);
