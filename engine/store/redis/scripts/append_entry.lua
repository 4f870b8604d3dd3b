-- Appends one entry of another type than events.
-- KEYS[1]: the name that all keys begin with, `{siaga:<namespace>}`.
-- ARGV: type, value, received_at in milliseconds UTC.
-- Returns the position of the entry; its instant never falls below that of the entry before it.

local base = KEYS[1]
local state = base .. ':state'
local received_at = tonumber(ARGV[3])
local newest = redis.call('HGET', state, 'position')
if newest then received_at = math.max(received_at, tonumber(string.match(newest, '^%d+'))) end

local position = redis.call('XADD', base .. ':entries', string.format('%.0f-*', received_at),
  'type', ARGV[1], 'last', '1', 'values', ARGV[2])
redis.call('HSET', state, 'position', position)
redis.call('PUBLISH', base .. ':signal:entries', '')
return position
