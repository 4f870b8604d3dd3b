-- Forgets the identities of events that came in before a day, in the buckets of one part of all.
-- KEYS[1]: the name that all keys begin with, `{siaga:<namespace>}`.
-- ARGV: day since 1970, part (0 to 255): the first byte of the digests.
-- Returns how many identities were forgotten. `append_events` says what lies in a bucket.

local day, part, forgotten = tonumber(ARGV[1]), tonumber(ARGV[2]), 0
for second = 0, 255 do
  local bucket = KEYS[1] .. ':seen:' .. string.format('%02x%02x', part, second)
  local held = redis.call('HGETALL', bucket)
  for at = 1, #held, 2 do
    if struct.unpack('>I2', held[at + 1], 9) < day then
      redis.call('HDEL', bucket, held[at])
      forgotten = forgotten + 1
    end
  end
end
return forgotten
