-- A processor for the barbecue mini game of moon (PlayStation), which only BizHawk can run here: one button, four values.
-- Written as one writes them for GymBizHawk.
--
-- Nobody published where the game keeps its values, so the addresses come with the setup string, as decimal or 0x numbers
-- into main memory. BizHawk's RAM Search finds them: the pan's height and speed change with the button, the goal's height
-- with the level.
--
--     speed=0x.. y=0x.. goal=0x.. level=0x.. over=0x.. [slot=1] [key=P1 X]
--
-- `over` is not 0 when the game is lost; `slot` is the slot of a savestate right before the game starts (without it, the
-- console is switched on anew); `key` is the button.

package.path = package.path .. ";../../gymbizhawk/bizhawk.lua"
local bizhawk = require("bizhawk")

local NUM_STARTS = 100 -- the game's chance hangs on the frame on which it starts
local LAST_LEVEL = 5
local NEEDED = { "speed", "y", "goal", "level", "over" }

local Moon = {}

Moon.new = function()
    local this = {}
    this.NAME = "moon"
    this.ROM = bizhawk.getenv_safe("MOON_ROM")
    this.HASH = ""
    this.ACTION_SPACE = { "bool" } -- the button is held, or not
    this.OBSERVATION_SPACE = { "float[4]" } -- speed, height, the goal's height, how far it is from there

    this.setup = function(self, env, setup_str)
        self.env, self.places, self.key = env, {}, "P1 X"
        local text = setup_str or ""
        for name, number in text:gmatch("(%w+)=(%w+)") do
            self.places[name] = tonumber(number)
        end
        self.key = text:match("key=(.+)$") or self.key
        for _, name in ipairs(NEEDED) do
            if self.places[name] == nil then
                error("moon_processor.lua needs the address of " .. name .. " in its setup string: " .. name .. "=0x...")
            end
        end
    end

    this.reset = function(self)
        if self.places.slot then
            savestate.loadslot(self.places.slot)
        else
            client.reboot_core()
        end
        for _ = 1, math.random(0, NUM_STARTS - 1) do
            emu.frameadvance()
        end
        self:read()
        self.first_level = self.level
    end

    this.step = function(self, action)
        if action ~= nil then self.env:setKeys({ action[1] and self.key or "" }) end
        emu.frameadvance()
        local level = self.level
        self:read()
        if self.over then return -10, true, false end
        if self.level > level then return 100, self.level - self.first_level >= LAST_LEVEL, false end
        local distance = self.y - self.goal
        if distance >= -1 and distance <= 3 then return 0.1, false, false end
        return -0.01, false, false
    end

    this.read = function(self)
        local at = self.places
        self.speed, self.y = mainmemory.read_s16_le(at.speed), mainmemory.read_s16_le(at.y)
        self.goal, self.level = mainmemory.read_s16_le(at.goal), mainmemory.readbyte(at.level)
        self.over = mainmemory.readbyte(at.over) ~= 0
    end

    this.getObservation = function(self)
        return { self.speed, self.y, self.goal, self.y - self.goal }
    end

    return this
end

bizhawk.run(Moon.new())
