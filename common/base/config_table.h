/*
 * config_table.h: every configuration key. No include guard: config.h and config_row.[hc] expand it differently.
 *
 * CONFIG_NODE or CONFIG_APP(type, section, name, roles, default, min, max, choices, help)
 *   type     string, address, addresses, bool, int, duration, size, enum
 *   roles    ORIGIN, EDGE or BOTH: who knows the key (the other role refuses it, naming the role that has it)
 *   default  text as a user would write it; "A|B" gives the origin's and the edge's where they differ
 *   min max  for int, duration (ms) and size (bytes); 0 0 means unchecked
 *   choices  for enum, comma-separated (config.h names them); for address and string "empty" where "" is allowed;
 *            for duration a word that may stand in its place, which is -1
 * A key that ends in secret, password or token is never repeated in messages.
 */
/* clang-format off */
CONFIG_NODE(string,    node, id, BOTH, "", 0, 0, "empty", "Name of this node, unique in the cluster. Empty: the host's name and the relay port")
CONFIG_NODE(string,    node, region, BOTH, "", 0, 0, "empty", "Region of this node")
CONFIG_NODE(string,    node, zone, BOTH, "", 0, 0, "empty", "Availability zone of this node")
CONFIG_NODE(int,       node, workers, BOTH, "0", 0, 128, "", "Worker threads, one event loop each. 0: one per core")
CONFIG_NODE(string,    node, state_dir, BOTH, "", 0, 0, "empty", "Directory for small state that outlives a restart (epochs, segment numbers). Empty: nothing is kept")
CONFIG_NODE(enum,      logging, level, BOTH, "info", 0, 0, "debug,info,warn,error", "Least level of log lines")
CONFIG_NODE(enum,      logging, format, BOTH, "text", 0, 0, "text,json", "Form of log lines")
CONFIG_NODE(address,   rtmp, listen, BOTH, "0.0.0.0:1935", 0, 0, "empty", "Where RTMP is served. Empty: nowhere")
CONFIG_NODE(duration,  rtmp, handshake_timeout, BOTH, "10s", 100, 600000, "", "Time from accept until publish or play must have begun")
CONFIG_NODE(duration,  rtmp, idle_timeout, BOTH, "30s", 1000, 3600000, "", "A publisher that sends nothing for so long is closed")
CONFIG_NODE(size,      rtmp, max_message, BOTH, "8MiB", 4096, 16777215, "", "Largest RTMP message accepted")
CONFIG_NODE(int,       rtmp, max_chunk_streams, BOTH, "64", 4, 65599, "", "Chunk streams that one connection may use")
CONFIG_NODE(address,   http, listen, BOTH, "0.0.0.0:8081|0.0.0.0:8080", 0, 0, "empty", "Where HTTP is served. Empty: nowhere")
CONFIG_NODE(duration,  http, idle_timeout, BOTH, "60s", 1000, 3600000, "", "A kept-alive connection without a request for so long is closed")
CONFIG_NODE(duration,  http, header_timeout, BOTH, "10s", 100, 600000, "", "Time for a request's head to arrive")
CONFIG_NODE(size,      http, max_header, BOTH, "16KiB", 1024, 65536, "", "Largest request head")
CONFIG_NODE(size,      http, max_body, BOTH, "64KiB", 1024, 16777216, "", "Largest request body")
CONFIG_NODE(int,       http, trusted_proxies, BOTH, "0", 0, 16, "", "How many proxies of ours stand in front, each adding to X-Forwarded-For. 0: the field is not believed")
CONFIG_NODE(address,   relay, listen, BOTH, "127.0.0.1:1950|127.0.0.1:1951", 0, 0, "empty", "Where other nodes connect. Beyond loopback and Unix sockets, relay.secret is required")
CONFIG_NODE(address,   relay, advertise, BOTH, "", 0, 0, "empty", "Where other nodes reach relay.listen, for the redis registry. Empty: relay.listen, or if that is every address, the one that Redis is reached from")
CONFIG_NODE(string,    relay, secret, BOTH, "", 0, 0, "empty", "Shared secret of the cluster's nodes; never sent, proves membership by HMAC")
CONFIG_NODE(duration,  relay, ping_interval, BOTH, "1s", 50, 60000, "", "Time between pings on a link")
CONFIG_NODE(duration,  relay, dead_after, BOTH, "3s", 100, 600000, "", "A link silent for so long is dead")
CONFIG_NODE(duration,  relay, backoff_max, BOTH, "1s", 50, 60000, "", "Longest wait between attempts to reconnect a link; the first is 50 ms, each doubles, with jitter")
CONFIG_NODE(enum,      registry, backend, BOTH, "static", 0, 0, "static,redis", "Where the map from stream to origin is kept: static (edges ask the origins that registry.origins lists) or redis")
CONFIG_NODE(addresses, registry, origins, EDGE, "127.0.0.1:1950", 0, 0, "", "Relay addresses of the origins, for the static registry")
CONFIG_NODE(address,   registry, redis, BOTH, "127.0.0.1:6379", 0, 0, "", "The Redis server that keeps the map")
CONFIG_NODE(string,    registry, redis_user, BOTH, "", 0, 0, "empty", "Redis user (ACL). Empty: the default user")
CONFIG_NODE(string,    registry, redis_password, BOTH, "", 0, 0, "empty", "Password for Redis. Empty: no AUTH is sent")
CONFIG_NODE(int,       registry, redis_db, BOTH, "0", 0, 1000000, "", "Number of the database in Redis")
CONFIG_NODE(string,    registry, redis_prefix, BOTH, "weir:", 0, 0, "empty", "What every key in Redis begins with; clusters that share a Redis need different ones")
CONFIG_NODE(duration,  registry, timeout, BOTH, "1s", 50, 60000, "", "An answer of Redis that takes longer is given up, with the connection")
CONFIG_NODE(int,       limits, connections, BOTH, "0", 0, 10000000, "", "Most open connections. 0: what the limit of open files gives")
CONFIG_NODE(duration,  limits, stalled_viewer, BOTH, "2m", 1000, 3600000, "", "A viewer that takes nothing of what waits for it for so long is closed")
CONFIG_NODE(int,       limits, streams, BOTH, "10000", 1, 10000000, "", "Most streams at once")
CONFIG_APP(duration,   stream, grace, BOTH, "15s", 0, 3600000, "", "How long a stream waits for its publisher to come back before it ends")
CONFIG_APP(duration,   stream, log_duration, BOTH, "40s", 1000, 7200000, "", "Media kept in a rendition's log. On an origin at least package.window + 3 segments and stream.grace")
CONFIG_APP(size,       stream, log_bytes, BOTH, "64MiB", 1048576, 17179869184, "", "Most bytes kept in a rendition's log")
CONFIG_APP(duration,   ingest, stall, ORIGIN, "2s", 100, 600000, "", "A publisher silent for so long may be replaced from another address")
CONFIG_APP(enum,       ingest, second, ORIGIN, "takeover", 0, 0, "takeover,reject", "What becomes of a second publisher of a live name: takeover (the newest wins, if it may) or reject (the holder stays)")
CONFIG_APP(duration,   package, segment, ORIGIN, "2s", 500, 60000, "", "Wanted distance of marks, which become segment boundaries")
CONFIG_APP(duration,   package, target_duration, ORIGIN, "0s", 0, 60000, "", "TARGETDURATION of a run. 0: from package.segment and the first GOP")
CONFIG_APP(duration,   package, part, ORIGIN, "333ms", 20, 5000, "", "Wanted length of low-latency parts; whole frames, so a little more or less")
CONFIG_APP(duration,   package, track_wait, ORIGIN, "500ms", 50, 10000, "", "The track that decides the cuts may be silent for so long before the others go on without it")
CONFIG_APP(int,        package, window, BOTH, "6", 3, 100000, "", "Segments kept in playlists")
CONFIG_APP(duration,   edge, wait_publish, EDGE, "10s", 0, 600000, "", "How long a viewer waits for a name that nobody publishes")
CONFIG_APP(duration,   edge, linger, EDGE, "10s", 0, 3600000, "", "How long a stream is kept after its last viewer")
CONFIG_APP(duration,   edge, merge, EDGE, "adaptive", 0, 500, "adaptive", "How long frames to RTMP and HTTP-FLV viewers wait for each other, to leave in one write. 0: each leaves at once; adaptive: at once while the worker has time, up to edge.merge_max as it gets busy")
CONFIG_APP(duration,   edge, merge_max, EDGE, "350ms", 0, 500, "", "Longest that frames wait for each other when edge.merge is adaptive")
CONFIG_APP(duration,   edge, history, EDGE, "0s", 0, 3600000, "", "Media a new RTMP or HTTP-FLV viewer begins with. 0: from the newest keyframe")
/* clang-format on */
