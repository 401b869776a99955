"""The scripts by which a Redis counts the calls of several gateways."""

from __future__ import annotations

NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""
# KEYS: of the limits. ARGV: the call or nothing, and for each limit how many and how long in ms.
TAKE = f"""{NOW}
for i, key in ipairs(KEYS) do
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  if redis.call('ZCARD', key) >= tonumber(ARGV[2 * i]) then
    return {{i, redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2] - now}}
  end
end
if ARGV[1] ~= '' then
  for i, key in ipairs(KEYS) do
    redis.call('ZADD', key, now + ARGV[2 * i + 1], ARGV[1])
    redis.call('PEXPIRE', key, ARGV[2 * i + 1])
  end
end
return {{0, 0}}
"""
# KEYS: of calls that live. ARGV: how long in ms, and the call of each.
RENEW = f"""{NOW}
for i, key in ipairs(KEYS) do
  redis.call('ZADD', key, now + ARGV[1], ARGV[i + 1])
  redis.call('PEXPIRE', key, ARGV[1])
end
"""
