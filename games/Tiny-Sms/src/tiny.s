; Tiny for the Master System and the Game Gear: master_system.s and game_gear.s include it and say which.
; What it does, and how its RAM and picture are laid out, stands in games/README.md.

        .module tiny
        .area   CODE (ABS)

VDP_DATA        = 0xBE
VDP_CONTROL     = 0xBF
PADS1           = 0xDC          ; pad 1, and up and down of pad 2
PADS2           = 0xDD
GAME_GEAR_START = 0x00

state       = 0xC010
counter     = state
score       = state + 2         ; packed BCD
digits      = state + 4         ; ASCII, the highest first
pad1        = state + 8
pad2        = state + 10
x_pos       = state + 12
lives       = state + 14
before      = state + 15        ; pad 1 in the frame before
paused      = state + 16        ; what the pause button's interrupt leaves
counter_end = 0xDFF0

STATE_BYTES = 15
BUTTON_2    = 5                 ; bits of the pads: ..21RLDU, and bit 8 is pause or start
BUTTON_1    = 4
RIGHT       = 3
LEFT        = 2
MAP         = 0x3800            ; where the tile map is in video memory

        .org 0x0000
        di
        im 1
        ld sp, #0xDFE0
        jp reset

        .org 0x0038
        jp frame

        .org 0x0066
        push af
        ld a, #1
        ld (paused), a
        pop af
        retn

        .org 0x0080
reset:
        ld hl, #state
        ld b, #17
clear_state:
        ld (hl), #0
        inc hl
        djnz clear_state
        ld hl, #0x3030
        ld (digits), hl
        ld (digits + 2), hl
        ld hl, #0
        ld (counter_end), hl
        ld a, #3
        ld (lives), a
        ld hl, #registers
        ld c, #VDP_CONTROL
        ld b, #(registers_end - registers)
        otir

        ld hl, #0x4000          ; write to video memory from 0
        call point_vdp
        ld bc, #0x4000
clear_video:
        xor a
        out (VDP_DATA), a
        dec bc
        ld a, b
        or c
        jr nz, clear_video

        ld hl, #0xC000          ; colours
        call point_vdp
        ld hl, #palette
        ld b, #(palette_end - palette)
        ld c, #VDP_DATA
        otir

        ld hl, #0x4200          ; tiles 16 to 31 show the numbers 0 to 15: four bits, two pixels each
        call point_vdp
        ld c, #0
make_tile:
        ld a, c
        ld b, #4
make_row:
        rrca                    ; doubles the bits 3 to 0 into D
        rr d
        sra d
        djnz make_row
        ld b, #7
write_row:
        ld a, d                 ; colour 1 for a 0, colour 2 for a 1
        cpl
        out (VDP_DATA), a
        ld a, d
        out (VDP_DATA), a
        xor a
        out (VDP_DATA), a
        out (VDP_DATA), a
        djnz write_row
        ld b, #4
write_gap:
        out (VDP_DATA), a
        djnz write_gap
        inc c
        bit 4, c
        jr z, make_tile

        in a, (VDP_CONTROL)     ; forget interrupts that wait
        ld hl, #0x81E0          ; picture on, and an interrupt at its end
        call point_vdp
        ei
forever:
        jr forever

frame:                          ; nothing else runs, so no register needs to be kept
        in a, (VDP_CONTROL)
        ld hl, (counter)
        inc hl
        ld (counter), hl
        ld (counter_end), hl

        in a, (PADS1)
        cpl
        ld b, a
        and #0x3F
        ld (pad1), a
.ifeq GAME_GEAR
        in a, (PADS2)
        cpl
        sla b                   ; up and down of pad 2 go below the rest
        rla
        sla b
        rla
        and #0x3F
        ld (pad2), a
        ld a, (paused)
        ld (pad1 + 1), a
        xor a
        ld (paused), a
.else
        in a, (GAME_GEAR_START)
        cpl
        rlca
        and #1
        ld (pad1 + 1), a
.endif

        ld a, (before)
        cpl
        ld b, a
        ld a, (pad1)
        ld (before), a
        ld c, a
        and b
        ld b, a                 ; pressed just now
        ld a, (lives)
        or a
        jp m, over
        bit BUTTON_2, b
        call nz, add_score
        bit BUTTON_1, b
        jr z, alive
        ld hl, #lives
        dec (hl)
alive:
        ld hl, (x_pos)
        bit RIGHT, c
        jr z, not_right
        inc hl
not_right:
        bit LEFT, c
        jr z, not_left
        dec hl
not_left:
        ld (x_pos), hl
over:

        ld de, #state
        ld hl, #(0x4000 + MAP + 2 * (COLUMN + 32 * ROW))
        ld b, #STATE_BYTES
show:
        call point_vdp
        ld a, (de)
        rrca
        rrca
        rrca
        rrca
        call show_four_bits
        ld a, (de)
        call show_four_bits
        inc de
        push de
        ld de, #64
        add hl, de
        pop de
        djnz show
        ei
        reti

show_four_bits:
        and #15
        or #16
        out (VDP_DATA), a
        xor a
        out (VDP_DATA), a
        ret

add_score:                      ; by 125; keeps B and C
        ld hl, #score
        ld a, (hl)
        add a, #0x25
        daa
        ld (hl), a
        inc hl
        ld a, (hl)
        adc a, #0x01
        daa
        ld (hl), a
        ld de, #digits
        call split
        dec hl
split:                          ; the two digits at HL to DE
        ld a, (hl)
        rrca
        rrca
        rrca
        rrca
        call store_digit
        ld a, (hl)
store_digit:
        and #15
        or #0x30
        ld (de), a
        inc de
        ret

point_vdp:                      ; to the address or register in HL
        ld a, l
        out (VDP_CONTROL), a
        ld a, h
        out (VDP_CONTROL), a
        ret

registers:                      ; value, then 0x80 + number
        .db 0x04, 0x80          ; mode 4
        .db 0xA0, 0x81          ; picture off
        .db 0xFF, 0x82          ; the map at 0x3800
        .db 0xFF, 0x83
        .db 0xFF, 0x84
        .db 0xFF, 0x85          ; sprites at 0x3F00
        .db 0xFF, 0x86
        .db 0x00, 0x87          ; colour 16 around
        .db 0x00, 0x88          ; no scrolling
        .db 0x00, 0x89
        .db 0xFF, 0x8A          ; no line interrupts
registers_end:
