-- Removes entries of the stream that were applied, up to a position that is included.
-- KEYS[1]: the name that all keys begin with, `{siaga:<namespace>}`.
-- ARGV: the two numbers of the position.
-- What lies beyond the evaluator's cursor stays. Returns the position up to which entries are removed now.

local base = KEYS[1]
local state = base .. ':state'
local function read(field)
  local position = redis.call('HGET', state, field) or '0-0'
  local instant, number = string.match(position, '^(%d+)-(%d+)$')
  return tonumber(instant), tonumber(number), position
end

local instant, number = tonumber(ARGV[1]), tonumber(ARGV[2])
local cursor_instant, cursor_number = read('cursor')
if instant > cursor_instant or (instant == cursor_instant and number > cursor_number) then
  instant, number = cursor_instant, cursor_number
end
local gone_instant, gone_number, gone = read('trimmed')
if instant < gone_instant or (instant == gone_instant and number <= gone_number) then return gone end
redis.call('XTRIM', base .. ':entries', 'MINID', string.format('%.0f-%.0f', instant, number + 1))
gone = string.format('%.0f-%.0f', instant, number)
redis.call('HSET', state, 'trimmed', gone)
return gone
