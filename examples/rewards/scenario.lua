-- The same scenario as scenario.json and scenario.py, in Lua. A script sees the variables of this frame; what they
-- were one frame ago it has to remember. On the reset's own frame (scenario.frame 0) nothing has changed yet.

local before = {}

local function change(name)
    local now = data[name]
    local difference = now - (before[name] or now)
    before[name] = now
    return difference
end

local scroll, coins, levels, lives = 0, 0, 0, 0

-- done is asked before reward, so the changes are taken once, here.
function is_done()
    scroll, coins = change("xscroll"), change("coins")
    levels, lives = change("levels_done"), change("lives")
    return lives < 0 or levels > 0
end

function reward()
    local total = -0.5 + scroll
    if coins > 0 then total = total + 10 * coins end
    if levels > 0 then total = total + 1000 * levels end
    return total
end
