; Tiny for the Game Boy and the Game Boy Color: game_boy.s and game_boy_color.s include it and say which.
; What it does, and how its RAM and picture are laid out, stands in games/README.md.

        .module tiny
        .area   CODE (ABS)

; Registers, from 0xFF00
PAD     = 0x00
IF      = 0x0F
LCDC    = 0x40
SCY     = 0x42
SCX     = 0x43
LY      = 0x44
BGP     = 0x47
VBK     = 0x4F
BCPS    = 0x68
BCPD    = 0x69
IE      = 0xFF

state       = 0xC010
counter     = state
score       = state + 2         ; packed BCD
digits      = state + 4         ; ASCII, the highest first
pad1        = state + 8
x_pos       = state + 12
lives       = state + 14
before      = state + 15        ; the pad in the frame before
counter_end = 0xDFFE

STATE_BYTES = 15
LEFT        = 5                 ; bits of the pad: DULR, START, SELECT, B, A
RIGHT       = 4
BUTTON_B    = 1
BUTTON_A    = 0
FIRST       = 0x9800 + 4 + 32 * 2   ; the picture's first tile in the map

        .org 0x0040
        jp frame

        .org 0x0100             ; the logo, which only the console's own ROM looks for, is left out
        nop
        jp reset
        .org 0x0134
        .ascii "TINY"
        .db 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
        .db COLOR               ; 0x80: has colours
        .ascii "00"
        .db 0, 0, 0, 0, 1, 0x33, 0
        .db HEADER_CHECKSUM

        .org 0x0150
reset:
        di
        ld sp, #0xFFFE
        ld hl, #state
        ld b, #16
        xor a
clear_state:
        ld (hl+), a
        dec b
        jr nz, clear_state
        ld (counter_end), a
        ld (counter_end + 1), a
        ld a, #0x30
        ld hl, #digits
        ld (hl+), a
        ld (hl+), a
        ld (hl+), a
        ld (hl), a
        ld a, #3
        ld (lives), a
wait_for_blank:
        ldh a, (LY)
        cp #144
        jr c, wait_for_blank
        xor a
        ldh (LCDC), a
        ldh (SCY), a
        ldh (SCX), a

.if COLOR
        ld a, #1                ; attributes
        ldh (VBK), a
        ld hl, #0x8000
        call clear_video
        xor a
        ldh (VBK), a
        ld a, #0x80
        ldh (BCPS), a
        ld hl, #palette
        ld b, #8
set_colours:
        ld a, (hl+)
        ldh (BCPD), a
        dec b
        jr nz, set_colours
.else
        ld a, #0x0B             ; around black, a 0 dark, a 1 white
        ldh (BGP), a
.endif
        ld hl, #0x8000
        call clear_video

        ld hl, #0x8100          ; tiles 16 to 31 show the numbers 0 to 15: four bits, two pixels each
        ld c, #0
make_tile:
        ld a, c
        ld b, #4
make_row:
        rrca                    ; doubles the bits 3 to 0 into D
        rr d
        sra d
        dec b
        jr nz, make_row
        ld b, #7
write_row:
        ld a, d                 ; colour 1 for a 0, colour 2 for a 1
        cpl
        ld (hl+), a
        ld a, d
        ld (hl+), a
        dec b
        jr nz, write_row
        inc hl
        inc hl
        inc c
        bit 4, c
        jr z, make_tile


        ld a, #0x91             ; picture on, map at 0x9800, tiles at 0x8000
        ldh (LCDC), a
        xor a
        ldh (IF), a
        inc a
        ldh (IE), a             ; an interrupt at the picture's end
        ei
forever:
        jr forever

clear_video:                    ; 8 KiB from HL
        xor a
        ld (hl+), a
        ld a, h
        cp #0xA0
        jr c, clear_video
        ret

frame:                          ; nothing else runs, so no register needs to be kept
        ld hl, #counter
        inc (hl)
        jr nz, counted
        inc hl
        inc (hl)
counted:
        ld a, (counter)
        ld (counter_end), a
        ld a, (counter + 1)
        ld (counter_end + 1), a

        ld a, #0x20             ; directions
        ldh (PAD), a
        ldh a, (PAD)
        ldh a, (PAD)
        cpl
        and #0x0F
        swap a
        ld b, a
        ld a, #0x10             ; buttons
        ldh (PAD), a
        ldh a, (PAD)
        ldh a, (PAD)
        ldh a, (PAD)
        ldh a, (PAD)
        cpl
        and #0x0F
        or b
        ld (pad1), a
        ld c, a
        ld a, #0x30
        ldh (PAD), a

        ld hl, #before
        ld a, (hl)
        ld (hl), c
        cpl
        and c
        ld b, a                 ; pressed just now
        ld a, (lives)
        bit 7, a
        jr nz, over
        bit BUTTON_A, b
        call nz, add_score
        bit BUTTON_B, b
        jr z, alive
        ld hl, #lives
        dec (hl)
alive:
        ld hl, #x_pos
        ld a, (hl+)
        ld h, (hl)
        ld l, a
        bit RIGHT, c
        jr z, not_right
        inc hl
not_right:
        bit LEFT, c
        jr z, not_left
        dec hl
not_left:
        ld a, l
        ld (x_pos), a
        ld a, h
        ld (x_pos + 1), a
over:

        ld de, #state
        ld hl, #FIRST
        ld b, #STATE_BYTES
show:
        ld a, (de)
        swap a
        and #15
        or #16
        ld (hl+), a
        ld a, (de)
        inc de
        and #15
        or #16
        ld (hl), a
        ld a, l
        add a, #31
        ld l, a
        jr nc, same_page
        inc h
same_page:
        dec b
        jr nz, show
        reti

add_score:                      ; by 125; keeps B and C
        ld hl, #score
        ld a, (hl)
        add a, #0x25
        daa
        ld (hl+), a
        ld a, (hl)
        adc a, #0x01
        daa
        ld (hl), a
        ld de, #digits
        call split
        dec hl
split:                          ; the two digits at HL to DE
        ld a, (hl)
        swap a
        call store_digit
        ld a, (hl)
store_digit:
        and #15
        or #0x30
        ld (de), a
        inc de
        ret
