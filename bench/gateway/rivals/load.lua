-- Load for wrk. Each thread stops asking when its time is up and waits for what is under way, so that
-- what was asked and what was answered are the same number. Settings are in the environment (wrk.format has no others):
--   LOAD_SECONDS, LOAD_BODY (file with the body expected), LOAD_ADDRESSES (one for each thread, in turn)
local ffi = require('ffi')
ffi.cdef [[
  typedef struct { long s; long ns; } load_time;
  int clock_gettime(int, load_time *);
]]

local PARKED_MS = 3600000
local time = ffi.new('load_time')

local function now()
  ffi.C.clock_gettime(1, time)
  return tonumber(time.s) + tonumber(time.ns) / 1e9
end

-- Of the main state.
local threads = {}
local addresses = {}

function setup(thread)
  if #threads == 0 then
    for word in (os.getenv('LOAD_ADDRESSES') or ''):gmatch('[^,]+') do addresses[#addresses + 1] = word end
  end
  if #addresses > 0 then
    thread.addr = wrk.lookup(addresses[#threads % #addresses + 1], '443')[1]
  end
  threads[#threads + 1] = thread
end

-- Of each thread; globals, since the main state reads them.
asked, answered, inTime, bad, first, last = 0, 0, 0, 0, 0, 0
local seconds = tonumber(os.getenv('LOAD_SECONDS'))
local head, expected

function init()
  local file = assert(io.open(os.getenv('LOAD_BODY'), 'rb'))
  expected = file:read('*a')
  file:close()
  head = wrk.format()
end

-- wrk asks once before each request how long to wait.
function delay()
  local at = now()
  if first == 0 then first = at end
  if at - first >= seconds then return PARKED_MS end
  asked = asked + 1
  return 0
end

function request()
  return head
end

function response(status, headers, body)
  if status == 200 and body == expected then answered = answered + 1 else bad = bad + 1 end
  last = now()
  if last - first <= seconds then inTime = inTime + 1 end
end

function done(summary, latency, requests)
  local sum = { asked = 0, answered = 0, inTime = 0, bad = 0 }
  local from, to = 1e18, 0
  for _, thread in ipairs(threads) do
    for name, value in pairs(sum) do sum[name] = value + thread:get(name) end
    from = math.min(from, thread:get('first'))
    to = math.max(to, thread:get('last'))
  end
  local took = math.min(to - from, seconds)
  local errors = summary.errors
  io.write(string.format(
    '\nLOAD {"asked":%d,"answered":%d,"inTime":%d,"bad":%d,"seconds":%.6f,"p50Us":%d,"p99Us":%d,' ..
    '"errors":{"connect":%d,"read":%d,"write":%d,"timeout":%d}}\n',
    sum.asked, sum.answered, sum.inTime, sum.bad, took, latency:percentile(50), latency:percentile(99),
    errors.connect, errors.read, errors.write, errors.timeout))
end
