-- Gives the evaluator's lease back, if this holder has it.
-- KEYS[1]: the name that all keys begin with, `{siaga:<namespace>}`.
-- ARGV: holder.

local key = KEYS[1] .. ':lease'
if redis.call('GET', key) == ARGV[1] then redis.call('DEL', key) end
