-- The one write of records, schedules, logs, counters and the evaluator's cursor: all of it or nothing.
-- KEYS[1]: the name that all keys begin with, `{siaga:<namespace>}`; they share its slot.
-- ARGV[1]: msgpack of {fence, puts, drops, plans, logs, counts, note, expects, cuts}, gathered by what they change:
--   fence   nil or {epoch, cursor, next cursor}
--   puts    {table, {id, ...}, {expected version or -1, ...}} each
--   drops   {table, {id, ...}, {expected version or -1, ...}} each
--   plans   {schedule, {instant, member, ...}, {member off, ...}, {member, instant that it must have or -1, ...}} each
--   logs    {log, number of entries, whether it is chained} each
--   counts  {counter, number, ...}
--   note    nil or {type, received_at}: an entry of the stream
--   expects {table, {id, ...}, {version, ...}} each: records that must be as they were read, and stay so
--   cuts    {log, number of entries to remove from its beginning} each
-- ARGV[2...]: the values of all puts, then the entries of all logs, in order, then the value of the note, then for each
-- cut the last entry that it removes.
-- Returns {"committed"}, {"fenced", reason} or {"conflict", "record", table, id, ..., "plan", schedule, member, ...,
-- "log", log, "", ...}.
-- A stored record is its version in four bytes, big end first, and then the value.

local base = KEYS[1]
local changes = cmsgpack.unpack(ARGV[1])
local fence, puts, drops, plans, logs, counts, note, expects, cuts = unpack(changes, 1, 9)
local state = base .. ':state'
local CHUNK = 1000 -- far below what Lua's stack can unpack

local function each_chunk(first, last, visit)
  for from = first, last, CHUNK do visit(from, math.min(from + CHUNK - 1, last)) end
end

-- First everything that may refuse.
if fence then
  local epoch, cursor = unpack(redis.call('HMGET', state, 'epoch', 'cursor'))
  if tonumber(epoch or 0) ~= fence[1] then return {'fenced', 'stale_epoch'} end
  if (cursor or '0-0') ~= fence[2] then return {'fenced', 'cursor_moved'} end
end

local moved = {'conflict'}
local function versions(change)
  local key, ids, expected, found = base .. ':table:' .. change[1], change[2], change[3], {}
  each_chunk(1, #ids, function(first, last)
    for offset, record in ipairs(redis.call('HMGET', key, unpack(ids, first, last))) do
      local index = first + offset - 1
      found[index] = record and struct.unpack('>I4', record) or 0
      if expected[index] >= 0 and expected[index] ~= found[index] then
        moved[#moved + 1] = 'record'
        moved[#moved + 1] = change[1]
        moved[#moved + 1] = ids[index]
      end
    end
  end)
  return found
end

local before = {}
for index, put in ipairs(puts) do before[index] = versions(put) end
for _, drop in ipairs(drops) do versions(drop) end
for _, expect in ipairs(expects) do versions(expect) end
for _, plan in ipairs(plans) do
  local key, conditions = base .. ':schedule:' .. plan[1], plan[4]
  for at = 1, #conditions, 2 do
    if tonumber(redis.call('ZSCORE', key, conditions[at]) or -1) ~= conditions[at + 1] then
      moved[#moved + 1] = 'plan'
      moved[#moved + 1] = plan[1]
      moved[#moved + 1] = conditions[at]
    end
  end
end
for index, cut in ipairs(cuts) do
  if redis.call('LINDEX', base .. ':log:' .. cut[1], cut[2] - 1) ~= ARGV[#ARGV - #cuts + index] then
    moved[#moved + 1] = 'log'
    moved[#moved + 1] = cut[1]
    moved[#moved + 1] = ''
  end
end
if #moved > 1 then return moved end

-- Nothing refuses from here on.
local taken = 1 -- how many of ARGV are
for index, put in ipairs(puts) do
  local key, ids, found = base .. ':table:' .. put[1], put[2], before[index]
  each_chunk(1, #ids, function(first, last)
    local pairs_ = {}
    for at = first, last do
      pairs_[#pairs_ + 1] = ids[at]
      pairs_[#pairs_ + 1] = struct.pack('>I4', found[at] + 1) .. ARGV[taken + at]
    end
    redis.call('HSET', key, unpack(pairs_))
  end)
  taken = taken + #ids
end
for _, drop in ipairs(drops) do
  local key, ids = base .. ':table:' .. drop[1], drop[2]
  each_chunk(1, #ids, function(first, last) redis.call('HDEL', key, unpack(ids, first, last)) end)
end
for _, plan in ipairs(plans) do
  local key, on, off = base .. ':schedule:' .. plan[1], plan[2], plan[3]
  -- Who waits for a schedule wakes at its earliest instant anyway: only what comes before that is worth a signal.
  local earliest, sooner = tonumber(redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]), false
  for at = 1, #on, 2 do sooner = sooner or not earliest or on[at] < earliest end
  each_chunk(1, #on, function(first, last) redis.call('ZADD', key, unpack(on, first, last)) end)
  each_chunk(1, #off, function(first, last) redis.call('ZREM', key, unpack(off, first, last)) end)
  if sooner then redis.call('PUBLISH', base .. ':signal:' .. plan[1], '') end
end
for _, cut in ipairs(cuts) do redis.call('LTRIM', base .. ':log:' .. cut[1], cut[2], -1) end
for _, log in ipairs(logs) do
  local key, count, chained = base .. ':log:' .. log[1], log[2], log[3]
  if chained then -- each entry goes behind the mark that covers it and all before it
    local mark = redis.call('HGET', base .. ':marks', log[1]) or ''
    for at = taken + 1, taken + count do
      mark = redis.sha1hex(mark .. ARGV[at])
      ARGV[at] = mark .. ARGV[at]
    end
    redis.call('HSET', base .. ':marks', log[1], mark)
  end
  each_chunk(taken + 1, taken + count, function(first, last)
    redis.call('RPUSH', key, unpack(ARGV, first, last))
  end)
  taken = taken + count
end
for at = 1, #counts, 2 do redis.call('HINCRBY', base .. ':counters', counts[at], counts[at + 1]) end
if note then
  local newest, received_at = redis.call('HGET', state, 'position'), note[2]
  if newest then received_at = math.max(received_at, tonumber(string.match(newest, '^%d+'))) end
  local position = redis.call('XADD', base .. ':entries', string.format('%.0f-*', received_at),
    'type', note[1], 'last', '1', 'values', ARGV[taken + 1])
  redis.call('HSET', state, 'position', position)
  redis.call('PUBLISH', base .. ':signal:entries', '')
end
if fence then redis.call('HSET', state, 'cursor', fence[3]) end
return {'committed'}
