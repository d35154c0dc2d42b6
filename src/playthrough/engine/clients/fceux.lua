-- FCEUX's adapter: Lua 5.1, with LuaSocket. Python starts it; see fceux.py.

local folder = assert(os.getenv("PLAYTHROUGH_CLIENTS"))
local client = dofile(folder .. "/playthrough.lua")
local found, socket = pcall(require, "socket")
if not found then
  io.stderr:write("LuaSocket is missing: " .. tostring(socket) .. "\n")
  os.exit(3)
end

local NAMES = { [0] = "B", [2] = "select", [3] = "start", [4] = "up", [5] = "down", [6] = "left", [7] = "right", [8] = "A" }
local GD_HEAD_BYTES = 11

-- FCEUX keeps slot 1 in memory until it is told to write the file, and reads the file when there is nothing in memory.
local state_path = os.getenv("PLAYTHROUGH_STATE")

local pads = {}
local function pad_of(mask)
  local pad = pads[mask]
  if not pad then
    pad = {}
    for bit_number, name in pairs(NAMES) do
      pad[name] = math.floor(mask / 2 ^ bit_number) % 2 == 1
    end
    pads[mask] = pad
  end
  return pad
end

local host, port = os.getenv("PLAYTHROUGH_HOST") or "127.0.0.1", tonumber(os.getenv("PLAYTHROUGH_PORT"))
local connection = assert(socket.connect(host, port))
connection:setoption("tcp-nodelay", true)

local adapter = { program = "FCEUX" }

function adapter.send(data, first)
  return connection:send(data, first)
end

function adapter.receive(size)
  return (connection:receive(size))
end

function adapter.press(port, mask)
  if port <= 2 then
    joypad.set(port, pad_of(mask))
  end
end

adapter.advance = emu.frameadvance
adapter.read = memory.readbyterange

function adapter.write(address, data)
  for i = 1, #data do
    memory.writebyte(address + i - 1, data:byte(i))
  end
end

function adapter.save()
  local state = savestate.create(1)
  savestate.save(state)
  savestate.persist(state)
  local file = assert(io.open(state_path, "rb"))
  local data = file:read("*a")
  file:close()
  return data
end

function adapter.load(data)
  local file = assert(io.open(state_path, "wb"))
  file:write(data)
  file:close()
  savestate.load(savestate.create(1))
  emu.message("") -- otherwise FCEUX shows "Power on", or what it loaded, for some seconds
end

function adapter.picture(drawn)
  local picture = gui.gdscreenshot(not drawn)
  local width = picture:byte(3) * 256 + picture:byte(4)
  local height = picture:byte(5) * 256 + picture:byte(6)
  return width, height, picture, GD_HEAD_BYTES + 1
end

-- FCEUX wants the opacity last.
local function color_of(argb)
  local opacity = math.floor(argb / 0x1000000)
  return argb % 0x1000000 * 256 + opacity
end

function adapter.draw_text(x, y, text, color, background)
  gui.text(x, y, text, color_of(color), color_of(background))
end

function adapter.draw_box(x, y, width, height, color, background)
  gui.box(x, y, x + width - 1, y + height - 1, color_of(background), color_of(color))
end

function adapter.set_speed(speed)
  if speed == 2 then
    emu.pause()
  else
    emu.unpause()
    emu.speedmode(speed == 1 and "normal" or "maximum")
  end
end

-- A console that was just switched on, the same every time, as the embedded core's are: its battery RAM holds zeros, which
-- emu.poweron would keep, and two frames have been played. The first frame that a script asks for is over before it
-- begins (nothing is played), so that one is asked for before.
emu.speedmode("maximum")
emu.frameadvance()
emu.frameadvance()
for address = 0x6000, 0x7FFF do
  memory.writebyte(address, 0)
end
emu.poweron() -- after it, for some cartridges have registers where others have RAM
for _ = 1, 2 do
  adapter.press(1, 0)
  adapter.press(2, 0)
  emu.frameadvance()
end
local switched_on = adapter.save()

function adapter.power_on()
  adapter.load(switched_on)
end

function adapter.blocks()
  local blocks = { { 0, 2048 } }
  local old = memory.readbyte(0x6000)
  memory.writebyte(0x6000, 255 - old)
  if memory.readbyte(0x6000) == 255 - old then
    blocks[2] = { 0x6000, 0x2000 }
  end
  adapter.power_on()
  return blocks
end

client.serve(adapter, os.getenv("PLAYTHROUGH_TOKEN"))
connection:close()
emu.exit()
