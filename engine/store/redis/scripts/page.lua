-- Reads members of a schedule from behind a place on, in the order of (instant, member).
-- KEYS[1]: the name that all keys begin with, `{siaga:<namespace>}`.
-- ARGV: the schedule, how many members at most, `1` for the latest first, the instant and the member of the place.
-- Returns {member, instant, ...}, always the earliest first. Nothing is written.
-- The member of the place need not be there any more. It takes a number of steps that grows with the logarithm.

local key = KEYS[1] .. ':schedule:' .. ARGV[1]
local limit, latest_first, at, member = tonumber(ARGV[2]), ARGV[3] == '1', ARGV[4], ARGV[5]

-- By bytes, as the server sorts members: Lua's own order of texts follows the machine's language.
local function comes_before(one, other)
  for index = 1, math.min(#one, #other) do
    local left, right = string.byte(one, index), string.byte(other, index)
    if left ~= right then return left < right end
  end
  return #one < #other
end

local first = redis.call('ZCOUNT', key, '-inf', '(' .. at) -- the rank of the first that does not come before the place
local past = first + redis.call('ZCOUNT', key, at, at)
while first < past do
  local middle = math.floor((first + past) / 2)
  if comes_before(redis.call('ZRANGE', key, middle, middle)[1], member) then
    first = middle + 1
  else
    past = middle
  end
end
if latest_first then
  if first == 0 then return {} end
  return redis.call('ZRANGE', key, math.max(0, first - limit), first - 1, 'WITHSCORES')
end
local here = redis.call('ZRANGE', key, first, first, 'WITHSCORES')
if here[1] == member and tonumber(here[2]) == tonumber(at) then first = first + 1 end
return redis.call('ZRANGE', key, first, first + limit - 1, 'WITHSCORES')
