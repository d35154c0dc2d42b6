-- GymBizHawk's way on FCEUX: messages of text, `LENGTH TEXT` each; RAM as one decimal number per byte; the picture as a PNG
-- file, when Python asks for it. Its defects are left out: lengths are exact, nothing is sent twice, nothing is logged, and
-- the speed is not held at 800 %.

local socket = require("socket")
local connection = assert(socket.connect("127.0.0.1", tonumber(os.getenv("PEER_PORT"))))
connection:setoption("tcp-nodelay", true)
local picture = os.getenv("PEER_PICTURE")
local FRAMES_PER_STEP, RAM_BYTES, PLAYS = 4, 2048, 8
local KEYS = { {}, { right = true }, { right = true, A = true }, { right = true, B = true }, { left = true } }

local function send(text) connection:send(#text .. " " .. text) end

local function receive()
  local digits = {}
  while true do
    local digit = connection:receive(1)
    if digit == nil then return "close" end
    if digit == " " then break end
    digits[#digits + 1] = digit
  end
  return connection:receive(tonumber(table.concat(digits)))
end

local function ram_text()
  local bytes, numbers = memory.readbyterange(0, RAM_BYTES), {}
  for i = 1, RAM_BYTES do
    numbers[i] = string.byte(bytes, i)
  end
  return table.concat(numbers, " ")
end

-- FCEUX writes its PNG file while it draws the next frame; so it is asked for one frame early.
local function frame(keys, is_last)
  joypad.set(1, keys)
  if is_last and picture then gui.savescreenshotas(picture) end
  emu.frameadvance()
end

local function wait(frames)
  for _ = 1, frames do
    frame({}, false)
  end
end

emu.speedmode("maximum")
wait(30)
frame({ start = true }, false)
wait(76)
local start = savestate.object and savestate.object() or savestate.create()
savestate.save(start)

local settings = receive()
local wants_ram = string.find(settings, "|RAM|", 1, true) ~= nil
local x = 0
send("NES|int 0 4,|" .. RAM_BYTES)
while true do
  local request = receive()
  if request == "close" then break end
  if request == "reset" then
    savestate.load(start)
    frame({}, true)
    x = memory.readbyte(0x710) * 256 + memory.readbyte(0x711)
    send("|" .. (wants_ram and ram_text() or "") .. "|")
  elseif request == "screenshot" then
    local file = assert(io.open(picture, "rb"))
    send(file:read("*a"))
    file:close()
  else
    local keys, before = KEYS[tonumber(string.match(request, "step (%d+)")) + 1], x
    for i = 1, FRAMES_PER_STEP do
      frame(keys, i == FRAMES_PER_STEP)
    end
    x = memory.readbyte(0x710) * 256 + memory.readbyte(0x711)
    local over = memory.readbyte(0x0E) ~= PLAYS
    local state = wants_ram and ram_text() or ""
    send("|" .. (x - before) / 10 .. "|" .. (over and 1 or 0) .. "|0|" .. state .. "|x:" .. x .. "#")
  end
end
emu.exit()
