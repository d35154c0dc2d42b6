-- The client that runs inside another emulator: it answers one question of Python's with one message, for ever.
-- One file for Lua 5.1 and 5.4. What differs between emulators is in the adapter; wire.py is the other end.
--
-- An adapter is a table of functions:
--   program                     the emulator's name and version
--   blocks()                    {{address, size}, ...} of the mapped memory
--   press(port, mask)           what is pressed on the next frame; ports count from 1, bits as libretro counts them
--   advance()                   play one frame
--   read(address, size)         bytes, as a string
--   write(address, bytes)
--   save() -> bytes             load(bytes); power_on()
--   picture(drawn) -> width, height, bytes[, first]   from the first byte on, four for each pixel: X R G B; with what was
--                               drawn over it where that is possible; nothing if the picture was sent by itself, ahead of
--                               the answer
--   draw_text(x, y, text, color, background)   colours are 0xAARRGGBB; drawn for one frame
--   draw_box(x, y, width, height, color, background)
--   set_speed(speed)            0 as fast as possible, 1 real time, 2 paused
--   send(bytes, first)          receive(size) -> bytes; nil from either: Python is gone. Several sends may follow one
--                               another, unless `whole` is true: then a message is sent in one piece

local M = {}

local MAGIC, VERSION = "PTRC", 1
local CONFIGURE, RUN, SAVE, LOAD, READ, WRITE, PICTURE, QUIT, DRAW, SPEED = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
local HELLO, DONE, RAN, DATA, SHOWN, FAILED = 64, 65, 66, 67, 68, 69
local HEAD_BYTES = 12

local byte, char, sub, concat, floor = string.byte, string.char, string.sub, table.concat, math.floor

-- Numbers: little endian, exact up to 2^53 in both Luas ----------------------------------------------------------------

local function u16(data, at)
  local a, b = byte(data, at, at + 1)
  return a + b * 256
end

local function u32(data, at)
  local a, b, c, d = byte(data, at, at + 3)
  return a + b * 256 + c * 65536 + d * 16777216
end

local function i16(data, at)
  return (u16(data, at) + 32768) % 65536 - 32768
end

local function u64(data, at)
  return u32(data, at) + u32(data, at + 4) * 4294967296
end

local function put16(number)
  return char(number % 256, floor(number / 256) % 256)
end

local function put32(number)
  return put16(number % 65536) .. put16(floor(number / 65536))
end

-- A message as a list of its parts, the head first. A part is a string, or {string, first} for what begins there.
local function message(kind, parts)
  local size = 0
  for i = 1, #parts do
    local part = parts[i]
    size = size + (type(part) == "table" and #part[1] - part[2] + 1 or #part)
  end
  table.insert(parts, 1, MAGIC .. char(VERSION, kind, 0, 0) .. put32(size))
  return parts
end

local LARGE = 65536

-- Small parts are joined; large ones, which are pictures, are sent from where they are.
local function send(adapter, parts)
  local joined = {}
  for i = 1, #parts do
    local part = parts[i]
    local is_table = type(part) == "table"
    local data, first = is_table and part[1] or part, is_table and part[2] or 1
    if adapter.whole or #data < LARGE then
      joined[#joined + 1] = first > 1 and sub(data, first) or data
    else
      if #joined > 0 and not adapter.send(concat(joined), 1) then
        return nil
      end
      joined = {}
      if not adapter.send(data, first) then
        return nil
      end
    end
  end
  return #joined == 0 or adapter.send(concat(joined), 1)
end

-- Probes and stop programs --------------------------------------------------------------------------------------------

local function read_probe(data, at)
  local probe = {
    address = u32(data, at),
    width = byte(data, at + 4),
    format = sub("uidn", byte(data, at + 5) + 1, byte(data, at + 5) + 1),
    order = {},
  }
  if byte(data, at + 6) == 1 then
    -- Only masks below 2^48 are ever used here; a wider one is applied by Python alone.
    probe.bits = {}
    local mask = u32(data, at + 7) + u16(data, at + 11) * 4294967296
    local power = 1
    while power <= mask do
      if floor(mask / power) % 2 == 1 then
        probe.bits[#probe.bits + 1] = power
      end
      power = power * 2
    end
  end
  local count = byte(data, at + 15)
  for i = 1, count do
    probe.order[i] = byte(data, at + 15 + i)
  end
  return probe, at + 16 + count
end

-- The number that a probe's bytes stand for; `at` is where they begin in `data`.
local function decode(probe, data, at)
  local value, format = 0, probe.format
  for i = 1, #probe.order do
    local digit = byte(data, at + probe.order[i])
    if format == "d" then
      value = value * 100 + floor(digit / 16) % 10 * 10 + digit % 16 % 10
    elseif format == "n" then
      value = value * 10 + digit % 16 % 10
    else
      value = value * 256 + digit
    end
  end
  if format == "i" and value >= 2 ^ (8 * #probe.order - 1) then
    value = value - 2 ^ (8 * #probe.order)
  end
  if probe.bits then
    local left, kept = value % 281474976710656, 0
    for i = 1, #probe.bits do
      local power = probe.bits[i]
      if floor(left / power) % 2 == 1 then
        kept = kept + power
      end
    end
    value = kept
  end
  return value
end

-- In the order of probes.Op; each takes the value and the reference and says whether the measure is above zero.
local HOLDS = {
  [0] = function(v) return v > 0 end,
  function(v, r) return v == r end,
  function(v, r) return v ~= r end,
  function(v, r) return v == -r end,
  function(v, r) return v < r end,
  function(v, r) return v > r end,
  function(v, r) return v <= r end,
  function(v, r) return v >= r end,
  function(v) return v == 0 end,
  function(v) return v ~= 0 end,
  function(v) return v > 0 end,
  function(v) return v < 0 end,
  function(v) return v > 0 end,
}

local function read_stop(data, at)
  local node = { all = byte(data, at) == 1, measures = {}, nodes = {} }
  local count = u16(data, at + 1)
  at = at + 3
  for i = 1, count do
    local exponent = u16(data, at + 13)
    local reference
    if exponent == 32767 then
      reference = math.huge
    else
      reference = u64(data, at + 5) * 2.0 ^ (exponent >= 32768 and exponent - 65536 or exponent)
    end
    node.measures[i] = {
      probe = u16(data, at) + 1,
      delta = byte(data, at + 2) == 1,
      holds = HOLDS[byte(data, at + 3)],
      reference = byte(data, at + 4) == 1 and -reference or reference,
    }
    at = at + 15
  end
  count = u16(data, at)
  at = at + 2
  for i = 1, count do
    node.nodes[i], at = read_stop(data, at)
  end
  return node, at
end

local function note_used(node, used)
  for _, measure in ipairs(node.measures) do
    used[measure.probe] = true
  end
  for _, inner in ipairs(node.nodes) do
    note_used(inner, used)
  end
end

local function evaluate(node, now, before)
  local all = node.all
  for i = 1, #node.measures do
    local measure = node.measures[i]
    local value = now[measure.probe]
    if measure.delta then
      value = value - before[measure.probe]
    end
    if measure.holds(value, measure.reference) ~= all then
      return not all
    end
  end
  for i = 1, #node.nodes do
    if evaluate(node.nodes[i], now, before) ~= all then
      return not all
    end
  end
  return all
end

-- What Python configured: probes, where each begins in a sample, and the stop program.
function M.read_configuration(data)
  local count, at = u16(data, 1), 3
  local setup = { probes = {}, starts = {}, bytes = 0, used = {} }
  for i = 1, count do
    setup.probes[i], at = read_probe(data, at)
    setup.starts[i] = setup.bytes + 1
    setup.bytes = setup.bytes + setup.probes[i].width
  end
  local has_stop = byte(data, at) == 1
  at = at + 1
  if has_stop then
    setup.stop, at = read_stop(data, at)
    local used = {}
    note_used(setup.stop, used)
    for i = 1, count do
      if used[i] then
        setup.used[#setup.used + 1] = i
      end
    end
  end
  if at ~= #data + 1 then
    error("a configuration of " .. #data .. " bytes ends at byte " .. at - 1)
  end
  return setup
end

-- The values that the stop program needs, from the bytes of one sample.
function M.values(setup, sample)
  local values = {}
  for i = 1, #setup.used do
    local index = setup.used[i]
    values[index] = decode(setup.probes[index], sample, setup.starts[index])
  end
  return values
end

function M.ends(setup, now, before)
  return evaluate(setup.stop, now, before)
end

-- The answers ---------------------------------------------------------------------------------------------------------

local function shown(adapter, drawn)
  local width, height, pixels, first = adapter.picture(drawn)
  if not pixels then
    return "", ""
  end
  first = first or 1
  return put16(width) .. put16(height) .. put32(#pixels - first + 1), { pixels, first }
end

-- What is drawn over the game stays until Python says otherwise; emulators forget it after each frame.
local TEXT = 1
local overlay = {}

local function read_overlay(data)
  local shapes, at = {}, 3
  for i = 1, u16(data, 1) do
    local size = u16(data, at + 17)
    shapes[i] = {
      kind = byte(data, at),
      x = i16(data, at + 1),
      y = i16(data, at + 3),
      width = u16(data, at + 5),
      height = u16(data, at + 7),
      color = u32(data, at + 9),
      background = u32(data, at + 13),
      text = sub(data, at + 19, at + 18 + size),
    }
    at = at + 19 + size
  end
  if at ~= #data + 1 then
    error("drawings of " .. #data .. " bytes end at byte " .. at - 1)
  end
  return shapes
end

local function draw(adapter)
  for i = 1, #overlay do
    local shape = overlay[i]
    if shape.kind == TEXT then
      adapter.draw_text(shape.x, shape.y, shape.text, shape.color, shape.background)
    else
      adapter.draw_box(shape.x, shape.y, shape.width, shape.height, shape.color, shape.background)
    end
  end
end

local function sample(adapter, setup)
  local parts = {}
  for i = 1, #setup.probes do
    local probe = setup.probes[i]
    parts[i] = adapter.read(probe.address, probe.width)
  end
  return concat(parts)
end

local function run(adapter, setup, data)
  local frames, ports, num_pictures, stopping = u32(data, 1), byte(data, 5, 7)
  local at = 8 + setup.bytes
  if #data ~= at - 1 + frames * ports * 2 then
    error("a run of " .. frames .. " frames and " .. ports .. " ports in " .. #data .. " bytes")
  end
  stopping = stopping == 1 and setup.stop
  local before = stopping and M.values(setup, sub(data, 8, at - 1))
  local samples, ran, ended = {}, 0, false
  local older_head, older_pixels
  while ran < frames and not ended do
    for port = 1, ports do
      adapter.press(port, u16(data, at))
      at = at + 2
    end
    adapter.advance()
    ran = ran + 1
    draw(adapter)
    local raw = sample(adapter, setup)
    samples[ran] = raw
    if stopping then
      local now = M.values(setup, raw)
      ended = evaluate(setup.stop, now, before)
      before = now
    end
    -- The last but one: with a stop program, any frame may turn out to be it.
    if num_pictures == 2 and not ended and ran < frames and (stopping or ran == frames - 1) then
      older_head, older_pixels = shown(adapter)
    end
  end
  local count = num_pictures < ran and num_pictures or ran
  local parts = { put32(ran) .. char(ended and 1 or 0, count), concat(samples) }
  if count == 2 then
    parts[3], parts[4] = older_head, older_pixels
  end
  if count > 0 then
    local head, pixels = shown(adapter)
    parts[#parts + 1] = head
    parts[#parts + 1] = pixels
  end
  return RAN, parts
end

function M.answers(adapter)
  local setup = { probes = {}, starts = {}, bytes = 0, used = {} }
  return {
    [CONFIGURE] = function(data)
      setup = M.read_configuration(data)
      return DONE, {}
    end,
    [RUN] = function(data)
      return run(adapter, setup, data)
    end,
    [SAVE] = function()
      return DATA, { adapter.save() }
    end,
    [LOAD] = function(data)
      if data == "" then
        adapter.power_on()
      else
        adapter.load(data)
      end
      return DONE, {}
    end,
    [READ] = function(data)
      local parts = {}
      for at = 1, #data, 8 do
        parts[#parts + 1] = adapter.read(u32(data, at), u32(data, at + 4))
      end
      return DATA, parts
    end,
    [WRITE] = function(data)
      adapter.write(u32(data, 1), sub(data, 5))
      return DONE, {}
    end,
    [PICTURE] = function(data)
      local head, pixels = shown(adapter, data == "\1")
      return SHOWN, { head, pixels }
    end,
    [DRAW] = function(data)
      overlay = read_overlay(data)
      draw(adapter)
      return DONE, {}
    end,
    [SPEED] = function(data)
      adapter.set_speed(byte(data))
      return DONE, {}
    end,
  }
end

local function hello(adapter, token)
  local parts = { char(#token), token, char(#adapter.program), adapter.program }
  for _, block in ipairs(adapter.blocks()) do
    parts[#parts + 1] = put32(block[1]) .. put32(block[2])
  end
  return message(HELLO, parts)
end

-- Says hello and answers until Python quits or is gone. A run is not guarded: Lua 5.1 cannot play a frame inside pcall.
function M.serve(adapter, token)
  local answers = M.answers(adapter)
  if not send(adapter, hello(adapter, token)) then
    return
  end
  while true do
    local head = adapter.receive(HEAD_BYTES)
    if not head then
      return
    end
    if sub(head, 1, 4) ~= MAGIC or byte(head, 5) ~= VERSION then
      error("this is no message of version " .. VERSION)
    end
    local kind, length = byte(head, 6), u32(head, 9)
    local data = length > 0 and adapter.receive(length) or ""
    if kind == QUIT or #data ~= length then
      return
    end
    local answer = answers[kind]
    if not answer then
      error("a question of the unknown kind " .. kind)
    end
    local fine, answer_kind, parts = true, nil, nil
    if kind == RUN then
      answer_kind, parts = answer(data)
    else
      fine, answer_kind, parts = pcall(answer, data)
    end
    local reply = fine and message(answer_kind, parts) or message(FAILED, { tostring(answer_kind) })
    if not send(adapter, reply) then
      return
    end
  end
end

return M
