/*
 * metrics_table.h: every metric that a node exports. No include guard: metrics.h and metrics.c expand it differently.
 * METRIC(id, type, family name, labels or "", help); a SHARE is labelled with its worker. Rows of one family stand
 * together and share type and help.
 */
/* clang-format off */
METRIC(M_LOG_DROPPED, COUNTER, "weir_log_dropped_total", "", "Log lines lost because the log's reader was too slow")
METRIC(M_LOG_LEFT_OUT, COUNTER, "weir_log_left_out_total", "", "Log lines left out because peers caused too many of their kind")
METRIC(M_CONNECTIONS_RTMP, GAUGE, "weir_connections", "protocol=\"rtmp\"", "Open connections")
METRIC(M_CONNECTIONS_HTTP, GAUGE, "weir_connections", "protocol=\"http\"", "Open connections")
METRIC(M_CONNECTIONS_RELAY, GAUGE, "weir_connections", "protocol=\"relay\"", "Open connections")
METRIC(M_ACCEPTED, COUNTER, "weir_connections_accepted_total", "", "Connections accepted")
METRIC(M_REFUSED_LIMIT, COUNTER, "weir_connections_refused_total", "reason=\"limit\"", "Connections closed at once")
METRIC(M_HTTP_REQUESTS, COUNTER, "weir_http_requests_total", "", "HTTP requests given to a handler")
METRIC(M_HTTP_REFUSED, COUNTER, "weir_http_requests_refused_total", "", "HTTP requests refused: malformed, too large or too slow")
METRIC(M_SOCKET_RECEIVED, COUNTER, "weir_socket_received_bytes_total", "", "Bytes read from sockets")
METRIC(M_SOCKET_SENT, COUNTER, "weir_socket_sent_bytes_total", "", "Bytes handed to the kernel")
METRIC(M_SOCKET_WRITES, COUNTER, "weir_socket_writes_total", "", "Write calls that sent something")
METRIC(M_SENDER_WRITES, COUNTER, "weir_sender_writes_total", "", "Times that a viewer was given blocks of a stream: one write call each")
METRIC(M_SENDER_BLOCKS, COUNTER, "weir_sender_blocks_total", "", "Blocks of streams (a frame each, or a head) given to viewers")
METRIC(M_WORKER_BUSY, SHARE, "weir_worker_busy_ratio", "", "Share of the time in which the worker ran, of that in which it could have")
METRIC(M_WORKER_PRESSURE, SHARE, "weir_worker_pressure_ratio", "", "How far frames wait for each other because the worker is busy, as a share of edge.merge_max")
METRIC(M_STREAMS, GAUGE, "weir_streams", "", "Streams known on this node")
METRIC(M_PUBLISHERS, GAUGE, "weir_publishers", "", "Publishers connected to this node")
METRIC(M_VIEWERS_RTMP, GAUGE, "weir_viewers", "protocol=\"rtmp\"", "Viewers playing")
METRIC(M_VIEWERS_FLV, GAUGE, "weir_viewers", "protocol=\"flv\"", "Viewers playing")
METRIC(M_SUBSCRIPTIONS, GAUGE, "weir_relay_subscriptions", "", "Streams sent to other nodes over the relay")
METRIC(M_LOGS, GAUGE, "weir_logs", "", "Rendition logs, views and mirrors alive")
METRIC(M_LOG_BYTES, GAUGE, "weir_log_bytes", "", "Bytes referenced by rendition logs, views and mirrors")
METRIC(M_FRAMES_IN, COUNTER, "weir_frames_received_total", "", "Frames appended to rendition logs")
METRIC(M_OVERRUNS, COUNTER, "weir_cursor_overruns_total", "", "Readers moved to the newest keyframe because they fell out of the log")
METRIC(M_SPLICES, COUNTER, "weir_timeline_splices_total", "", "Timestamp jumps spliced at ingest")
METRIC(M_FRAMES_DROPPED, COUNTER, "weir_frames_dropped_total", "", "Frames refused at ingest: before a keyframe, without a configuration, or unreadable")
METRIC(M_REGISTRY_UP, GAUGE, "weir_registry_connections", "", "Connections to Redis that are up: two a worker")
METRIC(M_REGISTRY_COMMANDS, COUNTER, "weir_registry_commands_total", "", "Commands sent to Redis")
METRIC(M_REGISTRY_ERRORS, COUNTER, "weir_registry_errors_total", "", "Errors that Redis answered with")
/* clang-format on */
