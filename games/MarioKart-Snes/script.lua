-- Super Mario Kart, time trial: five weighted terms. The lap counter holds 128 before the start line, and one more for
-- each time that it is crossed; the race is over with the fifth lap.

local WALL, CHECKPOINT, TERRAIN, TIME, BACKWARDS = -10, 300, -15, -1, -2
local FIRST_LAP, LAPS = 128, 5
local ROAD = 0x40
local PATIENCE_FRAMES = 20 * 60

local furthest, since, was_on_frame

-- How far the kart is, in checkpoints since the start line.
local function progress()
    return (data.laps - FIRST_LAP) * data.num_checkpoints + data.checkpoint
end

local function is_lost()
    return scenario.frame - since > PATIENCE_FRAMES
end

function is_done()
    if furthest == nil then
        furthest, since, was_on_frame = progress(), scenario.frame, data.current_frame
    end
    return data.laps - FIRST_LAP >= LAPS or is_lost()
end

function reward()
    local gained = progress() - furthest
    if gained > 0 then
        furthest, since = progress(), scenario.frame
    end
    local total = CHECKPOINT * math.max(0, gained)
    if data.collision ~= 0 then total = total + WALL end
    if data.surface ~= ROAD then total = total + TERRAIN end
    if data.backward ~= 0 then total = total + BACKWARDS end
    if data.current_frame ~= was_on_frame then total = total + TIME end
    was_on_frame = data.current_frame
    return total
end
