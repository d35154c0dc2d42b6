; Tiny for the Atari 2600. What it does, and how its RAM and picture are laid out, stands in games/README.md.

        processor 6502

VSYNC   = $00
VBLANK  = $01
WSYNC   = $02
COLUPF  = $08
COLUBK  = $09
PF1     = $0E
INPT4   = $3C
INPT5   = $3D
SWCHA   = $280
SWCHB   = $282
INTIM   = $284
TIM64T  = $296

state       = $80
counter     = state
score       = state + 2         ; packed BCD
digits      = state + 4         ; ASCII, the highest first
pad1        = state + 8
pad2        = state + 10
x_pos       = state + 12
lives       = state + 14
before      = state + 15        ; pad 1 in the frame before
counter_end = $FE

STATE_BYTES = 15
FIRE        = $10               ; bits of the pads: .RESET.SELECT.FIRE.RIGHT.LEFT.DOWN.UP
DOWN        = $02
LEFT        = $04
RIGHT       = $08

        org $F800
reset:
        sei
        cld
        ldx #$FF
        txs
        inx
        txa
clear:                          ; all of the TIA and of RAM
        sta $00,x
        inx
        bne clear
        lda #"0"
        ldx #3
zeros:
        sta digits,x
        dex
        bpl zeros
        lda #3
        sta lives
        lda #$82
        sta COLUBK
        lda #$28
        sta COLUPF

frame:                          ; 3 + 37 + 192 + 30 lines
        lda #2
        sta VBLANK
        sta WSYNC
        sta VSYNC
        sta WSYNC
        sta WSYNC
        sta WSYNC
        lda #0
        sta VSYNC
        lda #43
        sta TIM64T

        inc counter
        bne counted
        inc counter + 1
counted:
        lda counter
        sta counter_end
        lda counter + 1
        sta counter_end + 1

        lda SWCHA
        eor #$FF
        tay
        lsr
        lsr
        lsr
        lsr
        bit INPT4
        bmi no_fire1
        ora #FIRE
no_fire1:
        sta pad1
        lda SWCHB               ; the lowest bits are SELECT and RESET
        eor #$FF
        and #$03
        tax
        lda switches,x
        ora pad1
        sta pad1
        tya
        and #$0F
        bit INPT5
        bmi no_fire2
        ora #FIRE
no_fire2:
        sta pad2

        lda before
        eor #$FF
        and pad1                ; pressed just now
        tay
        lda pad1
        sta before
        lda lives
        bmi over
        tya
        and #FIRE
        beq no_score
        sed
        clc
        lda score
        adc #$25
        sta score
        lda score + 1
        adc #$01
        sta score + 1
        cld
        ldx #0                  ; the digits; the score's second byte has the highest
split:
        pha
        lsr
        lsr
        lsr
        lsr
        ora #"0"
        sta digits,x
        pla
        and #$0F
        ora #"0"
        sta digits + 1,x
        inx
        inx
        lda score
        cpx #4
        bne split
no_score:
        tya
        and #DOWN
        beq alive
        dec lives
alive:
        lda pad1
        and #RIGHT
        beq not_right
        inc x_pos
        bne not_right
        inc x_pos + 1
not_right:
        lda pad1
        and #LEFT
        beq over
        lda x_pos
        bne no_borrow
        dec x_pos + 1
no_borrow:
        dec x_pos
over:

wait_for_picture:
        lda INTIM
        bne wait_for_picture
        sta WSYNC
        sta VBLANK

        ldx #16
above:
        sta WSYNC
        dex
        bne above
row:                            ; eight lines each; the last has nothing in it
        lda state,x
        sta PF1
        ldy #7
line:
        sta WSYNC
        dey
        bne line
        sty PF1
        sta WSYNC
        inx
        cpx #STATE_BYTES
        bne row
        ldx #192 - 16 - 8 * STATE_BYTES
below:
        sta WSYNC
        dex
        bne below

        lda #2
        sta VBLANK
        ldx #29
overscan:
        sta WSYNC
        dex
        bne overscan
        jmp frame

switches:
        byte $00, $40, $20, $60

        org $FFFA
        word reset, reset, reset
