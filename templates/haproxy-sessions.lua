-- Written by kprov; changes made here are undone by the next run.
-- Ends the sessions of API servers that are down while another one is up, so that clients go there at once.
-- While none is up they stay: haproxy's own `on-marked-down shutdown-sessions` would cut slow servers off.

local function status_of(server)
  return server:get_stats()["status"] or ""
end

local function end_sessions_of_down_servers()
  local is_any_up = false
  local down = {}
  for _, server in pairs(core.backends["kube-apiservers"].servers) do
    local status = status_of(server)
    if status:find("^UP") then
      is_any_up = true
    elseif status:find("^DOWN") then
      down[#down + 1] = server
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
