; Tiny for the Super NES. What it does, and how its RAM and picture are laid out, stands in games/README.md.

.p816

INIDISP = $2100
BG1SC   = $2107
BG1VOFS = $210E
VMAIN   = $2115
VMADD   = $2116
VMDATA  = $2118
CGADD   = $2121
CGDATA  = $2122
TM      = $212C
NMITIMEN = $4200
MDMAEN  = $420B
RDNMI   = $4210
HVBJOY  = $4212
JOY1    = $4218
JOY2    = $421A

BUTTON_A = $0080
BUTTON_B = $8000
LEFT     = $0200
RIGHT    = $0100

STATE_BYTES = 15
MAP         = $0400             ; words of video memory
COLUMN      = 4                 ; of the picture's first tile
ROW         = 2

.segment "ZEROPAGE"             ; begins at $10, which is $7E0010
state:
counter: .res 2
score:   .res 2                 ; packed BCD
digits:  .res 4                 ; ASCII, the highest first
pad1:    .res 2
pad2:    .res 2
x_pos:   .res 2
lives:   .res 1
before:  .res 2                 ; pad 1 in the frame before
state_end:

counter_end = $7FFFFE

.segment "CODE"
reset:
    sei
    clc
    xce
    rep #$38
    .a16
    .i16
    ldx #$1FFF
    txs
    lda #0
    tcd
    sta f:counter_end
    ldx #state_end - state - 2
clear_state:
    stz state,x
    dex
    dex
    bpl clear_state
    stz state
    lda #$3030
    sta digits
    sta digits + 2
    sep #$20
    .a8
    lda #3
    sta lives

    lda #$8F
    sta INIDISP
    stz NMITIMEN
    stz MDMAEN
    stz MDMAEN + 1
    ldx #INIDISP + 1
clear_registers:                ; each twice, for those that take two bytes
    stz 0,x
    stz 0,x
    inx
    cpx #$2134
    bne clear_registers

    lda #$80
    sta VMAIN
    rep #$20
    .a16
    stz VMADD
    ldx #MAP + 32 * 32
clear_video:
    stz VMDATA
    dex
    bne clear_video
    lda #16 * 8                 ; tiles 16 to 31 show the numbers 0 to 15
    sta VMADD
copy_tiles:
    lda tiles,x
    sta VMDATA
    inx
    inx
    cpx #tiles_end - tiles
    bne copy_tiles
    sep #$20
    .a8
    stz CGADD
    ldx #0
set_colours:
    lda palette,x
    sta CGDATA
    inx
    cpx #palette_end - palette
    bne set_colours

    lda #MAP >> 8
    sta BG1SC
    lda #$FF                    ; the first line is never shown
    sta BG1VOFS
    sta BG1VOFS
    lda #1
    sta TM
    lda #$0F
    sta INIDISP
    lda RDNMI
    lda #$81                    ; an interrupt at the picture's end, and the pads are read then
    sta NMITIMEN
forever:
    wai
    bra forever

nmi:                            ; nothing else runs, so no register needs to be kept
    sep #$20
    .a8
    lda RDNMI
    ldx #60                     ; the hardware begins to read the pads a little later, and says so only then
wait_begin:
    dex
    bne wait_begin
wait_end:
    lda HVBJOY
    lsr a
    bcs wait_end

    rep #$20
    .a16
    inc counter
    lda counter
    sta f:counter_end
    lda JOY1
    sta pad1
    lda JOY2
    sta pad2
    lda before
    eor #$FFFF
    and pad1                    ; pressed just now
    tay
    lda pad1
    sta before
    lda lives
    bit #$0080
    bne over
    tya
    bit #BUTTON_A
    beq no_score
    jsr add_score
no_score:
    tya
    bpl alive
    sep #$20
    .a8
    dec lives
    rep #$20
    .a16
alive:
    lda pad1
    bit #RIGHT
    beq not_right
    inc x_pos
not_right:
    bit #LEFT
    beq over
    dec x_pos
over:

    ldx #0
    ldy #MAP + COLUMN + 32 * ROW
show:
    sty VMADD
    lda state,x
    lsr a
    lsr a
    lsr a
    lsr a
    and #$000F
    ora #$0010
    sta VMDATA
    lda state,x
    and #$000F
    ora #$0010
    sta VMDATA
    tya
    clc
    adc #32
    tay
    inx
    cpx #STATE_BYTES
    bne show
irq:
    rti

add_score:                      ; by 125; keeps Y
    sed
    clc
    lda score
    adc #$0125
    sta score
    cld
    ldx #0
split:                          ; the highest digit first
    xba
    pha
    lsr a
    lsr a
    lsr a
    lsr a
    jsr store_digit
    pla
    pha
    jsr store_digit
    pla
    cpx #4
    bne split
    rts
store_digit:
    and #$000F
    ora #$0030
    sep #$20
    .a8
    sta digits,x
    rep #$20
    .a16
    inx
    rts

palette:                        ; -BBBBBGG GGGRRRRR: around, a 0, a 1
    .word $2800, $3180, $019D
palette_end:

.macro bits n                   ; a row of a tile: four bits of n, two pixels each; colour 1 for a 0, colour 2 for a 1
    .word ((((n & 8) * $18) | ((n & 4) * $0C) | ((n & 2) * $06) | ((n & 1) * $03)) * $FF) + $FF
.endmacro
tiles:
.repeat 16, n
    .repeat 7
        bits n
    .endrepeat
    .word 0
.endrepeat
tiles_end:

.segment "HEADER"               ; $FFC0
    .byte "TINY                 "
    .byte $20, $00, $05, $00, $01, $00, $00     ; LoROM, no chips, 32 KiB, no RAM, America
    .word $FFFF, $0000          ; the checksum is filled in by nobody
    .word 0, 0, irq, irq, irq, nmi, 0, irq      ; native
    .word 0, 0, irq, 0, irq, irq, reset, irq    ; emulation
