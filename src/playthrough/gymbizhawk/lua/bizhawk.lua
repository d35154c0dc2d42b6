-- What require('bizhawk') finds where a processor script runs in BizHawk. It serves Python over comm.socketServer*, with
-- GymBizHawk's own messages: a text each, one request and one answer in turns. The processor itself is driven by
-- gym_module.lua, as it is without BizHawk.

local _, path = ...
local folder = string.match(path, "^(.*)[/\\]") or "."
local load_module = assert(loadfile(folder .. "/../../env/bizhawk/gym_module.lua"))

local host, driver = {}, {}

function host.fail(message) error(message, 0) end

function host.checked(ok, ...)
    if not ok then error((...), 0) end
    return ...
end

-- Buttons that are not named are released; names that this pad does not have are left out.
function host.press(names)
    local buttons = {}
    for name, value in pairs(joypad.get()) do
        if type(value) == "boolean" then buttons[name] = false end
    end
    for i = 1, #names do
        if buttons[names[i]] ~= nil then buttons[names[i]] = true end
    end
    joypad.set(buttons)
end

-- ---------------------------------------------------------------- messages
-- An empty text means that nothing came. Then BizHawk's socket is worth nothing more: asking it again may never end.
local function receive()
    local text = comm.socketServerResponse()
    if text == "" then return "close" end
    return text
end

local function send(text) comm.socketServerSend(text .. " ") end

local function text_of(number) return string.format("%.17g", number) end

-- gym_module.lua packs numbers as the bytes of doubles.
local function numbers_in(packed)
    local numbers, at = {}, 1
    while at <= #packed do
        numbers[#numbers + 1], at = string.unpack("<d", packed, at)
    end
    return numbers
end

local function values_text(packed)
    local texts = numbers_in(packed)
    for i = 1, #texts do
        texts[i] = text_of(texts[i])
    end
    return table.concat(texts, " ")
end

-- "0,1,_1,1,_": each combination ends with _
local function invalid_text(packed, num_values)
    local texts, numbers = {}, numbers_in(packed)
    for i = 1, #numbers do
        texts[i] = text_of(numbers[i]) .. "," .. (i % num_values == 0 and "_" or "")
    end
    return table.concat(texts)
end

-- "x:12#lives:3#": only numbers get through.
local function info_text(info)
    local texts = {}
    for name, value in pairs(info or {}) do
        if type(value) == "boolean" then value = value and 1 or 0 end
        if type(value) == "number" then texts[#texts + 1] = tostring(name) .. ":" .. text_of(value) .. "#" end
    end
    return table.concat(texts)
end

local function ram_text() return table.concat(mainmemory.read_bytes_as_array(0, mainmemory.getcurrentmemorydomainsize()), " ") end

-- ---------------------------------------------------------------- what Python asks for
local function serve(gym)
    local settings = receive()
    if settings == "close" then return end
    local mode, observation, frameskip, silent, work_folder, setup =
        string.match(settings, "^a|(.-)|(.-)|(.-)|(.-)|(.-)|(.+)$")
    if mode == nil then host.fail("expected GymBizHawk's settings, got " .. settings) end
    if gameinfo.getromname() == "Null" then client.openrom(gym.rom()) end
    if gameinfo.getromname() == "Null" then host.fail("the ROM cannot be opened: " .. gym.rom()) end
    local function plain(text) return text == "_" and "" or text end
    local _, actions, observations = gym.start(mode, observation, tonumber(frameskip), plain(setup), "", plain(work_folder))
    if silent == "0" then client.SetSoundOn(true) end
    gym.reset()

    local function seen(values)
        if observation == "RAM" then return ram_text() end
        return values_text(values)
    end

    local answers = {}
    function answers.reset()
        if not gym.env.is_reset then gym.reset() end
        local values, invalid, info = gym.look()
        send(invalid_text(invalid, gym.num_action_values) .. "|" .. seen(values) .. "|" .. info_text(info))
    end
    function answers.step(words)
        local kinds, values = gym.action_kinds, {}
        for word in string.gmatch(words, "%S+") do
            local number = math.tointeger(tonumber(word)) or tonumber(word)
            if kinds[#values + 1] == "bool" then
                values[#values + 1] = number ~= 0
            else
                values[#values + 1] = number
            end
        end
        local reward, terminated, truncated, shown, invalid, info = gym.step(table.unpack(values))
        send(table.concat({
            invalid_text(invalid, gym.num_action_values), text_of(reward), terminated and "1" or "0",
            truncated and "1" or "0", seen(shown), info_text(info),
        }, "|"))
    end
    function answers.screenshot() comm.socketServerScreenShot() end
    -- The next four are not answered.
    function answers.mode(name) gym.set_mode(name) end
    function answers.save(name) gym.backup(name) end
    function answers.load(name) gym.restore(name) end
    function answers.frameadvance_loop()
        client.pause()
        while true do
            emu.frameadvance()
        end
    end

    local first = emu.getsystemid() .. "|" .. actions
    if gym.shows_values then first = first .. "|" .. #gym.observe() // 8 .. "|" .. observations end
    if observation == "RAM" then first = first .. "|" .. mainmemory.getcurrentmemorydomainsize() end
    send(first)
    while true do
        local request = receive()
        if request == "close" then return end
        local word, rest = string.match(request, "^(%S+) ?(.*)$")
        if not answers[word] then host.fail("unknown request: " .. request) end
        answers[word](rest)
    end
end

-- ---------------------------------------------------------------- BizHawk's side of a mode
function driver.is_environment() return true, os.getenv("GYMBIZHAWK") == "1" end

function driver.mode_changed(mode)
    local is_fast = mode == "FAST_RUN"
    emu.limitframerate(not is_fast)
    client.speedmode(is_fast and 6400 or 100)
    if mode == "DEBUG" or mode == "RECORD" then client.pause() end
end

function driver.take(gym)
    local ok, problem = pcall(serve, gym)
    if ok then
        send("close")
    else
        print("[Error] " .. tostring(problem))
        send("error " .. tostring(problem))
    end
    client.exit()
    return true
end

return load_module(host, driver)
