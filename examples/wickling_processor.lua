-- A processor for our NES game Wickling, written as one writes them for GymBizHawk. It runs there, and without BizHawk:
--
--     import playthrough as pt
--     env = pt.make_script("examples/wickling_processor.lua", rom="games/Wickling-Nes/rom.nes")
--
--     playthrough lua examples/wickling_processor.lua --rom games/Wickling-Nes/rom.nes --frames 600 --video wickling.mp4

package.path = package.path .. ";../../gymbizhawk/bizhawk.lua"
local bizhawk = require("bizhawk")

local COLUMNS, ROWS, TILE = 16, 13, 16
local NUM_ENEMIES, NUM_PLATFORMS = 6, 4
local VIEW_LEFT, VIEW_RIGHT, VIEW_ROWS = -2, 7, 9
local SOLID, DEADLY = 1, -1
local STATE_PLAYS, STATE_GOAL = 8, 4
local MAX_STILL_FRAMES = 180

-- What each metatile of the map means; the others are scenery.
local MEANING = { [12] = DEADLY, [13] = DEADLY }
for _, tile in ipairs({ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14, 19, 20 }) do
    MEANING[tile] = SOLID
end

local Wickling = {}

Wickling.new = function()
    local this = {}
    this.NAME = "Wickling"
    this.ROM = bizhawk.getenv_safe("WICKLING_ROM") or "../games/Wickling-Nes/rom.nes"
    this.HASH = "64984E68239B7CF83E53B1D4BD3E1F9A7F2A738A"
    this.ACTION_SPACE = {
        "int 0 2", -- 0 stands, 1 walks left, 2 walks right
        "bool", -- A: jump
        "bool", -- B: run
    }
    this.OBSERVATION_SPACE = { "float[*] -1 1" }

    -- setup_str is the level to play: "1" to "4"
    this.setup = function(self, env, setup_str)
        self.env = env
        self.level = tonumber(setup_str) or 1
        env:log_info("level " .. self.level)
    end

    this.wait = function(self, num_frames)
        for _ = 1, num_frames do
            emu.frameadvance()
        end
    end

    this.press = function(self, key)
        self.env:setKey(key)
        emu.frameadvance()
        emu.frameadvance()
    end

    this.reset = function(self)
        client.reboot_core()
        self:wait(30)
        for _ = 2, self.level do
            self:press("P1 Right")
        end
        self:press("P1 Start")
        self:wait(76)
        self.num_still = 0
        self:readMemory()
        self.best_x = self.x
        self:draw()
    end

    this.step = function(self, action)
        if action ~= nil then
            local keys = { "", action[2] and "P1 A" or "", action[3] and "P1 B" or "" }
            if action[1] == 1 then keys[1] = "P1 Left" end
            if action[1] == 2 then keys[1] = "P1 Right" end
            self.env:setKeys(keys)
        end
        emu.frameadvance()
        self:readMemory()
        local gain = math.max(0, self.x - self.best_x)
        self.best_x = self.best_x + gain
        self.num_still = gain > 0 and 0 or self.num_still + 1
        self:draw()

        if self.state == STATE_GOAL then return 100, true, false end
        if self.state ~= STATE_PLAYS then return -10, true, false end
        if gain > 0 then return gain / 10, false, false end
        return -0.01, false, self.num_still > MAX_STILL_FRAMES
    end

    -- Everything that the agent sees and that ends an episode, once per frame.
    this.readMemory = function(self)
        self.state = mainmemory.readbyte(0x0E)
        self.x = mainmemory.read_u16_be(0x710)
        self.y = mainmemory.readbyte(0xCE)
        self.speed_x = mainmemory.read_s8(0x57)
        self.speed_y = mainmemory.read_s8(0x9F)
        self.is_in_air = mainmemory.readbyte(0x1D) ~= 0
        self.scroll = mainmemory.readbyte(0x71A) * 256 + mainmemory.readbyte(0x71C)

        local tiles, readbyte = {}, mainmemory.readbyte
        local first_column = self.scroll // TILE
        for row = 0, ROWS - 1 do
            for column = first_column, first_column + COLUMNS - 1 do
                local page = column // 16 % 2
                local tile = readbyte(0x500 + page * 208 + row * 16 + column % 16)
                tiles[#tiles + 1] = MEANING[tile] or 0
            end
        end
        self.tiles = tiles

        self.objects = {}
        for slot = 0, NUM_ENEMIES - 1 do
            if mainmemory.readbyte(0x0F + slot) == 1 then
                local x = mainmemory.readbyte(0x6E + slot) * 256 + mainmemory.readbyte(0x87 + slot)
                self:addObject(x, mainmemory.readbyte(0xCF + slot), DEADLY, first_column)
            end
        end
        for slot = 0, NUM_PLATFORMS - 1 do
            if mainmemory.readbyte(0x4C0 + slot) == 1 then
                local x = mainmemory.readbyte(0x4C8 + slot) * 256 + mainmemory.readbyte(0x4CC + slot)
                local y = mainmemory.readbyte(0x4D0 + slot)
                self:addObject(x, y, SOLID, first_column)
                self:addObject(x + TILE, y, SOLID, first_column)
            end
        end
        self.tile_x = math.floor((self.x + 8) / TILE) - first_column
        self.tile_y = math.floor((self.y + 16 - 32) / TILE)
    end

    this.addObject = function(self, x, y, meaning, first_column)
        local column = math.floor((x + 8) / TILE) - first_column
        local row = math.floor((y + 8 - 32) / TILE)
        self.objects[#self.objects + 1] = { column = column, row = row, meaning = meaning }
    end

    this.tileAt = function(self, column, row)
        if column < 0 or column >= COLUMNS or row < 0 or row >= ROWS then return 0 end
        return self.tiles[row * COLUMNS + column + 1]
    end

    this.getObservation = function(self)
        local values = {}
        local function oneHot(value, low, high)
            for i = low, high do
                values[#values + 1] = (i == math.max(low, math.min(high, value))) and 1 or 0
            end
        end
        oneHot(self.speed_x, -3, 3)
        oneHot(self.speed_y, -5, 5)
        oneHot(self.tile_y, 0, ROWS - 1)
        values[#values + 1] = self.is_in_air and 1 or 0
        values[#values + 1] = (self.x % TILE) / TILE

        local first = #values
        for row = self.tile_y - VIEW_ROWS + 3, self.tile_y + 2 do
            for column = self.tile_x + VIEW_LEFT, self.tile_x + VIEW_RIGHT do
                values[#values + 1] = self:tileAt(column, row)
            end
        end
        local width = VIEW_RIGHT - VIEW_LEFT + 1
        for i = 1, #self.objects do
            local object = self.objects[i]
            local column = object.column - self.tile_x - VIEW_LEFT
            local row = object.row - (self.tile_y - VIEW_ROWS + 3)
            if column >= 0 and column < width and row >= 0 and row < VIEW_ROWS then
                values[first + row * width + column + 1] = object.meaning
            end
        end
        return values
    end

    -- Running without walking is standing, and nobody walks out of the level's left edge.
    this.getInvalidActions = function(self)
        local invalid = { { 0, false, true }, { 0, true, true } }
        if self.x <= TILE then
            for _, jump in ipairs({ false, true }) do
                for _, run in ipairs({ false, true }) do
                    invalid[#invalid + 1] = { 1, jump, run }
                end
            end
        end
        return invalid
    end

    this.getInfo = function(self)
        return { x = self.x, best_x = self.best_x, goal_x = mainmemory.read_u16_be(0x712) }
    end

    this.backup = function(self) return { best_x = self.best_x, num_still = self.num_still } end

    this.restore = function(self, data)
        self.best_x, self.num_still = data.best_x, data.num_still
        self:readMemory()
    end

    -- What the agent sees, in small, over the picture.
    this.draw = function(self)
        if self.env.mode == "FAST_RUN" then return end
        local size, left, top = 4, 6, 40
        gui.drawBox(left - 1, top - 1, left + COLUMNS * size, top + ROWS * size, 0xFF000000, 0x80404040)
        local function cell(column, row, color)
            local x, y = left + column * size, top + row * size
            gui.drawBox(x, y, x + size - 1, y + size - 1, color, color)
        end
        for row = 0, ROWS - 1 do
            for column = 0, COLUMNS - 1 do
                local tile = self:tileAt(column, row)
                if tile ~= 0 then cell(column, row, tile == SOLID and 0xC0FFFFFF or 0xC0FF4040) end
            end
        end
        for i = 1, #self.objects do
            local object = self.objects[i]
            cell(object.column, object.row, object.meaning == SOLID and 0xC060A0FF or 0xFFFF0000)
        end
        cell(self.tile_x, self.tile_y, 0xFF00FF00)
        gui.text(left, top + ROWS * size + 6, "x " .. self.x .. " best " .. (self.best_x or 0))
        gui.text(left, top + ROWS * size + 14, "speed " .. self.speed_x .. " " .. self.speed_y)
    end

    return this
end

bizhawk.run(Wickling.new())
