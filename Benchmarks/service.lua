-- Part of Cascade. SPDX-License-Identifier: Apache-2.0
--
-- Load on a service of MovieLens, for wrk:
--   wrk -t1 -c16 -d60s --latency -s Benchmarks/service.lua http://127.0.0.1:8080 -- recommend|search|events
local words = { "love", "star", "story", "night", "war", "king", "dead", "man", "day", "house" }
local kind, run, number = "recommend", 0, 0

function init(arguments)
  kind = arguments[1] or kind
  run = os.time()
  math.randomseed(run)
  wrk.headers["Content-Type"] = "application/json"
end

function request()
  local user = math.random(1, 6040)
  if kind == "search" then
    return wrk.format("GET", "/v1/search?k=10&q=" .. words[math.random(#words)] .. "&user=" .. user)
  elseif kind == "events" then
    number = number + 1
    local event = '{"id":"load-%d-%d-%d","user":"%d","item":"%d","action":"click","time":%d}'
    return wrk.format("POST", "/v1/events", nil, event:format(run, math.random(1e9), number, user, math.random(1, 3000), run))
  end
  return wrk.format("GET", "/v1/users/" .. user .. "/recommendations?k=10")
end
