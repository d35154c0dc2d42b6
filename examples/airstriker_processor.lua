-- A processor for Airstriker, a shoot 'em up for the Mega Drive, written as one writes them for GymBizHawk: a start that
-- is found once and kept as a savestate, a random wait before each episode, steps of one frame.
--
--     import playthrough as pt
--     env = pt.make_script("examples/airstriker_processor.lua", rom="Airstriker-Genesis")
--
-- "Airstriker-Genesis" is the ROM that comes with stable-retro; a file's name works as well.

package.path = package.path .. ";../../gymbizhawk/bizhawk.lua"
local bizhawk = require("bizhawk")

local COLUMNS, ROWS, CELL_WIDTH, CELL_HEIGHT = 16, 13, 20, 16
local SHIP_WIDTH, SPRITE_ORIGIN = 24, 128 -- the Mega Drive counts sprites' positions from 128 pixels outside

-- Everything that moves is in one block of words. A kind has three lists of 11: what it is (0: nothing), x and y.
local FIRST, NUM_WORDS, SLOTS = 0x78, 208, 11
local KINDS = {
    { name = "shots", address = 0x78, value = 0.5, color = 0xFFFFFF00 },
    { name = "enemies", address = 0x104, value = -1, color = 0xFFFF0000 },
    { name = "enemy shots", address = 0x15E, value = -0.5, color = 0xFF00FF00 },
    { name = "mines", address = 0x1D2, value = -1, color = 0xFFFF00FF },
}
local SCORE, LIVES, SHIP_X = 0x24E, 0x25A, 0x268

local Airstriker = {}

Airstriker.new = function()
    local this = {}
    this.NAME = "Airstriker"
    this.ROM = bizhawk.getenv_safe("AIRSTRIKER_ROM")
    this.HASH = ""
    this.ACTION_SPACE = {
        "int -1 1", -- left, stay, right
        "bool", -- B: fire
    }
    this.OBSERVATION_SPACE = {
        "bool[16]", -- the ship's column
        "bool[3]", -- its speed: left, none, right
        "float -1 1", -- where in its column it is
        "float[*] -1 1", -- 13 rows of 16 cells: what is there
    }

    this.setup = function(self, env, setup_str)
        self.env = env
        self.max_wait = tonumber(setup_str) or 60
    end

    this.wait = function(self, num_frames, key)
        for _ = 1, num_frames do
            self.env:setKey(key or "")
            emu.frameadvance()
        end
    end

    -- Through the titles, once.
    this.find_start = function(self)
        client.reboot_core()
        self:wait(400)
        self:wait(10, "P1 Start")
        self:wait(90)
        self:wait(10, "P1 B")
        while mainmemory.read_u16_be(LIVES) == 0 do
            self:wait(20)
            self:wait(10, "P1 B")
        end
        self.start = memorysavestate.savecorestate()
    end

    this.reset = function(self)
        if self.start == nil then self:find_start() end
        memorysavestate.loadcorestate(self.start)
        self:wait(math.random(1, self.max_wait))
        self.previous_x = nil
        self:read_memory()
        self:draw()
    end

    this.step = function(self, action)
        if action ~= nil then
            local direction = ""
            if action[1] == -1 then direction = "P1 Left" end
            if action[1] == 1 then direction = "P1 Right" end
            self.env:setKeys({ direction, action[2] and "P1 B" or "" })
        end
        local score, lives = self.score, self.lives
        emu.frameadvance()
        self:read_memory()
        self:draw()
        local reward = (self.score - score) / 10
        if self.lives < lives then
            -- The last life, or the game begins anew: the score goes with it.
            return reward - 10, self.lives == 0, false
        end
        return reward, false, false
    end

    this.read_memory = function(self)
        local words, read = {}, mainmemory.read_u16_be
        for i = 0, NUM_WORDS - 1 do
            words[i] = read(FIRST + 2 * i)
        end
        self.score = read(SCORE) * 0x10000 + read(SCORE + 2)
        self.lives = read(LIVES)
        self.ship_x = read(SHIP_X) - SPRITE_ORIGIN
        self.speed = self.ship_x - (self.previous_x or self.ship_x)
        self.previous_x = self.ship_x

        local objects, cells = {}, {}
        for i = 1, COLUMNS * ROWS do
            cells[i] = 0
        end
        for kind = 1, #KINDS do
            local first, value = (KINDS[kind].address - FIRST) // 2, KINDS[kind].value
            for slot = first, first + SLOTS - 1 do
                local x, y = words[slot + SLOTS] - SPRITE_ORIGIN, words[slot + 2 * SLOTS] - SPRITE_ORIGIN
                if words[slot] ~= 0 and x >= 0 and x < COLUMNS * CELL_WIDTH and y >= 0 and y < ROWS * CELL_HEIGHT then
                    objects[#objects + 1] = { x = x, y = y, kind = kind }
                    cells[y // CELL_HEIGHT * COLUMNS + x // CELL_WIDTH + 1] = value
                end
            end
        end
        self.objects, self.cells = objects, cells
    end

    this.getObservation = function(self)
        local values = {}
        local function oneHot(value, low, high)
            for i = low, high do
                values[#values + 1] = i == value and 1 or 0
            end
        end
        local middle = self.ship_x + SHIP_WIDTH // 2
        local column = math.max(0, math.min(COLUMNS - 1, middle // CELL_WIDTH))
        oneHot(column, 0, COLUMNS - 1)
        oneHot(self.speed > 0 and 1 or self.speed < 0 and -1 or 0, -1, 1)
        values[#values + 1] = math.max(-1, math.min(1, middle % CELL_WIDTH / CELL_WIDTH * 2 - 1))
        return table.move(self.cells, 1, #self.cells, #values + 1, values)
    end

    -- Nobody flies out of the picture.
    this.getInvalidActions = function(self)
        local invalid = {}
        if self.ship_x <= 9 then invalid = { { -1, false }, { -1, true } } end
        if self.ship_x >= 284 then invalid = { { 1, false }, { 1, true } } end
        return invalid
    end

    this.getInfo = function(self) return { score = self.score, lives = self.lives, x = self.ship_x } end

    this.backup = function(self) return { previous_x = self.previous_x } end

    this.restore = function(self, data)
        self.previous_x = data.previous_x
        self:read_memory()
    end

    this.draw = function(self)
        if self.env.mode == "FAST_RUN" then return end
        for i = 1, #self.objects do
            local object = self.objects[i]
            local left, top = object.x // CELL_WIDTH * CELL_WIDTH, object.y // CELL_HEIGHT * CELL_HEIGHT
            gui.drawBox(left, top, left + CELL_WIDTH, top + CELL_HEIGHT, KINDS[object.kind].color, 0x30FFFFFF)
        end
        gui.drawBox(self.ship_x, 180, self.ship_x + SHIP_WIDTH, 206, 0xFF00A0FF, 0x00000000)
        gui.text(4, 212, "ship " .. self.ship_x .. " speed " .. self.speed .. " objects " .. #self.objects)
    end

    return this
end

bizhawk.run(Airstriker.new())
