#include "common/registry/redis_scripts.h"

#include <stddef.h>

/* Of KEYS[1] what decides who owns it; ARGV[1] and ARGV[2] are always the asking node and its incarnation. */
#define NOW                                                                                                            \
	"local t = redis.call('TIME')\n"                                                                                   \
	"local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"

#define OWNER                                                                                                          \
	"local old = redis.call('HMGET', KEYS[1], 'origin', 'incarnation', 'epoch', 'state')\n"                            \
	"local mine = old[1] == ARGV[1] and old[2] == ARGV[2]\n"

static const char claim[] = NOW OWNER
    "local node, incarnation, address, byte, floor, ttl, channel, name = unpack(ARGV, 1, 8)\n"
    "local publisher, credential, policy = unpack(ARGV, 9, 11)\n"
    "local stall, silent, slack, nodes = tonumber(ARGV[12]), tonumber(ARGV[13]), tonumber(ARGV[14]), ARGV[15]\n"
    "local state, was_live = ARGV[16], old[4] == 'live' or old[4] == 'filled'\n"
    "local held = redis.call('HMGET', KEYS[1], 'publisher', 'credential', 'heard', 'takeovers', 'held_until')\n"
    "local takeovers = held[4] or ''\n"
    /* For who finds the owner dead: a node's key is renewed each second, so what is left of its time tells since when
     * it has not been heard. */
    "if ARGV[17] ~= '0' then\n"
    "  if old[3] ~= ARGV[17] then return {'refused', 'the name has passed on', 'passed'} end\n"
    "  local key = nodes .. old[1]\n"
    "  local there = redis.call('HGET', key, 'incarnation') == old[2]\n"
    "  local left = there and redis.call('PTTL', key) or 0\n"
    "  if there and ARGV[19] * 1000 - left < tonumber(ARGV[18]) then return {'refused', 'its origin is there, says the "
    "map'} end\n"
    "  old[4] = 'waiting'\n"
    "end\n"
    /* A holder that waits, or whose process is gone, holds nothing. */
    "local live = old[4] == 'live'\n"
    "if live and mine then live = silent >= 0\n"
    "elseif live then\n"
    "  live = redis.call('HGET', nodes .. old[1], 'incarnation') == old[2]\n"
    /* The holder's origin speaks at each mark: that it is silent is seen late, so nobody is replaced too early. */
    "  silent = now - (tonumber(held[3]) or 0) - slack\n"
    "end\n"
    "if live then\n"
    "  local why, fight\n"
    "  if policy == 'reject' then why = 'the name is published already, and ingest.second is reject'\n"
    "  elseif held[2] ~= '' or credential ~= '' then\n"
    "    if held[2] ~= credential then why = 'the name is published already, with another credential' end\n"
    "  elseif held[1] ~= publisher and silent < stall then\n"
    "    why = 'the name is published already from another address'\n"
    "  end\n"
    /* With a silent holder nobody fights. */
    "  if not why and silent < stall then\n"
    "    local times = {}\n"
    "    for ms in string.gmatch(takeovers, '%d+') do\n"
    "      if now - ms < 30000 then table.insert(times, ms) end\n"
    "    end\n"
    "    if now < (tonumber(held[5]) or 0) then why = 'too many takeovers in a short time: the holder stays'\n"
    "    elseif #times >= 3 then\n"
    "      redis.call('HSET', KEYS[1], 'held_until', now + 30000)\n"
    "      why, fight = 'too many takeovers in a short time: the holder stays', 'fight'\n"
    "    end\n"
    "    table.insert(times, string.format('%.0f', now))\n"
    "    takeovers = table.concat(times, ' ')\n"
    "  end\n"
    "  if why then return {'refused', why .. ' (' .. old[1] .. ')', fight} end\n"
    "end\n"
    "local epoch = math.max((tonumber(old[3]) or 0) + 1, tonumber(floor) + 1, now * 256 + byte)\n"
    "local answer = {'granted', string.format('%.0f', epoch), old[3] or '0'}\n"
    "local run = redis.call('HMGET', KEYS[1], 'run', 'number', 'wall_us', 'highest_us', 'base_us', 'discontinuity',\n"
    "                       'target_ms', 'track')\n"
    /* Of a stream that has frames, a slate's too, the map has the media time of its newest mark: viewers are past that
     * by what has passed since, and some jitter. */
    "if was_live and run[4] then\n"
    "  run[4] = string.format('%.0f', run[4] + (now - (tonumber(held[3]) or now)) * 1000 + 250000)\n"
    "end\n"
    /* How long ago that was told is said by one clock alone: the nodes' may be apart. */
    "if run[3] then run[3] = string.format('%.0f', (now - (tonumber(held[3]) or now)) * 1000) end\n"
    "for i = 1, 8 do answer[3 + i] = run[i] or '0' end\n"
    "redis.call('HSET', KEYS[1], 'origin', node, 'incarnation', incarnation, 'address', address, 'epoch', answer[2],\n"
    "           'state', state, 'publisher', publisher, 'credential', credential, 'takeovers', takeovers,\n"
    "           'heard', string.format('%.0f', now))\n"
    "redis.call('EXPIRE', KEYS[1], ttl)\n"
    "redis.call('PUBLISH', channel, 'stream ' .. name .. ' ' .. answer[2] .. ' ' .. node)\n"
    "return answer\n";

static const char progress[] = NOW OWNER
    "local node, incarnation, address, epoch, ttl, channel, name = unpack(ARGV, 1, 7)\n"
    "local there = tonumber(old[3]) or 0\n"
    "if not mine and (there > tonumber(epoch) or (there == tonumber(epoch) and (old[1] or '') > node)) then\n"
    "  return {'lost', old[3], old[1]}\n"
    "end\n"
    "redis.call('HSET', KEYS[1], 'origin', node, 'incarnation', incarnation, 'address', address, 'epoch', epoch,\n"
    "           'heard', string.format('%.0f', now), unpack(ARGV, 8))\n"
    "redis.call('EXPIRE', KEYS[1], ttl)\n"
    /* Of a name that was not there nobody knew anything wrong; and when all of an empty map is filled again, a word to
     * each of many listeners would cost it more than all else. */
    "if old[1] and (not mine or old[3] ~= epoch or old[4] ~= redis.call('HGET', KEYS[1], 'state')) then\n"
    "  redis.call('PUBLISH', channel, 'stream ' .. name .. ' ' .. epoch .. ' ' .. node)\n"
    "end\n"
    "return {'ok'}\n";

static const char release[] = OWNER "local epoch, channel, name = unpack(ARGV, 3, 5)\n"
                                    "if not mine or tonumber(old[3]) > tonumber(epoch) then return 0 end\n"
                                    "redis.call('DEL', KEYS[1])\n"
                                    "redis.call('PUBLISH', channel, 'stream ' .. name .. ' 0 ' .. ARGV[1])\n"
                                    "return 1\n";

/* What is compared is what others must know at once: a node's load is not among it. */
#define KNOWN "redis.call('HMGET', KEYS[1], 'incarnation', 'address', 'http', 'region', 'zone', 'state')\n"

static const char finish[] = OWNER "local epoch, channel, name, nodes = unpack(ARGV, 3, 6)\n"
                                   "if not old[1] or not old[3] then return 1 end\n"
                                   "if tonumber(old[3]) > tonumber(epoch) then return 0 end\n"
                                   "if redis.call('HGET', nodes .. old[1], 'incarnation') == old[2] then return 2 end\n"
                                   "redis.call('DEL', KEYS[1])\n"
                                   "redis.call('PUBLISH', channel, 'stream ' .. name .. ' 0 ' .. ARGV[1])\n"
                                   "return 1\n";

/* Of two processes with one id the younger one is the node: the other may be dead. */
static const char node[] =
    NOW "local id, incarnation, ttl, channel, nodes, again = unpack(ARGV, 1, 6)\n"
        "local before = " KNOWN "if (tonumber(before[1] or 0) or 0) > tonumber(incarnation) then return before[1] end\n"
        "redis.call('HSET', KEYS[1], 'incarnation', incarnation, unpack(ARGV, 7))\n"
        "redis.call('EXPIRE', KEYS[1], ttl)\n"
        "local new = redis.call('ZADD', nodes, t[1] + ttl, id) == 1\n"
        "redis.call('ZREMRANGEBYSCORE', nodes, '-inf', t[1] - 3600)\n"
        /* One that was there, and is in no list: the map was emptied, and everybody reads it again. A word of each node
         * to each other one would keep it from being filled. */
        "if new and again ~= '' then return end\n"
        "local after = " KNOWN "for i = 1, #after do\n"
        "  if before[i] ~= after[i] then\n"
        "    redis.call('PUBLISH', channel, 'node ' .. id)\n"
        "    break\n"
        "  end\n"
        "end\n";

static const char leave[] = "local id, incarnation, channel, nodes = unpack(ARGV)\n"
                            "if redis.call('HGET', KEYS[1], 'incarnation') ~= incarnation then return end\n"
                            "redis.call('DEL', KEYS[1])\n"
                            "redis.call('ZREM', nodes, id)\n"
                            "redis.call('PUBLISH', channel, 'node ' .. id)\n";

/* All nodes ask for all nodes: the whole list is made once for all who ask within a moment. */
static const char nodes[] =
    NOW "local kept = KEYS[1] .. ':listed'\n"
        "if not ARGV[2] then\n"
        "  local listed = redis.call('HMGET', kept, 'at', 'list')\n"
        "  if listed[1] and math.abs(now - listed[1]) < " REDIS_LISTED_TEXT " then return listed[2] end\n"
        "end\n"
        "local found, n = {}, 0\n"
        "local ids = ARGV[2] and {unpack(ARGV, 2)} or redis.call('ZRANGEBYSCORE', KEYS[1], t[1], '+inf')\n"
        "for _, id in ipairs(ids) do\n"
        "  local node = redis.call('HMGET', ARGV[1] .. id, 'role', 'address', 'http', 'region', 'zone', 'version',\n"
        "                          'state', 'incarnation', 'capacity', 'busy', 'sent_bits')\n"
        "  if node[1] and node[2] then\n"
        "    found[n + 1] = id\n"
        "    for i = 1, 11 do found[n + 1 + i] = node[i] or '' end\n"
        "    n = n + 12\n"
        "  end\n"
        "end\n"
        "local list = table.concat(found, '\\0')\n"
        "if n > 0 then list = list .. '\\0' end\n"
        "if not ARGV[2] then\n"
        "  redis.call('HSET', kept, 'at', string.format('%.0f', now), 'list', list)\n"
        "  redis.call('EXPIRE', kept, 1)\n"
        "end\n"
        "return list\n";

static const char trial[] = "local key, channel = KEYS[1], ARGV[1]\n"
                            "redis.call('TIME')\n"
                            "redis.call('DEL', key)\n"
                            "redis.call('HSET', key, 'tried', 1)\n"
                            "redis.call('HGET', key, 'tried')\n"
                            "redis.call('HMGET', key, 'tried')\n"
                            "redis.call('EXPIRE', key, 1)\n"
                            "redis.call('PTTL', key)\n"
                            "redis.call('DEL', key)\n"
                            "redis.call('ZADD', key, 1, 'tried')\n"
                            "redis.call('ZRANGEBYSCORE', key, 1, 1)\n"
                            "redis.call('ZREMRANGEBYSCORE', key, 0, 0)\n"
                            "redis.call('ZREM', key, 'tried')\n"
                            "redis.call('PUBLISH', channel .. ':trial', '')\n" /* nobody listens there */
                            "return 'ok'\n";

const char *const redis_scripts[] = {claim, progress, release, finish, node, leave, nodes, trial, NULL};
