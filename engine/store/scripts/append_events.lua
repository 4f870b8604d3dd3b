-- De-duplicates the events of one request and appends the new ones to the stream.
-- KEYS[1]: the name that all keys begin with, `{siaga:<namespace>}`.
-- ARGV: received_at in milliseconds UTC, day since 1970, events per entry, bytes per entry, all identities (12 bytes
-- each) joined, all contents (8 bytes each) joined, and then the values of the events.
-- Returns {received_at as stamped, one letter for each event: a(ccepted), d(uplicate), c(onflict of ids)}.
-- Identities lie in 65,536 hashes by the first two bytes of the digest, small enough to be kept as listpacks:
-- identity -> content digest and the day in two bytes, big end first.

local base = KEYS[1]
local received_at, day = tonumber(ARGV[1]), tonumber(ARGV[2])
local entry_events, entry_bytes = tonumber(ARGV[3]), tonumber(ARGV[4])
local identities, contents = ARGV[5], ARGV[6]
local VALUES = 6 -- how many arguments stand before the values
local state = base .. ':state'
local newest = redis.call('HGET', state, 'position')
if newest then received_at = math.max(received_at, tonumber(string.match(newest, '^%d+'))) end
local stamped = string.format('%.0f', received_at)

local day_bytes = struct.pack('>I2', day)
local letters, accepted, duplicates = {}, {}, 0
for index = 1, #ARGV - VALUES do
  local identity = string.sub(identities, index * 12 - 11, index * 12)
  local content = string.sub(contents, index * 8 - 7, index * 8)
  local bucket = string.format('%s:seen:%02x%02x', base, string.byte(identity, 1, 2))
  if redis.call('HSETNX', bucket, identity, content .. day_bytes) == 1 then
    accepted[#accepted + 1] = ARGV[VALUES + index]
    letters[index] = 'a'
  elseif string.sub(redis.call('HGET', bucket, identity), 1, 8) == content then
    duplicates = duplicates + 1
    letters[index] = 'd'
  else
    letters[index] = 'c'
  end
end

local position
local function enter(first, last)
  position = redis.call('XADD', base .. ':entries', stamped .. '-*', 'type', 'events',
    'last', last == #accepted and '1' or '0', 'values', table.concat(accepted, '\n', first, last))
end

if #accepted > 0 then
  local first, size = 1, 0
  for index, value in ipairs(accepted) do
    if index > first and (index - first == entry_events or size + #value > entry_bytes) then
      enter(first, index - 1)
      first, size = index, 0
    end
    size = size + #value
  end
  enter(first, #accepted)
  redis.call('HSET', state, 'position', position)
  redis.call('HINCRBY', base .. ':counters', 'events_accepted', #accepted)
  redis.call('PUBLISH', base .. ':signal:entries', '')
end
if duplicates > 0 then redis.call('HINCRBY', base .. ':counters', 'events_duplicate', duplicates) end
return {stamped, table.concat(letters)}
