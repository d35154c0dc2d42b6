| Tiny for the Genesis. What it does, and how its RAM and picture are laid out, stands in games/README.md.

    .equ VDP_DATA,    0xC00000
    .equ VDP_CONTROL, 0xC00004
    .equ VERSION,     0xA10001
    .equ PAD1_DATA,   0xA10003
    .equ PAD2_DATA,   0xA10005
    .equ PAD1_PINS,   0xA10009
    .equ PAD2_PINS,   0xA1000B
    .equ Z80_RESET,   0xA11200
    .equ TMSS,        0xA14000

    .equ state,   0xFFFF0010
    .equ counter, 0                 | all of them are offsets in the state
    .equ score,   2                 | packed BCD
    .equ digits,  4                 | ASCII, the highest first
    .equ pad1,    8
    .equ pad2,    10
    .equ x_pos,   12
    .equ lives,   14
    .equ before,  16                | pad 1 in the frame before
    .equ counter_end, 0xFFFFFFFE

    .equ A_BIT, 6                   | pads: ....MXYZ SACBRLDU
    .equ B_BIT, 4
    .equ RIGHT_BIT, 3
    .equ LEFT_BIT, 2

    .equ STATE_BYTES, 15
    .equ MAP, 0xC000                | where the plane is in video memory
    .equ CELL, 2 * (4 + 64 * 2)     | of the picture's first tile in it

    .text
    .long 0xFFFFFF00, reset         | below the stack is the game's, above it counter_end
    .rept 28
    .long fault
    .endr
    .long vblank                    | level 6
    .rept 33
    .long fault
    .endr

    .ascii "SEGA GENESIS    "
    .ascii "PLAYTHROUGH 2025"
    .ascii "TINY                                            "
    .ascii "TINY                                            "
    .ascii "GM 00000000-00"
    .word 0                         | no checksum
    .ascii "J6              "       | joypads with six buttons
    .long 0, end - 1
    .long 0xFF0000, 0xFFFFFF
    .ascii "                                                                "
    .ascii "JUE             "

reset:
    move.w #0x2700, %sr
    lea state, %a5
    movea.l %a5, %a2
    moveq #8, %d1
clear_state:
    clr.w (%a2)+
    dbra %d1, clear_state
    move.l #0x30303030, digits(%a5)
    move.b #3, lives(%a5)
    clr.w counter_end
    move.b VERSION, %d0
    andi.b #0x0F, %d0
    beq.s no_lock
    move.l #0x53454741, TMSS        | later consoles lock the VDP until they read this
no_lock:
    move.w #0x0000, Z80_RESET       | the Z80 and the sound chip stay silent
    lea VDP_CONTROL, %a1
    lea VDP_DATA, %a0
    tst.w (%a1)
    lea registers, %a2
    moveq #registers_end - registers - 1, %d1
    move.w #0x8000, %d0
set_registers:
    move.b (%a2)+, %d0
    move.w %d0, (%a1)
    addi.w #0x100, %d0
    dbra %d1, set_registers

    move.l #0x40000000, (%a1)       | write to video memory from 0
    move.w #0x3FFF, %d1
clear_video:
    move.l #0, (%a0)
    dbra %d1, clear_video
    move.l #0x40000010, (%a1)       | vertical scroll
    move.l #0, (%a0)
    move.l #0xC0000000, (%a1)       | colours
    lea palette, %a2
    moveq #3, %d1
set_colours:
    move.w (%a2)+, (%a0)
    dbra %d1, set_colours

    move.l #0x42000000, (%a1)       | tiles 16 to 31 show the numbers 0 to 15: four bits, two pixels each
    moveq #0, %d0
make_tile:
    move.w %d0, %d2
    moveq #3, %d4
    moveq #0, %d3
make_row:
    lsl.l #8, %d3
    move.b #0x11, %d3
    btst #3, %d2
    beq.s bit_is_0
    move.b #0x22, %d3
bit_is_0:
    lsl.w #1, %d2
    dbra %d4, make_row
    moveq #6, %d4
write_row:
    move.l %d3, (%a0)
    dbra %d4, write_row
    move.l #0, (%a0)
    addq.w #1, %d0
    cmpi.w #16, %d0
    bne.s make_tile

    move.b #0x40, PAD1_PINS         | TH is an output
    move.b #0x40, PAD2_PINS
    move.b #0x40, PAD1_DATA
    move.b #0x40, PAD2_DATA
    move.w #0x8164, (%a1)           | picture on, and an interrupt at its end
    move.w #0x2500, %sr
forever:
    bra.s forever

vblank:
    addq.w #1, counter(%a5)
    move.w counter(%a5), counter_end
    lea PAD1_DATA, %a2
    bsr.w read_pad
    move.w %d0, pad1(%a5)
    lea PAD2_DATA, %a2
    bsr.w read_pad
    move.w %d0, pad2(%a5)

    move.w pad1(%a5), %d0
    move.w before(%a5), %d1
    move.w %d0, before(%a5)
    not.w %d1
    and.w %d0, %d1                  | pressed just now
    tst.b lives(%a5)
    bmi.s over
    btst #A_BIT, %d1
    beq.s no_score
    bsr.w add_score
no_score:
    btst #B_BIT, %d1
    beq.s alive
    subq.b #1, lives(%a5)
alive:
    btst #RIGHT_BIT, %d0
    beq.s not_right
    addq.w #1, x_pos(%a5)
not_right:
    btst #LEFT_BIT, %d0
    beq.s over
    subq.w #1, x_pos(%a5)
over:

    movea.l %a5, %a2
    move.l #0x40000003 + ((MAP & 0x3FFF) + CELL) * 0x10000, %d1
    moveq #STATE_BYTES - 1, %d2
show:
    move.l %d1, (%a1)
    moveq #0, %d0
    move.b (%a2)+, %d0
    move.w %d0, %d3
    lsr.w #4, %d3
    addi.w #16, %d3
    move.w %d3, (%a0)
    andi.w #15, %d0
    addi.w #16, %d0
    move.w %d0, (%a0)
    addi.l #0x800000, %d1           | the next row
    dbra %d2, show
    rte

read_pad:                           | of the port at a2, to d0. Each change of TH shows other buttons
    bsr.s read_twice                | CBRLDU, SA
    move.w %d0, %d3
    bsr.s read_twice
    bsr.s read_once                 | this time with TH low, a six-button pad says 0000 below
    move.b %d0, %d4
    move.b #0x40, (%a2)
    nop
    nop
    move.b (%a2), %d0               | MXYZ
    not.b %d0
    andi.w #0x0F, %d0
    andi.b #0x0F, %d4
    beq.s six_buttons
    moveq #0, %d0
six_buttons:
    lsl.w #8, %d0
    or.w %d3, %d0
    rts

read_once:
    move.b #0x00, (%a2)
    nop
    nop
    move.b (%a2), %d0
    rts

read_twice:                         | SACBRLDU
    bsr.s read_once
    move.b %d0, %d1
    move.b #0x40, (%a2)
    nop
    nop
    move.b (%a2), %d0
    andi.w #0x3F, %d0
    andi.b #0x30, %d1
    lsl.b #2, %d1
    or.b %d1, %d0
    not.b %d0
    rts

add_score:                          | by 125
    lea increment + 2, %a2
    lea score + 2(%a5), %a3
    andi #0xEF, %ccr
    abcd -(%a2), -(%a3)
    abcd -(%a2), -(%a3)
    move.w score(%a5), %d2
    lea digits(%a5), %a3
    moveq #3, %d3
split:
    rol.w #4, %d2
    move.w %d2, %d4
    andi.b #0x0F, %d4
    ori.b #'0', %d4
    move.b %d4, (%a3)+
    dbra %d3, split
    rts

fault:
    bra.s fault

    .balign 2
increment:
    .word 0x0125
palette:
    .word 0x0400, 0x0660, 0x006E, 0x0EEE    | around, a 0, a 1, unused
registers:
    .byte 0x04, 0x44, MAP >> 10, 0x00       | no line interrupts; picture off; plane A; no window
    .byte MAP >> 13, 0x70, 0x00, 0x00       | plane B is the same; sprites at 0xE000; colour 0 around
    .byte 0x00, 0x00, 0xFF, 0x00            | no scrolling
    .byte 0x81, 0x3F, 0x00, 0x02            | 320 pixels; scroll table at 0xFC00; two bytes a write
    .byte 0x01, 0x00, 0x00                  | the plane has 64 by 32 tiles; no window
registers_end:
    .balign 512
end:
