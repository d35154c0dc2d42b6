-- The module that processor scripts of GymBizHawk get from require('bizhawk'), with the interface of its version 0.3.1.
-- Whoever drives the processor calls the functions of `gym` below: Python itself, where the script runs in the embedded
-- host; gymbizhawk/lua/bizhawk.lua, where it runs in BizHawk.
--
-- host:   press(names): from now on, until the next frame, these buttons and no others; fail(message); checked(ok, ...)
-- driver: is_environment() -> ok, whether somebody wants the processor; take(gym) -> ok; mode_changed(mode), if it cares

local host, driver = ...

local module, gym = {}, {}

function module.eval(code)
    local chunk, problem = load(code)
    if not chunk then return nil, "Compilation error: " .. problem end
    local ok, result = pcall(chunk)
    if not ok then return nil, "Runtime error: " .. tostring(result) end
    return result
end

function module.split(text, separators)
    local parts = {}
    if separators == nil then return parts end
    for part in string.gmatch(text, "([^" .. separators .. "]+)") do
        parts[#parts + 1] = part
    end
    return parts
end

function module.startswith(text, start) return string.sub(text, 1, #start) == start end

-- The default stands for an environment that cannot be asked; a variable that is not set is nil.
function module.getenv_safe(name, default)
    local ok, value = pcall(os.getenv, name)
    if ok then return value end
    return default or ""
end

-- ---------------------------------------------------------------- what a processor gets as `env`
local Env = {}
Env.__index = Env

local function new_env(log_path)
    local env = setmetatable({
        log_path = log_path or "",
        mode = "",
        emu_speed = 100,
        is_reset = false,
        observation_type = "",
        backup_data = {},
        wkdir_with_slash = "",
        frameskip = 0,
        platform = emu.getsystemid(),
    }, Env)
    return env
end

function Env:setMode(mode)
    if self.mode == mode then return end
    if self.mode == "DEBUG" then
        self:log_info("mode no change(debug mode)")
        return
    end
    self.mode = mode
    if driver.mode_changed then driver.mode_changed(mode) end
end

function Env:getKeys()
    local keys = joypad.get()
    for key in next, keys do
        keys[key] = false
    end
    return keys
end

function Env:setKey(key) self:setKeys({ key }) end

-- What is not named is released. A name that the pad does not have is ignored, as in BizHawk.
function Env:setKeys(keys) host.press(keys) end

function Env:log(text, is_printed)
    if is_printed then print(text) end
    if self.log_path == "" then return end
    local file = io.open(self.log_path, "a")
    if not file then
        print("[Error] Failed to open log file: " .. self.log_path)
        return
    end
    file:write(os.date("%Y/%m/%d %H:%M:%S"), ": ", tostring(text), "\n")
    file:close()
end

function Env:log_info(text) self:log(text, true) end

function Env:log_debug(text)
    if self.mode ~= "FAST_RUN" then self:log(text, self.mode == "DEBUG") end
end

function Env:run(processor) module.run(processor, self.log_path) end

module.GymEnv = { new = new_env }

-- ---------------------------------------------------------------- run
-- Without Python behind it, a script shows itself: it resets once and goes on with no action.
local function run_alone(processor, env)
    env:setMode("DEBUG")
    if emu.getsystemid() == "NULL" and processor.ROM then client.openrom(processor.ROM) end
    processor:setup(env, "")
    processor:reset()
    emu.frameadvance()
    while true do
        processor:step(nil)
    end
end

function module.run(processor, log_path)
    local env = new_env(log_path)
    if type(processor) ~= "table" then host.fail("bizhawk.run: expected a processor, got " .. type(processor)) end
    if host.checked(driver.is_environment()) then
        gym.processor, gym.env, env.processor = processor, env, processor
        host.checked(driver.take(gym))
    else
        run_alone(processor, env)
    end
    return env
end

-- ---------------------------------------------------------------- what the driver calls
local function declared(processor, new_name, old_name)
    local spaces = processor[new_name]
    if spaces == nil then
        spaces = processor[old_name] -- before version 0.3
        if type(spaces) == "string" then
            local kind, bounds = string.match(spaces, "^(%a+)(.*)$")
            spaces = { tostring(kind) .. "[*]" .. tostring(bounds) }
        end
    end
    if type(spaces) ~= "table" then host.fail(new_name .. " is not defined in the processor") end
    return table.concat(spaces, ",")
end

function gym.rom() return gym.processor.ROM or "" end

function gym.start(mode, observation, frameskip, setup_text, log_path, folder)
    local env, processor = gym.env, gym.processor
    if log_path ~= "" then env.log_path = log_path end
    env.observation_type, env.frameskip, env.wkdir_with_slash = observation, frameskip, folder
    env.platform = emu.getsystemid()
    client.pause()
    client.SetSoundOn(false)
    processor:setup(env, setup_text)
    env.ACTION_SPACE, env.OBSERVATION_SPACE = processor.ACTION_SPACE, processor.OBSERVATION_SPACE
    local hash, wanted = gameinfo.getromhash(), processor.HASH
    if wanted ~= nil and wanted ~= "" and hash ~= wanted then
        env:log_info("Hash: " .. hash .. ", not match " .. tostring(wanted))
    end
    env:setMode(mode)
    if mode ~= "DEBUG" and mode ~= "RECORD" then client.unpause() end -- these two wait for a person
    local actions = declared(processor, "ACTION_SPACE", "ACTION")
    local kinds = {}
    for entry in string.gmatch(actions, "[^,]+") do
        for _ = 1, tonumber(string.match(entry, "%[(%d+)%]")) or 1 do
            kinds[#kinds + 1] = string.match(entry, "%a+")
        end
    end
    gym.action_kinds, gym.num_action_values = kinds, #kinds
    gym.shows_values = observation == "VALUE" or observation == "BOTH"
    return processor.NAME or "", actions, declared(processor, "OBSERVATION_SPACE", "OBSERVATION"),
        processor.getInvalidActions ~= nil
end

function gym.set_mode(mode) gym.env:setMode(mode) end

function gym.reset()
    gym.processor:reset()
    gym.env.is_reset = true
end

-- One decision: the processor's step, frameskip + 1 times, until it says that the episode is over.
function gym.step(...)
    local processor, actions, frameskip = gym.processor, { ... }, gym.env.frameskip
    local frames_before, sum, terminated, truncated = emu.framecount(), 0, false, false
    for _ = 0, frameskip do
        local reward
        reward, terminated, truncated = processor:step(actions)
        if type(reward) ~= "number" then host.fail("step returned no reward, but a " .. type(reward)) end
        sum = sum + reward
        if terminated or truncated then break end
    end
    gym.env.is_reset = false
    if not (terminated or truncated) then
        while emu.framecount() < frames_before + frameskip do
            emu.frameadvance()
        end
    end
    return sum, terminated and true or false, truncated and true or false, gym.look()
end

local patterns = {}

-- Numbers as the bytes of doubles, which Python reads all at once.
local function packed(numbers)
    local count = #numbers
    local pattern = patterns[count] or string.rep("d", count)
    patterns[count] = pattern
    return string.pack("<" .. pattern, table.unpack(numbers, 1, count))
end

local function number_of(value)
    if type(value) == "boolean" then return value and 1 or 0 end
    return tonumber(value) or host.fail("expected a number or a boolean, got " .. tostring(value))
end

function gym.observe()
    if gym.processor.getObservation == nil then host.fail("getObservation is not defined in the processor") end
    local values = gym.processor:getObservation()
    local ok, text = pcall(packed, values)
    if ok then return text end
    local numbers = {}
    for i = 1, #values do
        numbers[i] = number_of(values[i])
    end
    return packed(numbers)
end

function gym.invalid_actions()
    local numbers, processor = {}, gym.processor
    local rows = processor.getInvalidActions and processor:getInvalidActions() or {}
    for i = 1, #rows do
        for j = 1, gym.num_action_values do
            numbers[#numbers + 1] = number_of(rows[i][j] == nil and 0 or rows[i][j])
        end
    end
    return packed(numbers)
end

-- What a decision is made from: the values as a text or nothing, the forbidden actions likewise, and the script's info.
function gym.look()
    local processor = gym.processor
    local invalid = gym.invalid_actions()
    local values = gym.shows_values and gym.observe() or ""
    return values, invalid, processor.getInfo and processor:getInfo() or nil
end

function gym.backup(name)
    local data = gym.processor.backup and gym.processor:backup() or nil
    gym.env.backup_data[name] = { data = data, state = memorysavestate.savecorestate() }
end

function gym.restore(name)
    local kept = gym.env.backup_data[name]
    memorysavestate.loadcorestate(kept.state)
    if gym.processor.restore then gym.processor:restore(kept.data) end
    gym.env.is_reset = false
end

return module
