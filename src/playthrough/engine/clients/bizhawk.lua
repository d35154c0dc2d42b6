-- BizHawk's adapter: Lua 5.4, over comm.socketServer*. EmuHawk connects to Python by itself, when it starts with
-- --socket_ip and --socket_port; see bizhawk.py. Text is all that can be exchanged: see text_connection.py.
--
-- What this file does about BizHawk's ways: it never sends twice without an answer in between (40 ms each), names the
-- memory domain at every read (the default is the bus), reads nothing outside of a domain (BizHawk gives 0 there), and
-- after an empty answer sends something, for that alone tells whether Python is gone.

local folder = os.getenv("PLAYTHROUGH_CLIENTS") or debug.getinfo(1, "S").source:match("^@(.*)[/\\]") or "."
local token = os.getenv("PLAYTHROUGH_TOKEN")
if not token then
  error("start EmuHawk as Python says: the environment variable PLAYTHROUGH_TOKEN is not set")
end
local playthrough = dofile(folder .. "/playthrough.lua")
local byte, char, sub, gsub, concat = string.byte, string.char, string.sub, string.gsub, table.concat

local adapter = { program = "BizHawk " .. client.getversion(), whole = true }

-- The connection ------------------------------------------------------------------------------------------------------

-- Bytes are sent as the characters of the same number.
local TO_TEXT, TO_BYTE = {}, {}
for code = 128, 255 do
  TO_TEXT[char(code)], TO_BYTE[utf8.char(code)] = utf8.char(code), char(code)
end

function adapter.send(data)
  return comm.socketServerSend((gsub(data, "[\128-\255]", TO_TEXT))) >= 0
end

-- One message of Python's comes as one text, of which the core takes the head and the rest.
local received = ""

function adapter.receive(size)
  while received == "" do
    received = gsub(comm.socketServerResponse(), "[\194\195][\128-\191]", TO_BYTE)
    if received == "" and comm.socketServerSend("") < 0 then
      return nil
    end
  end
  local part = sub(received, 1, size)
  received = sub(received, size + 1)
  return part
end

-- Memory --------------------------------------------------------------------------------------------------------------

local MAX_READ_BYTES = 1024
local blocks = {}

-- What of the memory that Python asks for this core has: the first domain that has an address counts.
local function map_memory(wanted)
  local sizes = {}
  for _, name in pairs(memory.getmemorydomainlist()) do
    sizes[name] = memory.getmemorydomainsize(name)
  end
  for domain, offset, address, size in string.gmatch(wanted, "([^,;]+),(%d+),(%d+),(%d+)") do
    offset, address, size = tonumber(offset), tonumber(address), tonumber(size)
    size = math.min(size, (sizes[domain] or 0) - offset)
    for _, block in ipairs(blocks) do
      if address < block.address + block.size and block.address < address + size then
        size = 0
      end
    end
    if size > 0 then
      blocks[#blocks + 1] = { domain = domain, offset = offset, address = address, size = size }
    end
  end
  if #blocks == 0 then -- a system that Python knows nothing of: the main memory, from 0 on
    local size = mainmemory.getcurrentmemorydomainsize()
    blocks[1] = { domain = mainmemory.getname(), offset = 0, address = 0, size = size }
  end
  table.sort(blocks, function(a, b) return a.address < b.address end)
end

local function block_of(address)
  for i = 1, #blocks do
    local block = blocks[i]
    if address >= block.address and address < block.address + block.size then
      return block, address - block.address + block.offset
    end
  end
  error("address " .. address .. " is not mapped")
end

function adapter.blocks()
  local list = {}
  for i, block in ipairs(blocks) do
    list[i] = { block.address, block.size }
  end
  return list
end

function adapter.read(address, size)
  local block, at = block_of(address)
  if size == 1 then
    return char(memory.read_u8(at, block.domain))
  end
  local parts, last = {}, address + size
  while address < last do
    block, at = block_of(address)
    local count = math.min(MAX_READ_BYTES, last - address, block.address + block.size - address)
    local bytes = memory.read_bytes_as_array(at, count, block.domain)
    parts[#parts + 1] = char(table.unpack(bytes, 1, count))
    address = address + count
  end
  return concat(parts)
end

function adapter.write(address, data)
  for i = 1, #data do
    local block, at = block_of(address + i - 1)
    memory.write_u8(at, byte(data, i), block.domain)
  end
end

-- Pads ----------------------------------------------------------------------------------------------------------------

local MAX_PORTS = 8
local names = {} -- by port and bit

local function decoded(name)
  return (gsub(name, "U%+(%x+)", function(code) return utf8.char(tonumber(code, 16)) end))
end

-- Several names are given for a button where cores call it differently; the one that this core knows is taken.
local function find_buttons(wanted)
  local known, found = joypad.get(), false
  for port = 1, MAX_PORTS do
    names[port] = {}
    for bit_number, choices in string.gmatch(wanted, "(%d+)=([^;]+)") do
      for choice in string.gmatch(choices, "[^|]+") do
        local name = decoded(choice)
        local full = "P" .. port .. " " .. name
        if known[full] == nil and port == 1 and known[name] ~= nil then
          full = name
        end
        if known[full] ~= nil and not names[port][tonumber(bit_number)] then
          names[port][tonumber(bit_number)], found = full, true
        end
      end
    end
  end
  if not found then
    error("this core's pad has none of the buttons " .. wanted)
  end
end

local pads = {}

function adapter.press(port, mask)
  local key = port * 65536 + mask
  local pad = pads[key]
  if not pad then
    pad = {}
    for bit_number, name in pairs(names[port]) do
      pad[name] = mask >> bit_number & 1 == 1
    end
    pads[key] = pad
  end
  joypad.set(pad)
end

-- States --------------------------------------------------------------------------------------------------------------

local MAX_KEPT = 8
local state_path = (os.getenv("PLAYTHROUGH_FOLDER") or os.getenv("TEMP") or "/tmp") .. "/" .. token .. ".State"
local kept, order = {}, {} -- states that were loaded, as BizHawk keeps them in memory; which was first

function adapter.save()
  savestate.save(state_path, true)
  local file = assert(io.open(state_path, "rb"))
  local data = file:read("a")
  file:close()
  return data
end

function adapter.load(data)
  if kept[data] then
    memorysavestate.loadcorestate(kept[data])
    return
  end
  local file = assert(io.open(state_path, "wb"))
  file:write(data)
  file:close()
  if not savestate.load(state_path, true) then
    error("BizHawk does not load this savestate")
  end
  kept[data] = memorysavestate.savecorestate()
  order[#order + 1] = data
  if #order > MAX_KEPT then
    local oldest = table.remove(order, 1)
    memorysavestate.removestate(kept[oldest])
    kept[oldest] = nil
  end
end

-- What a person sees --------------------------------------------------------------------------------------------------

adapter.advance = emu.frameadvance

-- BizHawk sends the picture itself, ahead of the answer. Python says that it has it before anything else is sent.
function adapter.picture()
  comm.socketServerScreenShotResponse()
end

adapter.draw_text = gui.pixelText

function adapter.draw_box(x, y, width, height, color, background)
  gui.drawBox(x, y, x + width - 1, y + height - 1, color, background)
end

function adapter.set_speed(speed)
  if speed == 2 then
    client.pause()
    return
  end
  client.unpause()
  emu.limitframerate(speed == 1)
  client.speedmode(speed == 1 and 100 or 6400)
end

-- Begin ---------------------------------------------------------------------------------------------------------------

client.SetSoundOn(false)
client.displaymessages(os.getenv("PLAYTHROUGH_MODE") == "DEBUG")
adapter.set_speed(0)
client.reboot_core() -- frames may have been played before this script began
local switched_on = memorysavestate.savecorestate()
map_memory(os.getenv("PLAYTHROUGH_MEMORY") or "")
find_buttons(os.getenv("PLAYTHROUGH_BUTTONS") or "")

function adapter.power_on()
  memorysavestate.loadcorestate(switched_on)
end

playthrough.serve(adapter, token)
client.exit()
