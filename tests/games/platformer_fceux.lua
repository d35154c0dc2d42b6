-- Plays one byte of buttons per frame from power-on and keeps the console's RAM after every frame.
-- The environment variables WICKLING_INPUTS and WICKLING_RAM name the two files.
local NAMES = { "A", "B", "select", "start", "up", "down", "left", "right" }

local file = assert(io.open(os.getenv("WICKLING_INPUTS"), "rb"))
local inputs = file:read("*a")
file:close()

local out = assert(io.open(os.getenv("WICKLING_RAM"), "wb"))
emu.poweron()
emu.speedmode("maximum")
for frame = 1, #inputs do
  local bits = inputs:byte(frame)
  local pad = {}
  for i, name in ipairs(NAMES) do
    pad[name] = math.floor(bits / 2 ^ (i - 1)) % 2 == 1
  end
  joypad.set(1, pad)
  emu.frameadvance()
  out:write(memory.readbyterange(0, 2048))
end
out:close()
emu.exit()
