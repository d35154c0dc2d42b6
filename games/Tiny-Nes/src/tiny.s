; Tiny for the NES. What it does, and how its RAM and picture are laid out, stands in games/README.md.

PPUCTRL   = $2000
PPUMASK   = $2001
PPUSTATUS = $2002
PPUSCROLL = $2005
PPUADDR   = $2006
PPUDATA   = $2007
DMCFREQ   = $4010
APUSTATUS = $4015
JOYPAD1   = $4016
JOYPAD2   = $4017

BUTTON_A = $80
BUTTON_B = $40
LEFT     = $02
RIGHT    = $01

STATE_BYTES = 15
COLUMN      = 5                 ; of the picture's first tile; the core cuts one tile off each side
ROW         = 3

.segment "ZEROPAGE"             ; begins at $10
state:
counter: .res 2
score:   .res 2                 ; packed BCD
digits:  .res 4                 ; ASCII, the highest first
pad1:    .res 2
pad2:    .res 2
x_pos:   .res 2
lives:   .res 1
before:  .res 1                 ; pad 1 in the frame before
packed:  .res 1

counter_end = $07FE

.segment "HEADER"
    .byte "NES", $1A, 1, 1, 0, 0        ; 16 KiB program, 8 KiB pictures, no mapper
    .res 8

.segment "CODE"
reset:
    sei
    cld
    ldx #$40
    stx JOYPAD2                 ; no frame interrupts
    ldx #$FF
    txs
    inx
    stx PPUCTRL
    stx PPUMASK
    stx DMCFREQ
    stx APUSTATUS
    bit PPUSTATUS
warm_up:                        ; the PPU takes two frames
    bit PPUSTATUS
    bpl warm_up
    txa
clear:
    sta state,x
    inx
    cpx #packed - state + 1
    bne clear
    sta counter_end
    sta counter_end + 1
    lda #'0'
    ldx #3
zeros:
    sta digits,x
    dex
    bpl zeros
    lda #3
    sta lives
warm_up_more:
    bit PPUSTATUS
    bpl warm_up_more

    lda #$3F
    sta PPUADDR
    lda #$00
    sta PPUADDR
    ldx #0
colours:
    lda palette,x
    sta PPUDATA
    inx
    cpx #4
    bne colours
    lda #$20                    ; both name tables
    sta PPUADDR
    lda #$00
    sta PPUADDR
    tax
    ldy #8
empty:
    sta PPUDATA
    inx
    bne empty
    dey
    bne empty

    bit PPUSTATUS
    lda #$80
    sta PPUCTRL                 ; from now on everything happens in the interrupt
forever:
    jmp forever

nmi:
    inc counter
    bne counted
    inc counter + 1
counted:
    lda counter
    sta counter_end
    lda counter + 1
    sta counter_end + 1

    lda #1
    sta JOYPAD1
    sta pad2                    ; this bit comes out after eight shifts
    lsr a
    sta JOYPAD1
read:
    lda JOYPAD1
    lsr a
    rol pad1
    lda JOYPAD2
    lsr a
    rol pad2
    bcc read

    lda before
    eor #$FF
    and pad1                    ; pressed just now
    ldx pad1
    stx before
    ldy lives
    bmi over
    asl a
    bcc no_score
    jsr add_score
no_score:
    asl a
    bcc alive
    dec lives
alive:
    lda pad1
    lsr a
    bcc not_right
    inc x_pos
    bne not_right
    inc x_pos + 1
not_right:
    lsr a
    bcc over
    ldy x_pos
    bne no_borrow
    dec x_pos + 1
no_borrow:
    dec x_pos
over:

    ldx #0
show:
    lda address_high,x
    sta PPUADDR
    lda address_low,x
    sta PPUADDR
    lda state,x
    lsr a
    lsr a
    lsr a
    lsr a
    ora #$10
    sta PPUDATA
    lda state,x
    and #$0F
    ora #$10
    sta PPUDATA
    inx
    cpx #STATE_BYTES
    bne show
    lda #0
    sta PPUSCROLL
    sta PPUSCROLL
    lda #$80
    sta PPUCTRL
    lda #$0A
    sta PPUMASK                 ; the background, the leftmost eight pixels too
irq:
    rti

add_score:                      ; by 125; keeps A. The NES has no decimal mode
    pha
    ldx #3
    clc
add:
    lda digits,x
    adc step,x
    cmp #'9' + 1
    bcc stored
    sbc #10
stored:
    sta digits,x                ; carry is the carry to the next digit
    dex
    bpl add
    lda digits
    ldx digits + 1
    jsr pack
    sta score + 1
    lda digits + 2
    ldx digits + 3
    jsr pack
    sta score
    pla
    rts

pack:                           ; the low digits of A and X into one byte
    asl a
    asl a
    asl a
    asl a
    sta packed
    txa
    and #$0F
    ora packed
    rts

step:    .byte 0, 1, 2, 5
palette: .byte $02, $1C, $27, $30       ; around, a 0, a 1, unused

FIRST = $2000 + COLUMN + 32 * ROW
address_high:
.repeat STATE_BYTES, row
    .byte >(FIRST + 32 * row)
.endrepeat
address_low:
.repeat STATE_BYTES, row
    .byte <(FIRST + 32 * row)
.endrepeat

.segment "VECTORS"
    .word nmi, reset, irq

.macro bits n, flip              ; a row of a tile: four bits of n, two pixels each
    .byte (((n & 8) * $18) | ((n & 4) * $0C) | ((n & 2) * $06) | ((n & 1) * $03)) ^ flip
.endmacro

.segment "PICTURES"             ; tile 0 is empty, tiles 16 to 31 show the numbers 0 to 15
    .res 16 * 16
.repeat 16, n
    .repeat 7
        bits n, $FF
    .endrepeat
    .byte 0
    .repeat 7
        bits n, 0
    .endrepeat
    .byte 0
.endrepeat
