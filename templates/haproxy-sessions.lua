-- Written by kprov; changes made here are undone by the next run.
-- Ends the sessions of API servers that are down while another one is up, so that clients go there at once.
-- While none is up they stay: haproxy's own `on-marked-down shutdown-sessions` would cut slow servers off.
-- A server that restarts is down as soon as it refuses connections, and still answers those that it has: its
-- sessions get a grace. A dead host's end after `tcp-ut`, also without this.

local GRACE_SECONDS = 2
local down_since = {}

local function status_of(server)
  return server:get_stats()["status"] or ""
end

local function seconds()
  local now = core.now()
  return now.sec + now.usec / 1000000
end

local function end_sessions_of_down_servers()
  local is_any_up = false
  local down = {}
  for name, server in pairs(core.backends["kube-apiservers"].servers) do
    local status = status_of(server)
    if status:find("^DOWN") then
      down_since[name] = down_since[name] or seconds()
      if seconds() - down_since[name] >= GRACE_SECONDS then
        down[#down + 1] = server
      end
    else
      down_since[name] = nil
      is_any_up = is_any_up or status:find("^UP") ~= nil
    end
  end
  if is_any_up then
    for _, server in ipairs(down) do
      server:shut_sess()
    end
  end
end

core.register_task(function()
  while true do
    core.msleep(250)
    end_sessions_of_down_servers()
  end
end)
