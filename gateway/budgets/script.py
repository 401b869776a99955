"""The script by which a Redis claims money from the ledger that several gateways share."""

from __future__ import annotations

# KEYS: the accounts, and last what is counted of the call. ARGV: the call, what the gateway knows
# to be counted, spent, upto, how long it holds, how long the last key is kept; then for each
# account its limit, what it begins with (-1: not known), and how long it is kept. Sums stay below
# 2^53.
CLAIM = """
local call, held_ms, now = 'h:' .. ARGV[1], tonumber(ARGV[5]), redis.call('TIME')
local at = now[1] * 1000 + math.floor(now[2] / 1000)
local accounts = #KEYS - 1
for i = 1, accounts do
  if ARGV[3 * i + 5] == '-1' and redis.call('HEXISTS', KEYS[i], 'spent') == 0 then
    return {'unknown'}
  end
end
local whole = function(number) return string.format('%.0f', number) end
local counted = math.max(tonumber(ARGV[2]), tonumber(redis.call('GET', KEYS[#KEYS]) or '0'))
local spent = tonumber(ARGV[3])
local room = math.max(0, tonumber(ARGV[4]) - spent)
local answer = {'granted', ''}
for i = 1, accounts do
  redis.call('HSETNX', KEYS[i], 'spent', ARGV[3 * i + 5])
  local fresh = whole(math.max(0, spent - counted))
  local left = tonumber(ARGV[3 * i + 4]) - redis.call('HINCRBY', KEYS[i], 'spent', fresh)
  local all = redis.call('HGETALL', KEYS[i])
  for j = 1, #all, 2 do
    if all[j] ~= 'spent' and all[j] ~= call then
      local amount, ends = string.match(all[j + 1], '(%d+):(%d+)')
      if tonumber(ends) > at then left = left - tonumber(amount)
      else redis.call('HDEL', KEYS[i], all[j]) end
    elseif all[j] == 'spent' then answer[#answer + 1] = all[j + 1] end
  end
  room = math.min(room, math.max(0, left))
  redis.call('PEXPIRE', KEYS[i], ARGV[3 * i + 6])
end
for i = 1, accounts do
  if room > 0 then redis.call('HSET', KEYS[i], call, whole(room) .. ':' .. whole(at + held_ms))
  else redis.call('HDEL', KEYS[i], call) end
end
redis.call('SET', KEYS[#KEYS], whole(math.max(spent, counted)), 'PX', ARGV[6])
answer[2] = whole(spent + room)
return answer
"""
