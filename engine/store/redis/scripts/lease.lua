-- Takes or renews the evaluator's lease. It ends by the server's own clock: that is no domain time.
-- KEYS[1]: the name that all keys begin with, `{siaga:<namespace>}`.
-- ARGV: holder, length in milliseconds.
-- Returns the holder's epoch, or nil while another has the lease. Whoever takes a lease that was free gets a new epoch.

local base = KEYS[1]
local key, state = base .. ':lease', base .. ':state'
local holder, length = ARGV[1], tonumber(ARGV[2])

local held_by = redis.call('GET', key)
if held_by and held_by ~= holder then return nil end
redis.call('SET', key, holder, 'PX', length)
if held_by then return tonumber(redis.call('HGET', state, 'epoch')) end
return redis.call('HINCRBY', state, 'epoch', 1)
