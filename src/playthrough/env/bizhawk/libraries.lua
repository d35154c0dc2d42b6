-- The libraries of BizHawk that need little of the host: what is known of the game, user data, bits and texts.

local ask, fail = ...

local G, string, table = _G, string, table
local unpack_bytes, pack_bytes, format, sub = string.unpack, string.pack, string.format, string.sub
local floor, concat, type = math.floor, table.concat, type

-- ---------------------------------------------------------------- gameinfo, input, movie, userdata
local gameinfo, input, movie, userdata, kept = {}, {}, {}, {}, {}
G.gameinfo, G.input, G.movie, G.userdata = gameinfo, input, movie, userdata
gameinfo.getromname, gameinfo.getromhash = ask("rom_name"), ask("rom_hash")
function gameinfo.getboardtype() return "" end
function gameinfo.getoptions() return {} end
function gameinfo.getstatus() return "Unknown" end
function gameinfo.indatabase() return false end
function gameinfo.isstatusbad() return false end

function input.get() return {} end
input.get_pressed_axes = input.get
function input.getmouse()
    return { X = 0, Y = 0, Left = false, Middle = false, Right = false, XButton1 = false, XButton2 = false, Wheel = 0 }
end

function movie.isloaded() return false end
function movie.mode() return "INACTIVE" end
function movie.length() return 0 end

function userdata.set(name, value)
    local kind = type(value)
    if kind ~= "nil" and kind ~= "boolean" and kind ~= "number" and kind ~= "string" then
        fail("userdata.set: Invalid type for userdata, expected nil, boolean, number or string")
    end
    kept[name] = value
end
function userdata.get(name) return kept[name] end
function userdata.clear() kept = {} end
function userdata.containskey(name) return kept[name] ~= nil end
function userdata.remove(name)
    local was_there = kept[name] ~= nil
    kept[name] = nil
    return was_there
end
function userdata.get_keys()
    local keys = {}
    for key in G.pairs(kept) do
        keys[#keys + 1] = key
    end
    return keys
end

-- ---------------------------------------------------------------- bit, bizstring
local bit, bizstring = {}, {}
G.bit, G.bizstring = bit, bizstring
local WORD = 0xFFFFFFFF
local function word(value) return floor(value) & WORD end
function bit.band(a, b) return word(a) & word(b) end
function bit.bor(a, b) return word(a) | word(b) end
function bit.bxor(a, b) return word(a) ~ word(b) end
function bit.bnot(a) return ~word(a) & WORD end
-- C# shifts by the low five bits of the count.
function bit.lshift(a, n) return word(a) << (n & 31) & WORD end
function bit.rshift(a, n) return word(a) >> (n & 31) end
function bit.arshift(a, n)
    local value = word(a)
    if value >= 0x80000000 then value = value - 0x100000000 end
    return value // (1 << (n & 31))
end
function bit.rol(a, n) return (word(a) << (n & 31) | word(a) >> (-n & 31)) & WORD end
function bit.ror(a, n) return bit.rol(a, -n & 31) end
function bit.check(a, position) return floor(a) >> position & 1 == 1 end
function bit.set(a, position) return (word(a) | 1 << (position & 31)) & WORD end
function bit.clear(a, position) return word(a) & ~(1 << (position & 31)) end
function bit.byteswap_16(a) return (unpack_bytes(">I2", pack_bytes("<I2", floor(a) & 0xFFFF))) end
function bit.byteswap_32(a) return (unpack_bytes(">I4", pack_bytes("<I4", word(a)))) end
function bit.byteswap_64(a) return (unpack_bytes(">i8", pack_bytes("<i8", floor(a)))) end

local function in_base(number, bits)
    local digits, value = {}, floor(number)
    repeat
        table.insert(digits, 1, format("%x", value & (1 << bits) - 1))
        value = value >> bits
    until value == 0
    return concat(digits)
end
function bizstring.binary(number) return in_base(number, 1) end
function bizstring.octal(number) return in_base(number, 3) end
function bizstring.hex(number) return string.upper(in_base(number, 4)) end
function bizstring.contains(text, part) return string.find(text, part, 1, true) ~= nil end
function bizstring.startswith(text, part) return sub(text, 1, #part) == part end
function bizstring.endswith(text, part) return part == "" or sub(text, -#part) == part end
function bizstring.pad_start(text, length, filler) return string.rep(filler, length - #text) .. text end
function bizstring.pad_end(text, length, filler) return text .. string.rep(filler, length - #text) end
function bizstring.remove(text, position, count) return sub(text, 1, position) .. sub(text, position + count + 1) end
function bizstring.substring(text, position, length) return sub(text, position + 1, position + length) end
bizstring.tolower, bizstring.toupper = string.lower, string.upper
function bizstring.trim(text) return (string.match(text, "^%s*(.-)%s*$")) end
function bizstring.replace(text, old, new)
    local parts, at = {}, 1
    while true do
        local first, last = string.find(text, old, at, true)
        if not first then return concat(parts) .. sub(text, at) end
        parts[#parts + 1] = sub(text, at, first - 1) .. new
        at = last + 1
    end
end
function bizstring.split(text, separator)
    local parts, at = {}, 1
    while true do
        local first, last = string.find(text, separator, at, true)
        local part = sub(text, at, first and first - 1)
        if part ~= "" then parts[#parts + 1] = part end
        if not first then return parts end
        at = last + 1
    end
end

local function bytes_of(list)
    local bytes = {}
    for i = 1, #list do
        bytes[i] = string.char(floor(list[i]) & 255)
    end
    return concat(bytes)
end
local function expect_utf8(name, encoding)
    if encoding ~= nil and string.lower(encoding) ~= "utf-8" then fail(name .. ": only utf-8 is supported here") end
end
function bizstring.decode(list, encoding)
    expect_utf8("bizstring.decode", encoding)
    return bytes_of(list)
end
function bizstring.encode(text, encoding)
    expect_utf8("bizstring.encode", encoding)
    return { string.byte(text, 1, -1) }
end

-- ---------------------------------------------------------------- comm
local comm = {}
G.comm = comm
local send, take_screenshot, receive = ask("socket_send"), ask("socket_screenshot"), ask("socket_receive")
local send_bytes = ask("socket_send_bytes")
comm.socketServerSend, comm.socketServerResponse = send, receive
comm.socketServerSetIp, comm.socketServerSetPort = ask("socket_set_ip"), ask("socket_set_port")
comm.socketServerGetIp, comm.socketServerGetPort = ask("socket_ip"), ask("socket_port")
comm.socketServerSetTimeout = ask("socket_set_timeout")
comm.socketServerIsConnected, comm.socketServerSuccessful = ask("socket_is_connected"), ask("socket_is_successful")
function comm.socketServerGetInfo() return comm.socketServerGetIp() .. ":" .. comm.socketServerGetPort() end
function comm.socketServerSendBytes(list) return send_bytes(bytes_of(list)) end
function comm.socketServerScreenShot()
    return take_screenshot() and "Screenshot was sent" or "Screenshot could not be sent"
end
function comm.socketServerScreenShotResponse()
    take_screenshot()
    local answer = receive()
    return answer ~= "" and answer or "Failed to get a response"
end
