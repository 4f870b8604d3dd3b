-- De-duplicates the events of one request and appends the new ones to the stream.
-- KEYS[1]: the name that all keys begin with, `{siaga:<namespace>}`.
-- ARGV: received_at in milliseconds UTC, day since 1970, events per entry, bytes per entry, all identities (12 bytes
-- each) joined, the same in hexadecimal, all contents (8 bytes each) joined, and the values of all events, a newline
-- behind each.
-- Returns {received_at as stamped, one letter for each event: a(ccepted), d(uplicate), c(onflict of ids)}.
-- Identities lie in 65,536 hashes by the first two bytes of the digest, small enough to be kept as listpacks:
-- identity -> content digest, the day in two bytes and the position in ten (instant in six, number in four), big end first.

local base = KEYS[1]
local received_at, day = tonumber(ARGV[1]), tonumber(ARGV[2])
local entry_events, entry_bytes = tonumber(ARGV[3]), tonumber(ARGV[4])
local identities, names, contents, values = ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local state = base .. ':state'

-- The position of the next entry is known before it is written, so that each identity is written once.
local number = received_at == 0 and 1 or 0 -- 0-0 is no position of a stream
local newest = redis.call('HGET', state, 'position')
if newest then
  local instant, before = string.match(newest, '^(%d+)-(%d+)$')
  received_at = math.max(received_at, tonumber(instant))
  number = received_at == tonumber(instant) and tonumber(before) + 1 or 0
end
local stamped = string.format('%.0f', received_at)

local function remembered(entry)
  return struct.pack('>I2I2I4I4', day, math.floor(received_at / 4294967296), received_at % 4294967296, entry)
end

-- New events mostly stand side by side, so an entry is put together of runs of them: from `from` up to the newline `to`.
local runs, held, size, position = {}, 0, 0, nil
local from, to = 1, 0
local function cut()
  if to > from then runs[#runs + 1] = string.sub(values, from, to - 1) end
end
local function enter(last)
  cut()
  position = redis.call('XADD', base .. ':entries', string.format('%s-%.0f', stamped, number), 'type', 'events',
    'last', last, 'values', table.concat(runs, '\n'))
  runs, held, size, number, from = {}, 0, 0, number + 1, to + 1
end

local letters, total, duplicates, start = {}, 0, 0, 1
local here, next_one = remembered(number), remembered(number + 1)
local buckets = base .. ':seen:'
for index = 1, #identities / 12 do
  local identity = string.sub(identities, index * 12 - 11, index * 12)
  local content = string.sub(contents, index * 8 - 7, index * 8)
  local newline = string.find(values, '\n', start, true)
  local length = newline - start
  local full = held > 0 and (held == entry_events or size + length > entry_bytes)
  local bucket = buckets .. string.sub(names, index * 24 - 23, index * 24 - 20)
  if redis.call('HSETNX', bucket, identity, content .. (full and next_one or here)) == 1 then
    if full then
      enter('0')
      here, next_one = next_one, remembered(number + 1)
    end
    if start ~= to + 1 then
      cut()
      from = start
    end
    to, held, size, total = newline, held + 1, size + length, total + 1
    letters[index] = 'a'
  elseif string.sub(redis.call('HGET', bucket, identity), 1, 8) == content then
    duplicates = duplicates + 1
    letters[index] = 'd'
  else
    letters[index] = 'c'
  end
  start = newline + 1
end

if total > 0 then
  enter('1')
  redis.call('HSET', state, 'position', position)
  redis.call('HINCRBY', base .. ':counters', 'events_accepted', total)
  redis.call('PUBLISH', base .. ':signal:entries', '')
end
if duplicates > 0 then redis.call('HINCRBY', base .. ':counters', 'events_duplicate', duplicates) end
return {stamped, table.concat(letters)}
