/*
 * viewer_http.h: viewers by HLS and DASH: playlists, manifests, init segments, segments and parts, which the stream's
 * packaging has (package_ask.h). What the URLs are is in docs/protocols.md.
 */
#pragma once

#include "common/http/server.h"

/* The routes' handlers. */
void viewer_http_multivariant(struct http_exchange *x); /* /{app}/{name}/index.m3u8 */
void viewer_http_manifest(struct http_exchange *x);     /* /{app}/{name}/manifest.mpd */
void viewer_http_steering(struct http_exchange *x);     /* /{app}/{name}/steering.json */
void viewer_http_playlist(struct http_exchange *x);     /* /{app}/{name}/{track}/index.m3u8 */
void viewer_http_media(struct http_exchange *x);        /* /{app}/{name}/{track}/{epoch}/{file} */
