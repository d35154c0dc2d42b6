; Tiny for the PC Engine. What it does, and how its RAM and picture are laid out, stands in games/README.md.

.setcpu "huc6280"

; Addresses below $100 mean the zero page, which the console has at $2000: a: says that the hardware at $0000 is meant.
VDC_SELECT = $0000
VDC_LOW    = $0002
VDC_HIGH   = $0003
VCE_CONTROL = $0400
VCE_ADDRESS = $0402
VCE_DATA    = $0404
TIMER      = $0C01
PAD        = $1000
IRQ_OFF    = $1402

BUTTON_I  = $01                 ; pads: ....VI.V.IV.III LEFT.DOWN.RIGHT.UP.RUN.SELECT.II.I
BUTTON_II = $02
RIGHT     = $20
LEFT      = $80

STATE_BYTES = 15
COLUMN      = 4                 ; of the picture's first tile
ROW         = 2
EMPTY       = 64                ; tiles below lie under the map
NUMBERS     = 80                ; the first of the tiles that show the numbers 0 to 15

.segment "ZEROPAGE"             ; begins at $10, which is $2010 or $F80010
state:
counter: .res 2
score:   .res 2                 ; packed BCD
digits:  .res 4                 ; ASCII, the highest first
pad1:    .res 2
pad2:    .res 2
x_pos:   .res 2
lives:   .res 1
before:  .res 1                 ; pad 1 in the frame before
raw:     .res 1
map_low: .res 1
map_high: .res 1
state_end:

counter_end = $3FFE

.segment "CODE"
reset:
    sei
    csh
    cld
    lda #$FF                    ; the hardware at $0000
    tam #$01
    lda #$F8                    ; RAM at $2000
    tam #$02
    ldx #$FF
    txs
    stz TIMER
    lda #$07
    sta IRQ_OFF

    ldx #state_end - state - 1
clear_state:
    stz state,x
    dex
    bpl clear_state
    stz counter_end
    stz counter_end + 1
    lda #'0'
    ldx #3
zeros:
    sta digits,x
    dex
    bpl zeros
    lda #3
    sta lives

    clx                         ; the picture's timing: 256 pixels by 224 lines
set_registers:
    lda registers,x
    sta a:VDC_SELECT
    inx
    lda registers,x
    sta a:VDC_LOW
    inx
    lda registers,x
    sta a:VDC_HIGH
    inx
    cpx #registers_end - registers
    bne set_registers

    st0 #$00                    ; write to video memory from 0
    st1 #$00
    st2 #$00
    st0 #$02
    clx
    ldy #4
clear_map:
    st1 #EMPTY
    st2 #$00
    inx
    bne clear_map
    dey
    bne clear_map
clear_empty:                    ; and the tiles up to the numbers, 16 words each
    st1 #$00
    st2 #$00
    inx
    bne clear_empty
    clx
make_tile:
    lda rows,x
    ldy #7
write_row:                      ; colour 1 for a 0, colour 2 for a 1
    eor #$FF
    sta a:VDC_LOW
    eor #$FF
    sta a:VDC_HIGH
    dey
    bne write_row
    ldy #9
write_gap:
    st1 #$00
    st2 #$00
    dey
    bne write_gap
    inx
    cpx #16
    bne make_tile

    stz VCE_CONTROL
    stz VCE_ADDRESS
    stz VCE_ADDRESS + 1
    clx
set_colours:
    lda palette,x
    sta VCE_DATA
    inx
    lda palette,x
    sta VCE_DATA + 1
    inx
    cpx #palette_end - palette
    bne set_colours
    stz VCE_ADDRESS             ; the border takes the first colour of the sprites
    lda #1
    sta VCE_ADDRESS + 1
    lda palette
    sta VCE_DATA
    lda palette + 1
    sta VCE_DATA + 1

    lda a:VDC_SELECT            ; forget interrupts that wait
    st0 #$05                    ; picture on, and an interrupt at its end
    st1 #$88
    st2 #$00
    lda #$05
    sta IRQ_OFF
    cli
forever:
    bra forever

vblank:                         ; nothing else runs, so no register needs to be kept
    lda a:VDC_SELECT
    inc counter
    bne counted
    inc counter + 1
counted:
    lda counter
    sta counter_end
    lda counter + 1
    sta counter_end + 1

    stz pad1 + 1                ; stays 0 with pads that have two buttons
    stz pad2 + 1
    jsr read_pads               ; pads with six buttons alternate between two answers
    jsr read_pads

    lda before
    eor #$FF
    ldx pad1
    stx before
    and pad1                    ; pressed just now
    ldx lives
    bmi over
    lsr a
    bcc no_score
    jsr add_score
no_score:
    lsr a
    bcc alive
    dec lives
alive:
    bbr5 pad1, not_right
    inc x_pos
    bne not_right
    inc x_pos + 1
not_right:
    bbr7 pad1, over
    lda x_pos
    bne no_borrow
    dec x_pos + 1
no_borrow:
    dec x_pos
over:

    lda #<(COLUMN + 32 * ROW)
    sta map_low
    stz map_high
    clx
show:
    st0 #$00
    lda map_low
    sta a:VDC_LOW
    clc
    adc #32
    sta map_low
    lda map_high
    sta a:VDC_HIGH
    adc #0
    sta map_high
    st0 #$02
    lda state,x
    lsr a
    lsr a
    lsr a
    lsr a
    ora #NUMBERS
    sta a:VDC_LOW
    st2 #$00
    lda state,x
    and #$0F
    ora #NUMBERS
    sta a:VDC_LOW
    st2 #$00
    inx
    cpx #STATE_BYTES
    bne show
ignore:
    rti

read_pads:
    lda #$01
    sta PAD
    lda #$03                    ; begin with pad 1
    sta PAD
    clx
next_pad:
    lda #$01                    ; directions
    sta PAD
    jsr pause
    lda PAD
    eor #$FF
    asl a
    asl a
    asl a
    asl a
    sta raw
    stz PAD                     ; buttons
    jsr pause
    lda PAD
    eor #$FF
    and #$0F
    ldy raw
    cpy #$F0
    beq extra                   ; no pad has all directions pressed: these are III to VI
    ora raw
    sta pad1,x
    bra next
extra:
    sta pad1 + 1,x
next:
    inx
    inx
    cpx #4
    bne next_pad
pause:
    rts

add_score:                      ; by 125; keeps A
    pha
    sed
    clc
    lda score
    adc #$25
    sta score
    lda score + 1
    adc #$01
    sta score + 1
    cld
    clx
    jsr split
    lda score
    jsr split
    pla
    rts
split:                          ; the two digits of A
    pha
    lsr a
    lsr a
    lsr a
    lsr a
    jsr store_digit
    pla
    and #$0F
store_digit:
    ora #'0'
    sta digits,x
    inx
    rts

registers:                      ; number, low byte, high byte
    .byte $05, $00, $00         ; picture off
    .byte $06, $00, $00
    .byte $07, $00, $00         ; no scrolling
    .byte $08, $00, $00
    .byte $09, $00, $00         ; a map of 32 by 32 tiles
    .byte $0A, $02, $02
    .byte $0B, $1F, $04
    .byte $0C, $02, $0F
    .byte $0D, $DF, $00
    .byte $0E, $03, $00
    .byte $0F, $00, $00
registers_end:

palette:                        ; GGGRRRBBB: around, a 0, a 1
    .word $0003, $00C3, $00F8
palette_end:

rows:                           ; a row of a tile: four bits, two pixels each
.repeat 16, n
    .byte ((n & 8) * $18) | ((n & 4) * $0C) | ((n & 2) * $06) | ((n & 1) * $03)
.endrepeat

.segment "VECTORS"
    .word ignore, vblank, ignore, ignore, reset
